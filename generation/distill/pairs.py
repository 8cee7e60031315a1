"""The rows of a co-buy: what its products are like, its intentions, and what customers judged.

In the form ``pipeline`` a row is one request of `generation.mind`, word for word, so that the
student answers what ``intentkg generate`` asks. In the form ``paper`` it is the question of MIND's
appendix D, the same for all relations, and the answer is the whole sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from generation.distill.chosen import Judged, Tail
from generation.distill.posts import kept_tails
from generation.distill.rows import Row, row, tail_reply, verdict_reply
from generation.heads import CoBuyHead
from generation.mind import Mind, MindOptions
from generation.mind.showing import Shown, show_pair
from generation.prompt import as_data, shorten
from generation.tails import Told
from schema.relations import COBUY, Family

_QUESTION = "A customer buys {} and {}. What is the most likely intention for buying them?"
_CUT = re.compile(r" \[\.\.\. \d+ more characters\]\Z")


class PairRows:
    """Writes the rows of co-buys.

    Parameters
    ----------
    options
        How the pipeline is set up that the student will answer; it sees no pictures.
    paper
        The form of the paper.
    """

    family = Family.COBUY

    def __init__(self, options: MindOptions, *, paper: bool = False) -> None:
        self._options = options
        self._paper = paper
        self._mind = Mind(options)
        self._as_json = options.structured
        self._described: set[str] = set()

    def rows(
        self,
        head: CoBuyHead,
        tails: Sequence[Tail],
        judged: Sequence[Judged],
        known: Mapping[str, str],
        left: Counter[str],
    ) -> Iterator[Row]:
        """Yield the rows of a co-buy.

        Parameters
        ----------
        judged
            Verdicts, on tails that are not taught too.
        known
            What `generation.distill.known` knows of it.
        left
            Counts tails that the pipeline itself would not keep, by reason.
        """
        noticed = [known.get(f"noticed_{end}", "") for end in "ab"]
        shown = show_pair(head, noticed, self._options)
        told = Told.of(self._mind.intention_prompt(shown).words, shown.texts)
        kept = sorted(kept_tails(tails, told, self._mind, left), key=_place)
        if self._paper:
            yield from self._questions(head, kept)
            return
        yield from self._features(head, noticed)
        for tail in kept:
            request = self._mind.intention_request(shown, tail.relation)
            answer = tail_reply(tail.text, as_json=self._as_json)
            yield row(head.id, "intentions", (tail.relation.name,), request, answer)
        yield from self._verdicts(head, shown, judged)

    def _features(self, head: CoBuyHead, noticed: Sequence[str]) -> Iterator[Row]:
        """Ask what each product is like, once however many pairs it is in."""
        for product, text in zip((head.a, head.b), noticed, strict=True):
            if text and not _CUT.search(text) and product.id not in self._described:
                self._described.add(product.id)
                request = self._mind.features_request(product)
                yield row(product.id, "features", (), request, text)

    def _verdicts(self, head: CoBuyHead, shown: Shown, judged: Sequence[Judged]) -> Iterator[Row]:
        for one in judged:
            request = self._mind.filter_request(shown, one.relation, one.text)
            answer = verdict_reply(one.accepted, one.rationale, as_json=self._as_json)
            yield row(head.id, "filter", (), request, answer)

    def _questions(self, head: CoBuyHead, tails: Sequence[Tail]) -> Iterator[Row]:
        most = self._options.title_characters
        titles = [as_data(shorten(one.title, most)) or one.id for one in (head.a, head.b)]
        for tail in tails:
            sentence = tail.relation.sentence(tail.text)
            answer = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
            turns = ((_QUESTION.format(*titles), answer),)
            yield Row(head.id, "intentions", (tail.relation.name,), "", turns)


def _place(tail: Tail) -> int:
    return COBUY.index(tail.relation)
