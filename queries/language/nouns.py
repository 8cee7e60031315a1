"""Noun phrases of intentions, by the dependency parse.

A phrase is a noun with what stands before it and says which one: compounds and adjectives
(*outdoor cooking equipment*), not determiners, possessives and numbers. Universal Dependencies and
spaCy's own labels are both understood. Of a name, its parts belong together (*New York*).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from queries.language import load, spare_torch

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

_BLOCK = 2_000  # texts that are parsed together: they are sorted by length within it
_BATCH = 256
_PARALLEL = 20_000  # from so many texts on other processes are worth their start
_LONGEST = 2_000  # characters that are read of a text; intentions have some dozens

_PLURAL = frozenset({"NNS", "NNPS"})
_BEFORE = frozenset({"compound", "amod", "nmod", "nn"})
_AFTER = frozenset({"flat", "flat:name", "fixed", "goeswith"})
_OF_VERBS = frozenset({"obj", "dobj", "iobj", "obl", "xcomp", "ccomp", "advmod", "prep"})


Noun = tuple[tuple[str, ...], int, bool]
"""The words of a phrase, the position of its noun among them, and whether that is a plural."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase.

    Attributes
    ----------
    words
        In lower case, as written, without determiners and the like.
    head
        Position of the noun among them.
    plural, proper
        Whether the noun is a plural, and whether it is a name.
    start, end
        Where the phrase, its determiners left out, stands in the text (characters).
    """

    words: tuple[str, ...]
    head: int
    plural: bool
    proper: bool
    start: int
    end: int

    @property
    def noun(self) -> Noun:
        """What it says, wherever it stands."""
        return self.words, self.head, self.plural


def phrases(
    texts: Iterable[str], *, model: str | None = None, processes: int | None = None
) -> Iterator[list[Phrase]]:
    """Yield the noun phrases of each text, in the order of the texts.

    Parameters
    ----------
    texts
        Any number of them; some thousands are in memory at a time.
    model
        A spaCy model, as for :func:`queries.language.load`.
    processes
        How many parse. By default as many as there are processors, where there are many texts.

    Notes
    -----
    Text beyond 2,000 characters is not read. A text that comes again soon is parsed once.
    """
    coming = iter(texts)
    first = list(islice(coming, _PARALLEL))
    workers = processes or (os.cpu_count() or 1 if len(first) == _PARALLEL else 1)
    blocks = _blocks(first, coming)
    if workers == 1:
        load(model)
        for block in blocks:
            yield from parse(block, model)
        return
    from joblib import Parallel, delayed

    pool = Parallel(workers, return_as="generator", pre_dispatch="2 * n_jobs")
    for found in pool(delayed(_parse_there)(block, model) for block in blocks):
        yield from found


def parse(texts: Sequence[str], model: str | None = None) -> list[list[Phrase]]:
    """Noun phrases of some texts, which are held in memory together."""
    from threadpoolctl import threadpool_limits

    nlp = load(model)
    read = [_readable(text[:_LONGEST]) for text in texts]
    wanted = sorted(set(read), key=lambda text: (len(text), text))
    # The matrices are small: threads would wait for each other longer than they work.
    with threadpool_limits(1, "blas"):
        docs = nlp.pipe(wanted, batch_size=_BATCH)
        found = {text: of(doc) for text, doc in zip(wanted, docs, strict=True)}
    return [found[text] for text in read]


def _readable(text: str) -> str:
    """Without halves of surrogate pairs, of which spaCy cannot make words; as long as it was."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _parse_there(texts: Sequence[str], model: str | None) -> list[list[Phrase]]:
    """Do it in a process that does nothing else."""
    if model is None:
        spare_torch()
    return parse(texts, model)


def of(doc: Doc) -> list[Phrase]:
    """Noun phrases of a parsed text, in its order."""
    found: dict[int, list[Token]] = {}
    parts: set[int] = set()
    for token in filter(_is_noun, doc):
        others = [*_before(token), *_after(token)]
        parts.update(word.i for word in others)
        found[token.i] = sorted([token, *others], key=lambda word: word.i)
    return [
        Phrase(
            words=tuple(word.lower_ for word in words),
            head=next(place for place, word in enumerate(words) if word.i == index),
            plural=doc[index].tag_ in _PLURAL or "Plur" in doc[index].morph.get("Number"),
            proper=doc[index].tag_.startswith("NNP") or doc[index].pos_ == "PROPN",
            start=words[0].idx,
            end=words[-1].idx + len(words[-1]),
        )
        for index, words in found.items()
        if index not in parts
    ]


def _is_noun(token: Token) -> bool:
    tag = token.tag_
    noun = tag.startswith("NN") if tag else token.pos_ in ("NOUN", "PROPN")
    if tag == "VBG":
        noun = _is_activity(token)
    return noun and sum(c.isalpha() for c in token.text) > 1  # no placeholder such as X


def _is_activity(token: Token) -> bool:
    """A participle that stands for a noun: *wireless charging*, *hiking, camping and fishing*."""
    if token.dep_ == "conj" and token.head.tag_.startswith("NN"):
        return not any(child.dep_ in _OF_VERBS for child in token.children)
    return any(child.dep_ in ("amod", "compound", "nn") for child in token.lefts)


def _before(token: Token) -> list[Token]:
    """What stands right before a word and belongs to it, with what belongs to that.

    Nothing is left out between them: of *black and white photos* it takes neither colour.
    """
    found: list[Token] = []
    edge = token.i
    for child in reversed(list(token.lefts)):
        if child.dep_ not in _BEFORE or child.right_edge.i != edge - 1 or child.tag_ == "CD":
            break
        if any(word.dep_ in ("case", "cc", "prep") for word in child.children):
            break
        own = [child, *_before(child), *_after(child)]
        places = {word.i for word in own}
        after = child.doc[max(places) + 1 : edge]
        if not all(word.is_punct for word in after):  # other than the hyphen of "e-book reader"
            break
        found += own
        edge = min(places)
    return found


def _after(token: Token) -> list[Token]:
    """The rest of a name."""
    return [child for child in token.rights if child.dep_ in _AFTER]


def _blocks(first: list[str], rest: Iterator[str]) -> Iterator[list[str]]:
    for start in range(0, len(first), _BLOCK):
        yield first[start : start + _BLOCK]
    while block := list(islice(rest, _BLOCK)):
        yield block
