"""Sarcasm in posts (MIKO, section 6 and Table 5): do the intentions of a post tell it?

Text, text with the image in words, text with intentions, all three; and the controls, in which
every post gets the intentions of another one: the same capacity, without the knowledge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.downstream.harness import Report, Run
from benchmarks.downstream.harness.training import Learning

SUMMARY = "tell sarcastic posts by text, image in words, and intentions (MIKO, Table 5)"


@dataclass(frozen=True, slots=True)
class Config(Learning):
    """Settings; see ``default.toml``.

    Attributes
    ----------
    posts
        "": the Twitter sarcasm data. Otherwise a JSONL file with text, image, label.
    classes, positive
        For a file of one's own: its two or more labels, and the one that P, R and F1 are of.
    graph
        ``student``: a graph in which the student has written about each post. Otherwise the
        folder of a knowledge base, in which any model may have written.
    graph_source
        The source under which the posts were ingested there; a post that is not found gets the
        intentions nearest to its text.
    relations
        What the student writes.
    k
        Intentions at most for a post.
    way
        ``frozen``: a small network on MiniLM's vectors of text, image and intentions. ``tuned``:
        the backbone is fine-tuned, with image and intentions appended to the text (as MIKO does).
    backbone
        For ``tuned``: ``minilm``, a folder, or a Hugging Face name such as bert-base-uncased.
    trained_layers
        How many upper layers of it learn.
    valid_limit
        Only so many validation posts; 0: all.
    """

    posts: str
    classes: tuple[str, ...]
    positive: str
    graph: str
    graph_source: str
    relations: tuple[str, ...]
    k: int
    way: Literal["frozen", "tuned"]
    backbone: str
    max_tokens: int
    trained_layers: int
    valid_limit: int


def run(config: Config, run: Run) -> Report:
    """Run the benchmark; see :mod:`benchmarks.downstream.sarcasm.experiment`."""
    from benchmarks.downstream.sarcasm.experiment import experiment

    return experiment(config, run)
