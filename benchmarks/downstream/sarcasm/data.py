"""Posts with labels: the Twitter sarcasm data, or a JSONL file of one's own.

Twitter sarcasm (Cai et al., ACL 2019) with the corrected texts and labels of MMSD2.0 (Qin et al.,
Findings of ACL 2023): the 24,635 posts that MIKO took.
"""

from __future__ import annotations

import csv
import gzip
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.downstream.harness.classifying import check_classes
from schema.errors import InputError

SPLITS = ("train", "valid", "test")
_COLUMNS = (
    "image_id",
    "split",
    "text_original",
    "text_mmsd2",
    "image_attributes",
    "label_hashtag",
    "label_human",
    "label_mmsd2",
)
_HASHTAG = re.compile(r"#\s*\w+")


@dataclass(frozen=True, slots=True)
class Post:
    """One post.

    Attributes
    ----------
    texts
        By the name of a set (:attr:`Posts.sets`), its text there.
    told
        The text that intentions are written about.
    image
        Its image in words; "" where there is none.
    labels
        By the name of a labelling, its class number.
    """

    key: str
    split: str
    texts: dict[str, str]
    told: str
    image: str
    labels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Posts:
    """All posts that take part.

    Attributes
    ----------
    rows
        In the order of train, validation, test.
    classes, positive
        Names of the classes, and the number of the one that is looked for.
    sets
        What is learnt: by a name, the labelling that is learnt, and those that it is tested on.
    """

    rows: list[Post]
    classes: tuple[str, ...]
    positive: int
    sets: dict[str, tuple[str, ...]]

    def part(self, split: str) -> slice:
        """Where a split lies among the rows."""
        places = [place for place, row in enumerate(self.rows) if row.split == split]
        return slice(places[0], places[-1] + 1)


def read_twitter(file: Path) -> Posts:
    """Read ``mmsd_24635.tsv.gz``.

    Intentions are written about MMSD2.0's text without the hashtags that it still has (a tenth of
    the posts have some), so that none can carry one over.

    Raises
    ------
    InputError
        If a column, a text or a label is missing, or a label is neither 0 nor 1.
    """
    found = []
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        if lacking := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
            raise InputError(
                f"has no column {', '.join(lacking)}",
                file=str(file),
                fix="take the file as it was published",
            )
        for number, row in enumerate(rows, start=2):
            labels = {
                name: _label(row[f"label_{name}"], ("0", "1"), file, number)
                for name in ("hashtag", "human", "mmsd2")
                if name != "human" or row["label_human"]
            }
            if not row["text_original"].strip():
                raise _wrong(file, number, "no text", "fill it in, or take the row out")
            found.append(
                Post(
                    row["image_id"],
                    row["split"],
                    {"hashtag": row["text_original"], "mmsd2": row["text_mmsd2"]},
                    " ".join(_HASHTAG.sub(" ", row["text_mmsd2"]).split()),
                    row["image_attributes"],
                    labels,
                )
            )
    sets = {"hashtag": ("hashtag", "human"), "mmsd2": ("mmsd2",)}
    return _checked(found, ("0", "1"), 1, sets, file)


def read_jsonl(file: Path, classes: Sequence[str], positive: str) -> Posts:
    """Read posts of one's own: one JSON object a line.

    ``text`` and ``label`` have to be there; ``image`` (a description), ``id`` and ``split``
    (train, valid, test) may be. Where no row has a split, a tenth each is validation and test.

    Raises
    ------
    InputError
        If a line is no such object, its text is missing, its label is not among `classes`, or a
        class has fewer than two training examples.
    """
    if positive not in classes:
        raise InputError(
            f"positive = {positive!r} is not among the classes",
            fix=f"classes are: {', '.join(classes)}",
        )
    found: list[Post] = []
    seen: set[str] = set()
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        row = _row(line, file, number)
        key = str(row.get("id", number))
        if key in seen:
            raise _wrong(file, number, f"id {key!r} for the second time", "give each its own id")
        seen.add(key)
        label = _label(_plain(row.get("label")), classes, file, number)
        split = str(row.get("split", ""))
        if split not in ("", *SPLITS):
            raise _wrong(file, number, f"no split {split!r}", f"name one of {', '.join(SPLITS)}")
        text = row["text"]
        image = row.get("image") or ""
        found.append(Post(key, split, {"label": text}, text, image, {"label": label}))
    if not any(row.split for row in found):
        found = _split(found)
    elif unsplit := [row for row in found if not row.split]:
        raise InputError(
            f"{len(unsplit)} row(s) name no split, others do",
            file=str(file),
            fix="give every row a split, or none",
        )
    return _checked(
        found, tuple(classes), list(classes).index(positive), {"label": ("label",)}, file
    )


def limited(posts: Posts, most: dict[str, int], seed: int) -> Posts:
    """Draw at most so many posts of each split; 0: all of them.

    Raises
    ------
    InputError
        If the training posts that are drawn have fewer than two of a class.
    """
    kept = []
    for split in SPLITS:
        rows = posts.rows[posts.part(split)]
        if 0 < most[split] < len(rows):
            rows = random.Random(f"{seed}/{split}").sample(rows, most[split])
        kept += rows
    found = Posts(kept, posts.classes, posts.positive, posts.sets)
    if most["train"]:
        for name in posts.sets:
            learnt = [row.labels[name] for row in kept if row.split == "train"]
            check_classes(learnt, posts.classes, f"a sample of {len(learnt)} training posts")
    return found


def _row(line: bytes, file: Path, number: int) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _wrong(file, number, f"not JSON: {error}", "write one object a line") from None
    if not isinstance(row, dict):
        raise _wrong(file, number, "not a JSON object", "write one object a line")
    for name in ("text", "image"):
        if row.get(name) is not None and not isinstance(row[name], str):
            raise _wrong(file, number, f"{name} is not text", "write it as a string")
    if not (row.get("text") or "").strip():
        raise _wrong(file, number, "no text", "fill it in, or take the row out")
    return row


def _plain(label: Any) -> str:
    return str(int(label)) if isinstance(label, bool) else "" if label is None else str(label)


def _label(label: str | None, classes: Sequence[str], file: Path, number: int) -> int:
    if label is None or label not in classes:
        raise _wrong(
            file,
            number,
            f"label {label!r} is not in the set",
            f"labels are: {', '.join(classes)}",
        )
    return list(classes).index(label)


def _wrong(file: Path, number: int, what: str, fix: str) -> InputError:
    return InputError(what, file=str(file), row=number, fix=fix)


def _split(rows: list[Post]) -> list[Post]:
    """Deal each class anew: a tenth to validation, a tenth to test."""
    from dataclasses import replace

    found = []
    order = random.Random(0).sample(rows, len(rows))
    for label in {row.labels["label"] for row in rows}:
        same = [row for row in order if row.labels["label"] == label]
        held = len(same) // 10 or int(len(same) > 3)
        names = ["valid"] * held + ["test"] * held
        names += ["train"] * (len(same) - len(names))
        found += [replace(row, split=name) for row, name in zip(same, names, strict=True)]
    return found


def _checked(
    rows: list[Post],
    classes: tuple[str, ...],
    positive: int,
    sets: dict[str, tuple[str, ...]],
    file: Path,
) -> Posts:
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise InputError(
                f"has no {split} posts", file=str(file), fix="give more posts, or splits"
            )
    for name in sets:
        learnt = [row.labels[name] for row in rows if row.split == "train"]
        check_classes(learnt, classes, str(file))
    rows = sorted(rows, key=lambda row: SPLITS.index(row.split))
    return Posts(rows, classes, positive, sets)
