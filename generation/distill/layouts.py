"""Rows in the two layouts that trainers read, and the index that LLaMA-Factory wants beside them.

**Alpaca**, one object a line::

    {"instruction": "...", "input": "", "output": "...", "system": "...",
     "history": [["...", "..."]], "head": "...", "stage": "...", "relations": "UsedFor"}

**ShareGPT**::

    {"conversations": [{"from": "system", "value": "..."}, {"from": "user", "value": "..."},
                       {"from": "assistant", "value": "..."}],
     "head": "...", "stage": "...", "relations": "UsedFor"}

The speakers bear the names that chat templates know, so that TRL, which only renames the keys,
can use the file as it is; LLaMA-Factory learns of them from ``dataset_info.json``. Readers pass
over ``head``, ``stage`` and ``relations``. ``history`` is there only if some row has more than one
turn.
"""

from __future__ import annotations

from typing import Any, Literal

from generation.distill.rows import Row

Layout = Literal["alpaca", "sharegpt"]
Split = Literal["train", "validation", "test"]

LAYOUTS: tuple[Layout, ...] = ("alpaca", "sharegpt")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
INFO = "dataset_info.json"


def file_name(layout: Layout, split: Split) -> str:
    """Name the file of a layout and a split."""
    return f"{layout}_{split}.jsonl"


def alpaca(row: Row, *, history: bool = False) -> dict[str, Any]:
    """Write a row as Alpaca has it."""
    *before, (question, answer) = row.turns
    told: dict[str, Any] = {
        "instruction": question,
        "input": "",
        "output": answer,
        "system": row.system,
    }
    if history:
        told["history"] = [list(turn) for turn in before]
    return told | _about(row)


def sharegpt(row: Row) -> dict[str, Any]:
    """Write a row as ShareGPT has it."""
    said = [{"from": "system", "value": row.system}] if row.system else []
    for question, answer in row.turns:
        said.append({"from": "user", "value": question})
        said.append({"from": "assistant", "value": answer})
    return {"conversations": said} | _about(row)


def dataset_info(splits: tuple[Split, ...], *, history: bool = False) -> dict[str, Any]:
    """Describe the files of these splits as LLaMA-Factory wants it."""
    found: dict[str, Any] = {}
    columns = {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    if history:
        columns["history"] = "history"
    for split in splits:
        found[f"intentkg_alpaca_{split}"] = {
            "file_name": file_name("alpaca", split),
            "formatting": "alpaca",
            "columns": columns,
        }
        found[f"intentkg_sharegpt_{split}"] = {
            "file_name": file_name("sharegpt", split),
            "formatting": "sharegpt",
            "columns": {"messages": "conversations"},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        }
    return found


def _about(row: Row) -> dict[str, Any]:
    return {"head": row.head, "stage": row.stage, "relations": ", ".join(row.relations)}
