"""A-MESS (anchor-based multimodal embedding with semantic synchronisation), and its baselines.

Two parts. On MIntRec's utterances, of which only the words are to be had: the text alone, and the
text with semantic synchronisation. On made features of published shape, in which only anchors
tell the label: all of A-MESS, its ablations, MAG-BERT, MulT, and the number of anchors swept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.downstream.harness import Report, Run
from benchmarks.downstream.harness.training import Learning

SUMMARY = "A-MESS, its ablations and its baselines"


@dataclass(frozen=True, slots=True)
class Config(Learning):
    """Settings; see ``default.toml``.

    Attributes
    ----------
    dataset
        ``mintrec`` or ``mintrec2``; "none" for the made features alone.
    backbone
        Reads MIntRec's words: ``minilm``, a folder, or a Hugging Face name.
    features
        A folder with ``video_feats.pkl`` and ``audio_feats.pkl`` as published (or the same as
        ``.safetensors``): then all models run on the data set too. "": its words alone.
    outside
        Utterances labelled UNK, which are out of scope: ``none`` leaves them out; ``class``
        learns them as one class more, as the paper's table II has it; ``unseen`` trains without
        them, and rejects what the model is not sure of.
    temperature
        Of the contrastive loss.
    k, length
        Anchors of each modality; word pieces at most, and steps after alignment.
    readout
        Whether the alignment has a linear layer behind its LSTM; the reference code has none.
    graph
        Intentions to read as further tokens behind the words, in arms of their own beside as many
        random ones: the ``student``'s about each utterance, or those of ATOMIC 2020 that are
        nearest in meaning (``atomic``); ``none``.
    graph_relations
        Of the student's.
    graph_k
        Intentions at most for an utterance.
    made_*
        The made features: examples of training, validation and test; classes; frames and numbers
        in a frame of video and audio; width and layers of the BERT, whose weights are random.
    sweep
        Numbers of anchors to try.
    """

    dataset: Literal["mintrec", "mintrec2", "none"]
    backbone: str
    features: str
    outside: Literal["none", "unseen", "class"]
    temperature: float
    k: int
    length: int
    readout: bool
    graph: Literal["none", "student", "atomic"]
    graph_relations: tuple[str, ...]
    graph_k: int
    made_counts: tuple[int, ...]
    made_classes: int
    made_video: tuple[int, ...]
    made_audio: tuple[int, ...]
    made_width: int
    made_layers: int
    made_epochs: int
    made_rate: float
    made_length: int
    made_arms: tuple[str, ...]
    sweep: tuple[int, ...]


def run(config: Config, run: Run) -> Report:
    """Run the benchmark; see :mod:`benchmarks.downstream.amess.experiment`."""
    from benchmarks.downstream.amess.experiment import experiment

    return experiment(config, run)
