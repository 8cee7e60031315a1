"""``training.json``: what a student was trained on, how, and what came of it.

::

    OUT/
      adapter/          the LoRA adapter, with its tokenizer
      merged/           the model with the adapter worked in: any engine loads it
      training.json     this record
      checkpoints/      while it trains; tokens/ likewise

It also says what is done, so that the same command goes on where it was stopped, and does nothing
once all is done.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any

from generation.distill.models import NEEDED
from schema.errors import CorruptError, UsageError

RECORD = "training.json"
FORMAT = "intentkg-training 1"
ADAPTER_FOLDER, MERGED_FOLDER = "adapter", "merged"
CHECKPOINTS, TOKENS, LOCK = "checkpoints", "tokens", ".lock"

_OURS = {RECORD, ADAPTER_FOLDER, MERGED_FOLDER, CHECKPOINTS, TOKENS, LOCK}
# Two trainings of which these are the same come to the same end.
_IDENTITY = ("data", "model", "parameters")


@dataclass(slots=True)
class Record:
    """One training.

    Attributes
    ----------
    data
        Folder, sha256, and figures of its rows (`generation.distill.chats.Counted`).
    model
        Name, fingerprint, parameters, and whether it got the plain chat template.
    parameters
        See `generation.distill.options.Lora`.
    state
        ``begun`` or ``trained``.
    steps
        Steps in all.
    loss, validation
        The curve: ``{"step", "epoch", "loss", "learning_rate"}``, and for the rows that are
        kept from the training ``{"step", "epoch", "loss"}`` after each epoch.
    run
        Of the last part that trained: seconds, tokens, tokens per second, memory at its most,
        device.
    guard
        Questions of the guard, and what was answered rightly before and after.
    merged
        Whether ``merged/`` is there.
    versions
        Of the packages that trained it.
    notes
        What a person should know.
    """

    data: dict[str, Any]
    model: dict[str, Any]
    parameters: dict[str, Any]
    state: str = "begun"
    steps: int = 0
    loss: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    run: dict[str, Any] = field(default_factory=dict)
    guard: dict[str, Any] | None = None
    merged: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    format: str = FORMAT

    def save(self, out: Path) -> None:
        """Write it, whole or not at all."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        fresh = out / f"{RECORD}.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(out / RECORD)

    def note(self, text: str) -> None:
        """Note something once."""
        if text not in self.notes:
            self.notes.append(text)

    def differences(self, other: Record) -> list[str]:
        """Name what makes another training of this one."""
        found = []
        for part in _IDENTITY:
            mine, theirs = _essence(part, getattr(self, part)), _essence(part, getattr(other, part))
            names = sorted(mine.keys() | theirs.keys())
            found += [
                f"{name}: {mine.get(name)} there, {theirs.get(name)} now"
                for name in names
                if mine.get(name) != theirs.get(name)
            ]
        return found


def load(out: Path) -> Record | None:
    """Read the record of a folder; None where nothing was trained yet.

    Raises
    ------
    CorruptError
        If it cannot be read.
    UsageError
        If the folder holds something else.
    """
    if not out.exists():
        return None
    if not out.is_dir():
        raise UsageError(f"{out} is a file", fix="name a folder that does not exist yet")
    path = out / RECORD
    if not path.exists():
        names = {one.name for one in out.iterdir()} - _OURS - {f"{RECORD}.new"}
        if names:
            raise UsageError(
                f"{out} holds other files, such as {min(names)}",
                fix="name an empty folder, or one that does not exist yet",
            )
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise KeyError("format")
        return Record(**{one.name: told[one.name] for one in fields(Record)})
    except (ValueError, KeyError, TypeError):
        raise CorruptError(
            f"{path} is not the record of a training, or of another version",
            fix="train into another folder, or begin anew with --fresh",
        ) from None


def versions() -> dict[str, str]:
    """Give the versions of what trains."""
    return {name: metadata.version(name) for name in NEEDED}


def _essence(part: str, told: dict[str, Any]) -> dict[str, Any]:
    if part == "data":
        return {"data": told.get("sha256", "")[:12]}
    if part == "model":
        return {"model": f"{told.get('name')} ({told.get('fingerprint', '')[:12]})"}
    return told
