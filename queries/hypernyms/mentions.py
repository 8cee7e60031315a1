"""What each intention speaks of: its noun phrases, and the instances of a taxonomy they match."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from queries.corpus import Corpus
from queries.hypernyms.taxonomy import Taxonomy
from queries.language.nouns import Noun, phrases

Progress = Callable[[str, int, int | None], None]

_REPORTED = 1_000  # intentions between two reports of progress


@dataclass(frozen=True, slots=True)
class Mentions:
    """Noun phrases of the intentions of a corpus, each different one held once.

    Attributes
    ----------
    corpus
        Whose they are.
    nouns
        The different phrases.
    counts
        How often each comes.
    matched
        The taxonomy's name of each, where it knows one.
    ends, places, spans
        Phrases of the n-th intention, in the corpus's order:
        ``places[ends[n - 1] : ends[n]]``, positions in `nouns`; and where each phrase stands in
        the text, two numbers for each.
    """

    corpus: Corpus
    nouns: list[Noun]
    counts: list[int]
    matched: dict[Noun, str]
    ends: array[int]
    places: array[int]
    spans: array[int]

    @property
    def intentions(self) -> int:
        """How many intentions were read."""
        return len(self.ends)

    def instances(self) -> Counter[str]:
        """How often each instance of the taxonomy is mentioned."""
        found: Counter[str] = Counter()
        for noun, count in zip(self.nouns, self.counts, strict=True):
            if (name := self.matched.get(noun)) is not None:
                found[name] += count
        return found

    def names(self) -> list[str | None]:
        """The instance that each phrase matches."""
        return [self.matched.get(noun) for noun in self.nouns]

    def by_intention(self) -> Iterator[tuple[str, set[str]]]:
        """Yield each intention's id with the instances that it mentions; reads the corpus again."""
        names = self.names()
        start = 0
        identifiers = chain.from_iterable(
            batch["intention_id"].to_pylist() for batch in self.corpus.batches()
        )
        for identifier, end in zip(identifiers, self.ends, strict=True):
            found = {name for place in self.places[start:end] if (name := names[place]) is not None}
            yield identifier, found
            start = end


def read(
    corpus: Corpus,
    taxonomy: Taxonomy,
    *,
    parser: str | None = None,
    progress: Progress | None = None,
) -> Mentions:
    """Parse a corpus and match its noun phrases.

    Parameters
    ----------
    corpus, taxonomy
        What is read, and what it is matched with.
    parser
        A spaCy model in place of the one that is shipped.
    progress
        Called with a stage, how much of it is done, and its total.

    Notes
    -----
    Besides the different phrases it holds a few bytes an intention: a million take some 200 MB.
    """
    report = progress or _silent
    total = corpus.size()
    texts = chain.from_iterable(batch["text"].to_pylist() for batch in corpus.batches())
    known: dict[Noun, int] = {}
    counts: list[int] = []
    ends, places, spans = array("q"), array("l"), array("H")
    for number, found in enumerate(phrases(texts, model=parser), start=1):
        for phrase in found:
            place = known.setdefault(phrase.noun, len(counts))
            if place == len(counts):
                counts.append(0)
            counts[place] += 1
            places.append(place)
            spans.extend((phrase.start, phrase.end))
        ends.append(len(places))
        if not number % _REPORTED:
            report("parsing", number, total)
    report("parsing", total, total)
    return Mentions(corpus, list(known), counts, taxonomy.match(known), ends, places, spans)


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report to nobody."""
