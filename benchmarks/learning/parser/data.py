"""From the treebank to spaCy's training files: sentences, and what intentions look like.

Intentions are bits of sentences, mostly in lower case and without a full stop: *used for cooking
outdoors*, *to be ready for a trip*. A treebank has few such, so some are made of it: sentences in
lower case without their end, and the phrases in them that could be an intention.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import UnsuitableFileError

if TYPE_CHECKING:
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

SPLITS = ("train", "dev", "test")
_LOWERED = 0.4  # of the sentences, once more in lower case
_FRAGMENTS = 0.3  # of the phrases that could be an intention
_SHORTEST, _LONGEST = 2, 20  # words of such a phrase

# What the root of such a phrase is to its sentence: *ready to cook*, *used for cooking*, *a tent
# that keeps the rain out*, *a day at the beach*.
_KINDS = frozenset({"xcomp", "ccomp", "advcl", "acl", "acl:relcl", "conj", "obj", "obl", "root"})


def prepare(data: Path, folder: Path, *, seed: int = 0, limit: int | None = None) -> dict[str, int]:
    """Convert the treebank's splits with ``spacy convert``; add what intentions look like.

    Parameters
    ----------
    data
        Holds ``en_ewt-ud-{train,dev,test}.conllu.gz``, or without ``.gz``.
    folder
        Where ``train.spacy``, ``dev.spacy``, ``test.spacy`` and ``test-lower.spacy`` go: the last
        is the test split in lower case and without what ends a sentence.
    seed
        Of what is drawn.
    limit
        Sentences of each split at most.

    Returns
    -------
    dict
        Documents by file.
    """
    import spacy
    from spacy.tokens import DocBin

    vocab = spacy.blank("en").vocab
    rng = random.Random(seed)
    counts = {}
    for split in SPLITS:
        docs = list(_converted(data, folder, split, vocab, limit))
        if split == "train":
            docs += [_lowered(doc) for doc in docs if rng.random() < _LOWERED]
            docs += [part for doc in docs for part in fragments(doc) if rng.random() < _FRAGMENTS]
            rng.shuffle(docs)
        files = {split: docs}
        if split == "test":
            files["test-lower"] = [_lowered(doc) for doc in docs]
        for name, found in files.items():
            DocBin(docs=found).to_disk(folder / f"{name}.spacy")
            counts[name] = len(found)
    return counts


def fragments(doc: Doc) -> Iterator[Doc]:
    """Phrases of a sentence that could be intentions, in lower case, the whole left out."""
    for token in doc:
        if token.dep_ not in _KINDS or token.pos_ not in ("VERB", "NOUN"):
            continue
        subtree = sorted(word.i for word in token.subtree)
        whole = all(b == a + 1 for a, b in pairwise(subtree))
        kept = _without_rim(doc, subtree)
        if whole and _SHORTEST <= len(kept) <= _LONGEST and len(kept) < len(doc) - 2:
            yield _part(doc, kept, token.i)


def _lowered(doc: Doc) -> Doc:
    """The sentence in lower case, without the signs at its end."""
    kept = _without_rim(doc, list(range(len(doc))))
    roots = [token.i for token in doc if token.head.i == token.i]
    if not kept or any(doc[i].head.i not in kept for i in kept):
        kept = list(range(len(doc)))
    return _part(doc, kept, roots[0])


def _without_rim(doc: Doc, kept: Sequence[int]) -> list[int]:
    found = list(kept)
    while found and doc[found[-1]].is_punct:
        found.pop()
    while found and doc[found[0]].is_punct:
        found.pop(0)
    return found


def _part(doc: Doc, kept: Sequence[int], root: int) -> Doc:
    """Some words of a sentence as a document; `root` heads what lost its head."""
    from spacy.tokens import Doc

    place = {index: position for position, index in enumerate(kept)}
    root = root if root in place else kept[0]
    heads, deps = [], []
    for index in kept:
        head = doc[index].head.i
        own = index == root or head == index
        heads.append(place[index if own else head] if head in place or own else place[root])
        deps.append("ROOT" if own else doc[index].dep_)
    return Doc(
        doc.vocab,
        words=[doc[index].lower_ for index in kept],
        spaces=[bool(doc[index].whitespace_) for index in kept[:-1]] + [False],
        tags=[doc[index].tag_ for index in kept],
        pos=[doc[index].pos_ for index in kept],
        lemmas=[doc[index].lemma_.lower() for index in kept],
        heads=heads,
        deps=deps,
        sent_starts=[1] + [-1] * (len(kept) - 1),
    )


def _converted(
    data: Path, folder: Path, split: str, vocab: Vocab, limit: int | None
) -> Iterator[Doc]:
    """The documents that ``spacy convert`` makes of a split, a sentence each."""
    import gzip

    from spacy.cli.convert import convert
    from spacy.tokens import DocBin

    name = f"en_ewt-ud-{split}.conllu"
    plain, packed = data / name, data / f"{name}.gz"
    if not plain.exists() and not packed.exists():
        raise UnsuitableFileError(
            f"{data} has no {name}", file=str(data), fix="name the folder of UD English EWT"
        )
    source = folder / f"{split}.conllu"
    text = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    if limit is not None:  # a sentence ends with an empty line
        text = b"\n\n".join(text.split(b"\n\n")[:limit]) + b"\n\n"
    source.write_bytes(text)
    convert(source, folder, file_type="spacy", converter="conllu", n_sents=1, silent=True)
    found: DocBin = DocBin().from_disk(folder / f"{split}.spacy")
    yield from found.get_docs(vocab)
