"""Convert a sentence-transformers model to OpenVINO once, check the result, and keep it.

A converted model lies in the user's cache directory (``INTENTKG_CACHE_DIR`` names another) under a
key of the model's fingerprint, OpenVINO's version and :data:`VERSION`. What is found there damaged
is made anew; where nothing can be kept, the conversion serves this process only.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kg.embed import ReferenceEmbedder
from kg.embed_model import SentenceModel
from schema.errors import UsageError

VERSION = 1  # of what this module makes; raise it when that changes
AGREEMENT = 0.999  # mean cosine to sentence-transformers below which a conversion is refused

_LOG = logging.getLogger(__name__)
_FILES = ("model.xml", "model.bin")
_SEAL = "sha256.json"
_PROBES = (
    "",
    "keep warm",
    "They both are used for making coffee at home.",
    "After posting this, the user wants to thank everyone who came to the concert last night.",
    "人们想要保持联系 🙂 Straße, naïve café",
    " ".join(["because they are going camping and need a light that works in the rain;"] * 40),
)


class NotConvertibleError(UsageError):
    """The model cannot be converted, or the conversion does not give the same vectors."""


def cache_directory() -> Path:
    """Where converted models are kept."""
    from platformdirs import user_cache_path

    named = os.environ.get("INTENTKG_CACHE_DIR")
    return (Path(named) if named else user_cache_path("intentkg")) / "models"


def converted(description: SentenceModel) -> Any:
    """Return the model for OpenVINO: from the cache if it is there and whole, else converted.

    Inputs ``input_ids`` and ``attention_mask``, int64, (texts, tokens); output the vectors,
    float32, (texts, dimension), each of length 1.

    Raises
    ------
    NotConvertibleError
        If the conversion fails, or what it gives differs from sentence-transformers.
    """
    from kg.embed_openvino import openvino

    version = openvino().get_version()
    key = f"{description.fingerprint}\n{version}\n{VERSION}\n{description.max_tokens}"
    place = cache_directory() / hashlib.sha256(key.encode()).hexdigest()[:24]
    if _whole(place):
        with contextlib.suppress(RuntimeError):  # what is whole and cannot be read is made anew
            return _read(place)
    reference = ReferenceEmbedder(description)
    with _workshop(place) as staging:
        _convert(reference, staging)
        network = _read(staging)
        _check(network, reference)
        _keep(staging, place)
    return network


def _convert(reference: ReferenceEmbedder, target: Path) -> None:
    """Write the model in OpenVINO's form into `target`."""
    from kg.embed_openvino import openvino

    description = reference.description
    _LOG.info("converting %s for this machine; this happens once", description.label)
    try:
        with _quiet():
            encoder = reference.load("cpu")[0].auto_model.eval()
            network = _trace(encoder, description, openvino())
            # Never run the traced network itself: its weights are torch's, and OpenVINO's threads
            # wait for ever for the right to release them. The saved one is free of torch.
            openvino().save_model(network, target / _FILES[0], compress_to_fp16=True)
    except Exception as error:  # tracing fails in as many ways as there are models
        raise NotConvertibleError(
            f"{description.label} cannot be converted to OpenVINO: {error}",
            fix="use it with the engine sentence-transformers",
        ) from error


def _trace(encoder: Any, description: SentenceModel, openvino: Any) -> Any:
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            states = self.encoder(
                input_ids=input_ids, attention_mask=attention_mask
            ).last_hidden_state
            if description.pooling == "cls":
                pooled = states[:, 0]
            else:
                weights = attention_mask.unsqueeze(-1).to(states.dtype)
                pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1)

    example = torch.ones(2, 8, dtype=torch.int64)
    inputs = ("input_ids", "attention_mask")
    network = openvino.convert_model(
        Pooled().eval(),
        example_input=dict.fromkeys(inputs, example),
        input=[(name, [-1, -1], openvino.Type.i64) for name in inputs],
    )
    for port, name in zip(network.inputs, inputs, strict=True):
        port.get_tensor().set_names({name})
    return network


def _check(network: Any, reference: ReferenceEmbedder) -> None:
    """Refuse a conversion whose vectors are not those of sentence-transformers."""
    import numpy as np

    from kg.embed_openvino import OpenVinoEmbedder

    description = reference.description
    ours = OpenVinoEmbedder(description, fall_back=False)
    ours.use(network)
    expected = reference.encode(_PROBES)
    agreement = float(np.mean(np.sum(ours.encode(_PROBES) * expected, axis=1)))
    if not agreement >= AGREEMENT:
        raise NotConvertibleError(
            f"{description.label}, converted to OpenVINO, gives other vectors than before "
            f"(mean cosine {agreement:.4f})",
            fix="use it with the engine sentence-transformers",
        )


@contextlib.contextmanager
def _workshop(place: Path) -> Iterator[Path]:
    """A directory to work in: beside `place` if one may write there, else a temporary one."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    except OSError as error:
        _LOG.warning("cannot keep the converted model in %s: %s", place.parent, error)
        staging = Path(tempfile.mkdtemp(prefix="intentkg-"))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _keep(staging: Path, place: Path) -> None:
    """Put a finished conversion in its place, as a whole or not at all."""
    if staging.parent != place.parent:
        return
    try:
        seal = {name: _sha256(staging / name) for name in _FILES}
        (staging / _SEAL).write_text(json.dumps(seal), encoding="utf-8")
        if place.exists() and not _whole(place):
            shutil.rmtree(place)
        staging.rename(place)
    except OSError as error:
        if not _whole(place):  # else another process was first, which is as good
            _LOG.warning("cannot keep the converted model in %s: %s", place, error)


def _read(place: Path) -> Any:
    from kg.embed_openvino import openvino

    return openvino().Core().read_model(place / _FILES[0])


def _whole(place: Path) -> bool:
    try:
        seal = json.loads((place / _SEAL).read_text(encoding="utf-8"))
        return all(_sha256(place / name) == seal[name] for name in _FILES)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the tracer's warnings, which are about code that is not ours, from the person."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
