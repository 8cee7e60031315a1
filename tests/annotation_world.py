"""A small knowledge base to be judged, and annotations in Label Studio's form."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from queries.annotation import protocols
from schema.identity import cobuy_id
from schema.records import ImageBlob
from tests.graph_samples import cobuy, commit, evidence, new_directory, post, product

YES = {"plausible": 1, "typical": 1, "human_centric": 1}
NO = {"plausible": 0, "typical": 0, "human_centric": 0}

_REASONS = {
    "UsedFor": ("sleeping outdoors", "boiling water"),
    "Cause": ("spend a night in the woods", "buy a car"),
    "MadeOf": ("polyester",),
    "Open": ("they go camping",),
}
_SOCIAL = ("xWant", "xNeed", "xIntent", "xEffect", "xReact", "xAttr")
_GOOD = ("share the view", "climb the hill", "show the sunrise", "rest", "glad", "a hiker")


def annotated_kb(folder: Path) -> Path:
    """A co-buy with six intentions, one of them judged by a filter, and two posts with six each."""
    directory = new_directory(folder)
    picture = io.BytesIO()
    Image.new("RGB", (900, 300), "#3a7d44").save(picture, "PNG")
    data = picture.getvalue()
    image = ImageBlob(hashlib.sha256(data).hexdigest(), data, "image/png", 900, 300)
    shown = [{"ref": "tent.png", "id": image.id, "error": None}]
    pair = cobuy_id("T", "B")
    cobuys = [
        evidence("CoBuy", pair, relation, text, model="writer",
                 accepted=True if text == "polyester" else None,
                 rationale="both are made of it" if text == "polyester" else None)
        for relation, texts in _REASONS.items()
        for text in texts
    ]  # fmt: skip
    social = [
        evidence("Post", f"test:{name}", relation, text if name == "good" else f"{text} ({name})")
        for name in ("good", "poor")
        for relation, text in zip(_SOCIAL, _GOOD, strict=True)
    ]
    commit(
        directory,
        blobs=[image],
        posts=[post("good", "What a morning up here!", images=shown), post("poor", "Monday.")],
        products=[product("T", "Dome Tent", images=shown), product("B", "Warm Sleeping Bag")],
        cobuys=[cobuy("T", "B")],
        assertions=[*cobuys, *social],
    )
    return directory.root


def result(protocol: str, values: Mapping[str, int]) -> list[dict[str, Any]]:
    """The results of one annotation, as Label Studio's editor makes them."""
    found = []
    for name, value in values.items():
        aspect = protocols.get(protocol).aspect(name)
        assert aspect is not None
        label = next(label for label, each in aspect.choices.items() if each == value)
        found.append(
            {"from_name": name, "to_name": "said", "type": "choices", "value": {"choices": [label]}}
        )
    return found


def annotation(
    protocol: str, values: Mapping[str, int], who: Any = "ann@example.org", **more: Any
) -> dict[str, Any]:
    """One annotation of an export."""
    made = {"completed_by": who, "created_at": "2026-01-05T10:00:00Z", "was_cancelled": False}
    return {**made, "result": result(protocol, values), **more}


def exported(tasks: Path, file: Path, *annotations: list[dict[str, Any]]) -> Path:
    """An export: the tasks of a folder with annotations, in their order."""
    whole = json.loads((tasks / "tasks.json").read_text(encoding="utf-8"))
    given = [*annotations, *([[]] * (len(whole) - len(annotations)))]
    rows = [{"id": n, **task, "annotations": each} for n, (task, each) in
            enumerate(zip(whole, given, strict=True), start=1)]  # fmt: skip
    file.write_text(json.dumps(rows), encoding="utf-8")
    return file
