"""MIntRec (Zhang et al., ACM MM 2022) and MIntRec2.0 (Zhang et al., ICLR 2024): text and labels.

MIntRec comes with its three splits. Where MIntRec2.0's test split is not to be had, its
development split is tested on, and a tenth of the training dialogues decides when to stop.

Some of MIntRec2.0's utterances have none of the intents. The published data has them in files of
their own, and together with all others in the folder ``total``; they are read if that folder's
files are here, with ``UNK`` for a label.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.downstream.harness.classifying import check_classes
from schema.errors import InputError

type Way = Literal["none", "unseen", "class"]
"""What is done with utterances out of scope: left out; tested on only; learnt as a class more."""

OUTSIDE = "UNK"
"""Their label."""

_COLUMNS = {
    "mintrec": ("text", "label", ("season", "episode", "clip")),
    "mintrec2": ("Text", "Label", ("Dialogue_id", "Utterance_id")),
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance.

    Attributes
    ----------
    key
        As in the published feature files: ``S05_E16_329``, ``dia0_utt3``.
    group
        What must not be split: the dialogue, or the episode.
    label
        Its class's name.
    """

    key: str
    group: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Splits:
    """Three splits, and the classes: intents in order of their names, and :data:`OUTSIDE` last."""

    train: list[Utterance]
    valid: list[Utterance]
    test: list[Utterance]
    classes: list[str]

    def labels(self, rows: Sequence[Utterance]) -> list[int]:
        """Class numbers of some utterances."""
        number = {name: place for place, name in enumerate(self.classes)}
        return [number[row.label] for row in rows]


def read_splits(dataset: str, data: Callable[..., Path], outside: Way = "none") -> Splits:
    """Read a data set.

    Parameters
    ----------
    dataset
        ``mintrec`` or ``mintrec2``.
    data
        Finds its files (:meth:`benchmarks.downstream.harness.Run.data`).
    outside
        What is done with utterances out of scope. With ``none``, :data:`OUTSIDE` is no class.

    Raises
    ------
    InputError
        If a file lacks a column, a text or a label; or names a label that training does not; or a
        class has one training example; or no utterance of the test split is out of scope, though
        some are asked for.
    """
    place = data(dataset, "train.tsv")
    train = read_utterances(place, dataset)
    intents = sorted({row.label for row in train} - {OUTSIDE})
    known = [*intents, OUTSIDE]
    last = data(dataset, "dev.tsv")
    valid = read_utterances(last, dataset, known)
    if dataset == "mintrec" or place.with_name("test.tsv").exists():
        last = data(dataset, "test.tsv")
        test = read_utterances(last, dataset, known)
    else:
        test = valid
        train, valid = held_out(train)
    if outside != "class":
        train, valid = _inside(train), _inside(valid)
    if outside == "none":
        test = _inside(test)
    elif len(_inside(test)) == len(test):
        raise InputError(
            f"no utterance is labelled {OUTSIDE}",
            file=str(last),
            fix='take the files of the published folder "total", or set outside = "none"',
        )
    splits = Splits(train, valid, test, intents if outside == "none" else known)
    learnt = known if outside == "class" else intents
    check_classes(splits.labels(train), learnt, str(place))
    return splits


def _inside(rows: Sequence[Utterance]) -> list[Utterance]:
    return [row for row in rows if row.label != OUTSIDE]


def held_out(rows: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
    """Part a tenth of the dialogues from the others, to stop by: the others, and that tenth."""
    groups = sorted({row.group for row in rows})
    held = set(random.Random(0).sample(groups, max(1, len(groups) // 10)))
    return (
        [row for row in rows if row.group not in held],
        [row for row in rows if row.group in held],
    )


def read_utterances(
    file: Path, dataset: str, classes: Sequence[str] | None = None
) -> list[Utterance]:
    """Read one split; see :func:`read_splits`."""
    text, label, parts = _COLUMNS[dataset]
    found = []
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        lacking = [name for name in (text, label, *parts) if name not in (rows.fieldnames or ())]
        if lacking:
            raise InputError(
                f"has no column {', '.join(lacking)}",
                file=str(file),
                fix="take the file as it was published",
            )
        for number, row in enumerate(rows, start=2):
            for name in (text, label):
                if not (row[name] or "").strip():
                    raise InputError(
                        f"no {name}",
                        file=str(file),
                        row=number,
                        fix="fill it in, or take the row out",
                    )
            if classes is not None and row[label] not in classes:
                raise InputError(
                    f"no training example is labelled {row[label]!r}",
                    file=str(file),
                    row=number,
                    fix=f"labels are: {', '.join(classes)}",
                )
            names = [row[part] for part in parts]
            key = "_".join(names) if dataset == "mintrec" else f"dia{names[0]}_utt{names[1]}"
            found.append(Utterance(key, "_".join(names[:-1]), row[text], row[label]))
    return found
