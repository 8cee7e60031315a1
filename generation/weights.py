"""Weights that ship with the package: a folder that is checked before it is used, and no pickle.

::

    weights/
      manifest.json       name, version, sources with licences, sha256 and size of the files
      config.json         what the model's code has to know to use the tensors
      model.safetensors   the tensors, of any dtype that safetensors holds (fp16, bf16, int8 ...)
      ...                 other files of the model, such as tokenizer.json

The manifest is written last, so a folder that was written half is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.errors import CorruptError, FormatVersionError

if TYPE_CHECKING:
    import numpy as np
    import torch

MANIFEST = "manifest.json"
CONFIG = "config.json"
TENSORS = "model.safetensors"
FORMAT = 1
_FIX = (
    "install intentkg again (pip install --force-reinstall intentkg); weights of your own: "
    "write them again"
)


@dataclass(frozen=True, slots=True)
class Source:
    """What weights learnt from.

    Attributes
    ----------
    licence
        Its SPDX name.
    """

    name: str
    licence: str


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights whose checksums are right.

    Attributes
    ----------
    name, version
        Together they name the model in evidence: :attr:`label`.
    config
        The content of ``config.json``.
    tensors
        By name, on the CPU, with the dtypes they were saved in.
    files
        The other files' contents.
    """

    name: str
    version: str
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    sources: tuple[Source, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and version, as evidence names a model."""
        return f"{self.name}-{self.version}"


def load(folder: Path) -> Weights:
    """Read weights, after every file of theirs was found to be what the manifest says.

    Raises
    ------
    CorruptError
        If a file is missing, or is not the one that was saved.
    FormatVersionError
        If a later version of this module wrote them.
    """
    manifest = _manifest(folder)
    contents = {name: _checked(folder / name, said) for name, said in manifest["files"].items()}
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    try:
        config = json.loads(contents.pop(CONFIG))
        tensors = parse(contents.pop(TENSORS))
    except KeyError as error:
        raise CorruptError(f"{folder / MANIFEST} does not list {error.args[0]}", fix=_FIX) from None
    except (ValueError, SafetensorError) as error:
        raise CorruptError(f"{folder}: the weights cannot be read: {error}", fix=_FIX) from None
    sources = tuple(Source(one["name"], one["licence"]) for one in manifest["sources"])
    return Weights(manifest["name"], manifest["version"], config, tensors, sources, contents)


def save(
    folder: Path,
    *,
    name: str,
    version: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, torch.Tensor | np.ndarray[Any, Any]],
    sources: Sequence[Source] = (),
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Write weights; the same content gives the same bytes.

    Parameters
    ----------
    files
        Further files of the model, by plain name.
    """
    import torch
    from safetensors.torch import save as serialise

    ready = {
        key: (value if isinstance(value, torch.Tensor) else torch.from_numpy(value))
        .detach()
        .cpu()
        .contiguous()
        for key, value in tensors.items()
    }
    contents = {
        **(files or {}),
        CONFIG: _json(dict(config)),
        TENSORS: serialise(ready),
    }
    manifest = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "sources": [{"name": one.name, "licence": one.licence} for one in sources],
        "files": {
            key: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
            for key, content in contents.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for key, content in (*contents.items(), (MANIFEST, _json(manifest))):
        beside = folder / f".{key}.part"
        beside.write_bytes(content)
        beside.replace(folder / key)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_bytes())
        version = found["format"]
        if version != FORMAT:
            raise FormatVersionError(
                f"{path} has format {version}; this intentkg reads {FORMAT}",
                fix="use the intentkg that the weights were made for",
            )
        listed = {
            name: (said["bytes"], said["sha256"]) for name, said in dict(found["files"]).items()
        }
        named = [found["name"], found["version"], *(one["licence"] for one in found["sources"])]
        complete = all(isinstance(one, str) for one in named)
    except FileNotFoundError:
        raise CorruptError(f"{path} is not there", fix=_FIX) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f"{path} is not a manifest of weights: {error}", fix=_FIX) from None
    if not complete or any(Path(name).name != name for name in listed):
        raise CorruptError(f"{path} is not a manifest of weights", fix=_FIX)
    return found  # type: ignore[no-any-return]


def _checked(path: Path, said: Mapping[str, Any]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorruptError(f"{path} cannot be read: {error.strerror}", fix=_FIX) from None
    if len(content) != said["bytes"] or sha256(content).hexdigest() != said["sha256"]:
        raise CorruptError(f"{path} was altered: its checksum is not the manifest's", fix=_FIX)
    return content


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
