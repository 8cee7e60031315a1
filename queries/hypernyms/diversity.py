"""How diverse intentions are: the distribution of what the things in them are kinds of.

MIND's analysis (Xu et al. 2024, section 5.4.2 and Figure 3): of a sample of 30,000 intentions the
nouns by dependency parse, matched against Probase, and the hypernyms of these by their number of
occurrences. Here each occurrence is divided among the concepts of the noun by their typicality,
P(concept | instance), so that an ambiguous word says a little of each.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from queries.hypernyms.mentions import Mentions
from queries.hypernyms.taxonomy import Taxonomy

SAMPLE = 30_000
"""Intentions that MIND samples."""

_EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Hypernym:
    """One concept of the distribution.

    Attributes
    ----------
    concept
        Its name.
    weight
        Occurrences of nouns that are of it, each by its typicality.
    share
        Of all such weight, in [0, 1].
    examples
        The instances that give it most.
    """

    concept: str
    weight: float
    share: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diversity:
    """The distribution of hypernyms, and figures of it.

    Attributes
    ----------
    label
        Which graph, model or sample it is of.
    taxonomy
        Which taxonomy was asked.
    available, intentions
        Intentions that there are to choose from, and that were read.
    asked
        How many were asked for; None: all.
    seed
        What they were drawn with.
    phrases, different
        Noun phrases in them, and how many of these are different.
    matched
        Phrases that the taxonomy knows.
    matched_intentions
        Intentions with such a phrase.
    concepts
        How many concepts have any weight.
    entropy
        Of the distribution of concepts, in bits.
    evenness
        Entropy divided by that of a distribution in which all these concepts weigh the same, in
        [0, 1].
    distribution
        Every concept, the heaviest first.
    """

    label: str
    taxonomy: str
    available: int
    intentions: int
    asked: int | None
    seed: int
    phrases: int
    different: int
    matched: int
    matched_intentions: int
    concepts: int
    entropy: float
    evenness: float
    distribution: tuple[Hypernym, ...]

    @property
    def type_token_ratio(self) -> float:
        """Different phrases by all phrases; depends on the size of the sample."""
        return self.different / self.phrases if self.phrases else 0.0

    @property
    def coverage(self) -> float:
        """Share of the phrases that the taxonomy knows."""
        return self.matched / self.phrases if self.phrases else 0.0

    @property
    def notes(self) -> list[str]:
        """What a reader should know of these figures."""
        found = []
        if self.asked is not None and self.asked > self.intentions:
            found.append(
                f"{self.label} has {self.available:,} intentions, fewer than the "
                f"{self.asked:,} asked for: all were read"
            )
        if not self.matched:
            found.append(f"{self.taxonomy} knows none of the {self.phrases:,} noun phrases")
        return found

    def to_dict(self, *, most: int | None = None) -> dict[str, Any]:
        """Everything, for JSON, with the heaviest concepts only if so asked."""
        return {
            **asdict(self),
            "type_token_ratio": self.type_token_ratio,
            "coverage": self.coverage,
            "distribution": [asdict(each) for each in self.distribution[:most]],
            "notes": self.notes,
        }


def measure(mentions: Mentions, taxonomy: Taxonomy, *, label: str) -> Diversity:
    """Compute the distribution from what intentions mention."""
    instances = mentions.instances()
    senses = taxonomy.look_up(instances)
    weights: defaultdict[str, float] = defaultdict(float)
    givers: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for instance, count in instances.items():
        for sense in senses[instance]:
            weight = count * sense.given_instance
            weights[sense.concept] += weight
            givers[sense.concept].append((-weight, instance))
    total = math.fsum(weights.values())
    ordered = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    names = mentions.names()
    start = matched_intentions = 0
    for end in mentions.ends:
        matched_intentions += any(names[p] is not None for p in mentions.places[start:end])
        start = end
    entropy = entropy_of(weights)
    return Diversity(
        label=label,
        taxonomy=taxonomy.name,
        available=mentions.corpus.count(),
        intentions=mentions.intentions,
        asked=mentions.corpus.sample,
        seed=mentions.corpus.seed,
        phrases=len(mentions.places),
        different=len(mentions.nouns),
        matched=sum(instances.values()),
        matched_intentions=matched_intentions,
        concepts=len(weights),
        entropy=entropy,
        evenness=entropy / math.log2(len(weights)) if len(weights) > 1 else 0.0,
        distribution=tuple(
            Hypernym(
                concept,
                weight,
                weight / total,
                tuple(name for _, name in sorted(givers[concept])[:_EXAMPLES]),
            )
            for concept, weight in ordered
        ),
    )


def entropy_of(weights: Mapping[str, float]) -> float:
    """Shannon entropy of a distribution in bits; weights need not add up to one.

    Examples
    --------
    >>> entropy_of({"food": 2.0, "tool": 2.0, "place": 4.0})
    1.5
    """
    total = math.fsum(weights.values())
    shares = [weight / total for weight in weights.values() if weight > 0]
    return -math.fsum(share * math.log2(share) for share in shares) if shares else 0.0


def distance(first: Diversity, second: Diversity) -> float:
    """Jensen-Shannon distance between two distributions of hypernyms, in [0, 1] (base 2)."""
    from scipy.spatial.distance import jensenshannon

    names = sorted({h.concept for each in (first, second) for h in each.distribution})
    if not first.distribution or not second.distribution:
        return 1.0 if names else 0.0
    vectors = []
    for each in (first, second):
        shares = {hypernym.concept: hypernym.share for hypernym in each.distribution}
        vectors.append([shares.get(name, 0.0) for name in names])
    return float(jensenshannon(*vectors, base=2))
