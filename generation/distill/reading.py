"""The files of an export, read back: rows that a person may have changed, checked line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from generation.distill.layouts import Split, file_name
from schema.errors import InputError, UsageError

type Message = dict[str, str]

_FIX = (
    'one line is {"conversations": [{"from": "system", "value": "..."}, {"from": "user", "value": '
    '"..."}, {"from": "assistant", "value": "..."}]}; intentkg distill export writes such files'
)


@dataclass(frozen=True, slots=True)
class Data:
    """Where the rows of a training lie.

    Attributes
    ----------
    train, validation
        Files in the layout of ShareGPT; `validation` is None where there is none.
    digest
        sha256 over both.
    """

    folder: str
    train: Path
    validation: Path | None
    digest: str


def find_data(folder: Path) -> Data:
    """Find the rows in the folder of an export.

    Raises
    ------
    UsageError
        If they are not there.
    """
    files: dict[Split, Path] = {
        "train": folder / file_name("sharegpt", "train"),
        "validation": folder / file_name("sharegpt", "validation"),
    }
    if not files["train"].is_file():
        raise UsageError(
            f"{folder} holds no {files['train'].name}", fix=f"intentkg distill export KB {folder}"
        )
    digest = sha256()
    there = {split: path for split, path in files.items() if path.is_file()}
    for split, path in there.items():
        digest.update(f"{split}\n".encode())
        with path.open("rb") as file:
            while piece := file.read(1 << 22):
                digest.update(piece)
    return Data(str(folder), files["train"], there.get("validation"), digest.hexdigest())


def read_conversations(path: Path) -> Iterator[list[Message]]:
    """Yield the conversations of a file, with ``role`` and ``content`` as chat templates want them.

    Raises
    ------
    InputError
        If a line is not a conversation that ends with the assistant.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _conversation(line, str(path), number)


def _conversation(line: bytes, file: str, number: int) -> list[Message]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error}", file=file, row=number, fix=_FIX) from None
    said = told.get("conversations") if isinstance(told, dict) else None
    if not isinstance(said, list) or not all(map(_is_message, said)):
        raise InputError("is not a conversation", file=file, row=number, fix=_FIX)
    messages = [{"role": one["from"], "content": one["value"]} for one in said]
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    roles = [turn["role"] for turn in turns]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2):
        raise InputError(
            "user and assistant do not take turns, the assistant last",
            file=file,
            row=number,
            fix=_FIX,
        )
    if not all(turn["content"].strip() for turn in turns):
        raise InputError("a question or an answer is empty", file=file, row=number, fix=_FIX)
    return messages


def _is_message(told: Any) -> bool:
    return (
        isinstance(told, dict)
        and isinstance(told.get("from"), str)
        and isinstance(told.get("value"), str)
    )
