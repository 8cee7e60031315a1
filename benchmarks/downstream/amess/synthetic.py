"""Made features of the published shapes, in which only a few frames tell the label.

Words are drawn at random and every frame of video and audio is noise; to a few frames, the
anchors, the label's direction is added, and a marker that is the same for all labels. With
`decoys` every other frame has a class's direction too, each class as often as any other: then
even the mean of all frames says nothing, and only the marker tells which frame counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.downstream.amess.features import Layout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Floats = npt.NDArray[np.float32]

WORDS = ("the", "a", "we", "you", "it", "this", "that", "so", "well", "now", "here", "there", "go")


@dataclass(frozen=True, slots=True)
class Made:
    """Utterances with features.

    Attributes
    ----------
    texts, labels
        n of each; labels are class numbers.
    video, audio
        Shapes (n, T, D).
    anchors
        Shape (n, m): the frames, of both modalities, that tell the label.
    """

    texts: list[str]
    labels: list[int]
    video: Floats
    audio: Floats
    anchors: npt.NDArray[np.int64]


def make(
    count: int,
    classes: int,
    layout: Layout,
    *,
    seed: int,
    anchors: int = 2,
    strength: float = 6.0,
    noise: float = 1.0,
    decoys: bool = False,
) -> Made:
    """Make examples; the directions depend on the layout alone, so splits go together.

    Parameters
    ----------
    anchors
        Frames of each modality that tell the label.
    strength
        Length of a class's direction and of the marker.
    noise
        Standard deviation of each number.
    decoys
        Whether frames that are no anchors have classes' directions too.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    rng.shuffle(labels)
    steps = min(layout.video[0], layout.audio[0])
    places = np.stack([rng.choice(steps, anchors, replace=False) for _ in range(count)])
    streams = []
    for number, (length, width) in enumerate((layout.video, layout.audio)):
        fixed = np.random.default_rng(1000 + number).standard_normal((classes + 1, width))
        fixed *= strength / np.linalg.norm(fixed, axis=1, keepdims=True)
        frames = noise * rng.standard_normal((count, length, width), np.float32)
        for row in range(count):
            dealt = np.arange(length) % classes  # each class as often as any other
            rng.shuffle(dealt)
            _swap(dealt, places[row], labels[row], rng)
            if decoys:
                frames[row] += fixed[dealt]
            else:
                frames[row, places[row]] += fixed[labels[row]]
            frames[row, places[row]] += fixed[classes]
        streams.append(frames.astype(np.float32))
    texts = [" ".join(rng.choice(WORDS, rng.integers(5, 12))) for _ in range(count)]
    return Made(texts, labels.tolist(), streams[0], streams[1], places)


def _swap(
    dealt: npt.NDArray[np.int64],
    anchors: npt.NDArray[np.int64],
    label: int,
    rng: np.random.Generator,
) -> None:
    """Bring the label's direction to the anchors by exchange, so that the counts stay."""
    import numpy as np

    free = np.setdiff1d(np.flatnonzero(dealt == label), anchors)
    rng.shuffle(free)
    wrong = [place for place in anchors if dealt[place] != label]
    for place, giver in zip(wrong, free, strict=False):
        dealt[place], dealt[giver] = label, dealt[place]
