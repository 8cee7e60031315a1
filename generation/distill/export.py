"""Files of rows in both layouts, split by head; a folder is written whole or not at all.

::

    OUT/
      alpaca_train.jsonl    sharegpt_train.jsonl      one row a line; the same rows in both
      ..._validation.jsonl  ..._test.jsonl            only where there are such rows
      dataset_info.json                               the index of LLaMA-Factory
      export.json                                     what was asked for, counted and left out

The same knowledge base and the same options give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any

import orjson

from generation.distill.layouts import (
    INFO,
    LAYOUTS,
    SPLITS,
    Split,
    alpaca,
    dataset_info,
    file_name,
    sharegpt,
)
from generation.distill.rows import Row
from schema.errors import UsageError

REPORT = "export.json"
FORMAT = "intentkg-instructions 1"


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    heads
        By split: posts, co-buys and products.
    rows
        By split: lines of either layout.
    tails
        By relation and split: tails that the rows teach.
    stages
        By stage and split: rows.
    left_out
        Tails that are not taught, by reason.
    files
        By name: number of lines and sha256.
    """

    out: str
    heads: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    tails: dict[str, Counter[str]] = field(default_factory=dict)
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "out": self.out,
            "heads": self.heads,
            "rows": self.rows,
            "tails": {name: dict(counts) for name, counts in self.tails.items()},
            "stages": {name: dict(counts) for name, counts in self.stages.items()},
            "left_out": dict(sorted(self.left_out.items())),
            "files": self.files,
        }


def split_of(head: str, validation: float, test: float) -> Split:
    """Say in which split a head is: by the hash of its id, the same on every machine.

    Parameters
    ----------
    validation, test
        Shares of the heads, in [0, 1].

    Examples
    --------
    >>> split_of("twitter:1", 0.0, 0.0), split_of("twitter:1", 0.0, 1.0)
    ('train', 'test')
    """
    digest = blake2b(head.encode("utf-8", "surrogatepass"), digest_size=8, person=b"split")
    place = int.from_bytes(digest.digest()) / 2**64
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def check_out(out: Path) -> None:
    """See that a folder is free, or holds an earlier export and nothing else.

    Raises
    ------
    UsageError
        If not.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out} is a file", fix="name a folder that does not exist yet")
    names = {path.name for path in out.iterdir()}
    ours: set[str] = set()
    if REPORT in names:
        try:
            told = json.loads((out / REPORT).read_text(encoding="utf-8"))
            if told["format"] == FORMAT:
                ours = {REPORT, INFO, *told["files"]}
        except (ValueError, KeyError, TypeError, OSError):
            ours = set()
    if foreign := sorted(names - ours):
        raise UsageError(
            f"{out} holds other files, such as {foreign[0]}",
            fix="name an empty folder, one that does not exist yet, or one that an earlier "
            "export wrote",
        )


def write(
    rows: Iterable[Row],
    out: Path,
    *,
    validation: float,
    test: float,
    history: bool,
    options: dict[str, Any],
    left_out: Counter[str],
) -> Exported:
    """Write rows; what stood in the folder from an earlier export is replaced.

    Parameters
    ----------
    history
        Whether a row may have several turns.
    options
        What was asked for, for the report.
    left_out
        Tails that are not taught; complete once `rows` are exhausted.

    Raises
    ------
    UsageError
        If the folder holds something else, or there is no row to train on.
    """
    check_out(out)
    done = Exported(str(out), left_out=left_out)
    target = Path(os.path.realpath(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        _Writer(beside, done, history).write(rows, validation, test)
        if not done.rows.get("train"):
            raise _nothing(done)
        _settle(beside, done, options, history)
        _swap(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return done


class _Writer:
    """Writes each row into the files of its split, which are opened when they are needed."""

    def __init__(self, folder: Path, done: Exported, history: bool) -> None:
        self._folder = folder
        self._done = done
        self._history = history
        self._files: dict[str, IO[bytes]] = {}
        self._digests: dict[str, Any] = {}
        self._lines = Counter[str]()

    def write(self, rows: Iterable[Row], validation: float, test: float) -> None:
        done, heads = self._done, dict.fromkeys(SPLITS, 0)
        counts = dict.fromkeys(SPLITS, 0)
        last = ""
        with ExitStack() as stack:
            for row in rows:
                split = split_of(row.head, validation, test)
                heads[split] += row.head != last
                last = row.head
                counts[split] += 1
                done.stages.setdefault(row.stage, Counter())[split] += 1
                for relation in row.relations:
                    done.tails.setdefault(relation, Counter())[split] += 1
                for layout in LAYOUTS:
                    told = (
                        alpaca(row, history=self._history) if layout == "alpaca" else sharegpt(row)
                    )
                    self._line(stack, file_name(layout, split), told)
        done.heads = {split: count for split, count in heads.items() if count}
        done.rows = {split: count for split, count in counts.items() if count}
        for name, digest in sorted(self._digests.items()):
            done.files[name] = {"rows": self._lines[name], "sha256": digest.hexdigest()}

    def _line(self, stack: ExitStack, name: str, told: dict[str, Any]) -> None:
        if name not in self._files:
            self._files[name] = stack.enter_context((self._folder / name).open("wb"))
            self._digests[name] = sha256()
        data = orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
        self._files[name].write(data)
        self._digests[name].update(data)
        self._lines[name] += 1


def _settle(folder: Path, done: Exported, options: dict[str, Any], history: bool) -> None:
    splits = tuple(split for split in SPLITS if done.rows.get(split))
    info = dataset_info(splits, history=history)
    report = {"format": FORMAT, "options": options, **done.to_dict()}
    del report["out"]
    for name, told in ((INFO, info), (REPORT, report)):
        text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
        (folder / name).write_text(text, encoding="utf-8")


def _swap(folder: Path, target: Path) -> None:
    """Put the new folder in the old one's place."""
    if target.exists():
        check_out(target)
        old = target.with_name(f".{target.name}.{os.getpid()}.old")
        target.rename(old)
        folder.rename(target)
        shutil.rmtree(old)
    else:
        folder.rename(target)


def _nothing(done: Exported) -> UsageError:
    reasons = ", ".join(f"{count:,} × {why}" for why, count in done.left_out.most_common(5))
    if done.rows:
        return UsageError(
            "no head fell into the part to train on: all rows are for validation or test",
            fix="lower --validation and --test, or export from more heads",
        )
    return UsageError(
        "there is no row to write" + (f"; left out: {reasons}" if reasons else ""),
        fix="loosen --min-plausibility, --min-typicality, --accepted or --relation; what a "
        "knowledge base holds: intentkg status KB",
    )
