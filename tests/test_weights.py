"""Shipped weights: what was saved comes back, byte for byte, and nothing altered is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.weights import CONFIG, MANIFEST, TENSORS, Source, load, save
from schema.errors import CorruptError, FormatVersionError

_DTYPES = (torch.bfloat16, torch.float16, torch.float32, torch.int8)


def _write(folder: Path) -> Path:
    tensors: dict[str, torch.Tensor | np.ndarray] = {
        str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in _DTYPES
    }
    tensors["numpy"] = np.eye(2, dtype=np.float32)
    tensors["turned"] = torch.arange(6.0).reshape(2, 3).T
    save(
        folder,
        name="tiny",
        version="3",
        config={"size": 2, "words": ["née"]},
        tensors=tensors,
        sources=[Source("CKBP", "MIT")],
        files={"tokenizer.json": b"{}"},
    )
    return folder


def test_what_was_saved_comes_back(tmp_path):
    weights = load(_write(tmp_path / "w"))
    assert weights.label == "tiny-3"
    assert weights.config == {"size": 2, "words": ["née"]}
    assert weights.sources == (Source("CKBP", "MIT"),)
    assert weights.files == {"tokenizer.json": b"{}"}
    for dtype in _DTYPES:
        assert weights.tensors[str(dtype)].dtype == dtype
        assert weights.tensors[str(dtype)].float().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights.tensors["numpy"].tolist() == [[1, 0], [0, 1]]
    assert weights.tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = _write(tmp_path / "a"), _write(tmp_path / "b")
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted([MANIFEST, CONFIG, TENSORS, "tokenizer.json"])
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("name", [CONFIG, TENSORS, "tokenizer.json"])
@pytest.mark.parametrize("harm", ["altered", "cut", "gone"])
def test_an_altered_file_is_refused_by_name(tmp_path, name, harm):
    path = _write(tmp_path / "w") / name
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] + (b"" if harm == "cut" else bytes([content[-1] ^ 1])))
    with pytest.raises(CorruptError, match=name) as caught:
        load(path.parent)
    assert caught.value.fix


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"format": 1, "files": {"a": 1}}', b"\xff"],
)
def test_a_broken_manifest_is_refused(tmp_path, content):
    folder = _write(tmp_path / "w")
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(CorruptError, match=MANIFEST):
        load(folder)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path):
    folder = _write(tmp_path / "w")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"]["../outside"] = manifest["files"].pop("tokenizer.json")
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "outside").write_bytes(b"{}")
    with pytest.raises(CorruptError, match=MANIFEST):
        load(folder)


def test_a_folder_that_is_not_there_and_a_later_format(tmp_path):
    with pytest.raises(CorruptError, match="is not there"):
        load(tmp_path / "none")
    folder = _write(tmp_path / "w")
    (folder / MANIFEST).write_text(json.dumps({"format": 9}), encoding="utf-8")
    with pytest.raises(FormatVersionError, match="format 9"):
        load(folder)
