"""Graph intentions beside an utterance: does BERT recognise its intent better?

Three arms, alike in everything else: the text alone; the text with the intentions that the graph
gives for it; the text with as many intentions dealt out at random, which has the capacity and the
number but not the knowledge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.downstream.harness import Report, Run
from benchmarks.downstream.harness.training import Learning

SUMMARY = "recognise an utterance's intent with intentions of the graph beside it"


@dataclass(frozen=True, slots=True)
class Config(Learning):
    """Settings; see ``default.toml``.

    Attributes
    ----------
    dataset
        ``mintrec`` or ``mintrec2``.
    backbone
        ``minilm``, a folder, or a Hugging Face name.
    graph
        ``student``: a graph in which the student has written about each utterance (own edges).
        ``atomic``: ATOMIC 2020's evaluation sample, the intentions nearest in meaning.
    relations
        What the student writes.
    k
        Intentions at most for an utterance.
    way
        ``tokens``: in words, as the second segment. ``stream``: their mean vector beside the
        encoder's.
    trained_layers
        How many upper layers of the encoder learn.
    """

    dataset: Literal["mintrec", "mintrec2"]
    backbone: str
    graph: Literal["student", "atomic"]
    relations: tuple[str, ...]
    k: int
    way: Literal["tokens", "stream"]
    max_tokens: int
    trained_layers: int


def run(config: Config, run: Run) -> Report:
    """Run the benchmark; see :mod:`benchmarks.downstream.intents.experiment`."""
    from benchmarks.downstream.intents.experiment import experiment

    return experiment(config, run)
