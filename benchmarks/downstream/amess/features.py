"""Published multimodal features: pickles read without trusting them, kept as safetensors.

MIntRec and MIntRec2.0 publish one pickle per modality, a dictionary from a sample's key
(``S05_E16_329``, ``dia0_utt3``) to its frames, (T, D) or (T, 1, D). A pickle is a program: here one
is only ever read by an unpickler that knows numpy arrays and plain containers and refuses all
else before anything of it runs (Python library reference, "Restricting Globals"). It is converted
once; what models read is safetensors, which cannot hold code.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schema.errors import InputError, UnsuitableFileError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Frames = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Steps kept at most, and numbers in a step, of each modality."""

    text: tuple[int, int]
    video: tuple[int, int]
    audio: tuple[int, int]


LAYOUTS = {
    "mintrec": Layout((30, 768), (230, 256), (480, 768)),
    "mintrec2": Layout((50, 1024), (180, 256), (400, 768)),
}
"""The published shapes (A-MESS section III-D; Zhang et al., ACM MM 2022 and ICLR 2024)."""

_DTYPE = re.compile(r"[<>|=]?[fiub][1248]")


class _Refused(Exception):  # noqa: N818  # never leaves this module
    """A pickle that asks for more than arrays."""


class _StandIn:
    """Stands for what a pickle names: it may be called, and nothing can be set on it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._call(*given, **named)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a change of what it names")


class _Kind:
    """Stands for a dtype: a number's type, to which a pickle tells the byte order."""

    __slots__ = ("value",)

    def __init__(self, name: Any, *_: Any) -> None:
        import numpy as np

        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            raise _Refused(f"an array of {name!r}")
        self.value = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        version, order, *others = state
        plain = others == [None, None, None, -1, -1, 0]
        if version != 3 or order not in ("<", ">", "|", "=") or not plain:
            raise _Refused("an array of no plain numbers")
        if order in ("<", ">"):
            self.value = self.value.newbyteorder(order)


class _Values:
    """Stands for an array, whose content a pickle tells afterwards."""

    __slots__ = ("_array",)

    def __init__(self, array: Any = None) -> None:
        self._array = array

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        if not isinstance(content, bytes):
            raise _Refused("an array that is not built as numpy builds it")
        self._array = _numbers(content, kind, shape, "F" if fortran else "C")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        import numpy as np

        if self._array is None:
            raise TypeError("an array without content")
        return np.array(self._array, dtype)


def _numbers(content: Any, kind: Any, shape: Any, order: Any) -> Any:
    import numpy as np

    if not isinstance(kind, _Kind):
        raise _Refused("an array that is not built as numpy builds it")
    return np.frombuffer(content, kind.value).reshape(shape, order=order)


def _not_so(*_: Any, **__: Any) -> Any:
    raise _Refused("an array that is not built as numpy builds it")


def _blank(kind: Any, shape: Any, code: Any) -> Any:
    if kind is not _ARRAY or shape != (0,) or code not in (b"b", "b"):
        _not_so()
    return _Values()


def _frombuffer(content: Any, kind: Any, shape: Any, order: Any, *_: Any) -> Any:
    return _Values(_numbers(content, kind, shape, order))


def _encode(text: Any, codec: Any) -> bytes:
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise _Refused(f"the codec {codec!r}")
    return text.encode("latin-1")


_ARRAY = _StandIn(_not_so)
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _StandIn(_Kind),
    ("_codecs", "encode"): _StandIn(_encode),  # how older protocols write bytes
    ("collections", "OrderedDict"): dict,
    **{
        (f"numpy.{core}.{module}", name): _StandIn(call)
        for core in ("core", "_core")
        for module, name, call in (
            ("multiarray", "_reconstruct", _blank),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}
"""What a pickle may name, and what of ours it gets instead: nothing outside is ever reached."""


class _ArraysOnly(pickle.Unpickler):
    """Knows arrays and plain containers."""

    def find_class(self, module: str, name: str) -> Any:
        """Give our stand-in; refuse what has none."""
        if (module, name) not in _ALLOWED:
            raise _Refused(f"{module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse what lies outside the file."""
        raise _Refused("a persistent id")


def read_pickle(file: Path) -> dict[str, Frames]:
    """Read published features.

    Returns
    -------
    dict
        By key, in the file's order, an array of shape (T, D), float32.

    Raises
    ------
    UnsuitableFileError
        If the file is not there, no pickle, refused, or holds something else.
    InputError
        If the features of a key have no frames, another number of axes, another width than those
        before, or values that are not finite.
    """
    try:
        whole = _ArraysOnly(io.BytesIO(file.read_bytes())).load()
    except _Refused as refused:
        raise UnsuitableFileError(
            f"refused: it asks for {refused}, which is not an array. Nothing of it ran",
            file=str(file),
            fix="load it where you trust it, and save a dictionary of numpy arrays",
        ) from None
    except OSError as error:
        raise UnsuitableFileError(
            f"{error.strerror}", file=str(file), fix="name a file of features"
        ) from None
    except Exception as error:  # a damaged pickle raises nearly anything
        raise UnsuitableFileError(
            f"no pickle: {error}", file=str(file), fix="name a file of features"
        ) from None
    if not isinstance(whole, dict) or not whole:
        raise UnsuitableFileError(
            "not a dictionary of features",
            file=str(file),
            fix="it maps each sample's key to its frames",
        )
    return _checked(file, whole)


def _checked(file: Path, whole: dict[Any, Any]) -> dict[str, Frames]:
    import numpy as np

    found: dict[str, Frames] = {}
    width = 0
    for key, value in whole.items():
        try:
            frames = np.asarray(value, np.float32)
        except (TypeError, ValueError):
            raise _wrong(file, key, "are not numbers") from None
        if frames.ndim == 3 and frames.shape[1] == 1:
            frames = frames[:, 0]
        if frames.ndim != 2 or not frames.size:
            raise _wrong(file, key, f"have shape {frames.shape}, not (frames, width)")
        width = width or frames.shape[1]
        if frames.shape[1] != width:
            raise _wrong(file, key, f"are {frames.shape[1]} wide, those before {width}")
        if not np.isfinite(frames).all():
            row = int(np.flatnonzero(~np.isfinite(frames).all(1))[0])
            raise _wrong(file, key, f"are not finite in frame {row}")
        found[str(key)] = frames
    return found


def convert(file: Path, out: Path) -> int:
    """Convert a pickle to safetensors, whole or not at all; gives how many samples it holds.

    Raises
    ------
    UnsuitableFileError, InputError
        As :func:`read_pickle`.
    """
    from safetensors.numpy import save_file

    found = read_pickle(file)
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".part")
    save_file(found, str(beside))
    beside.replace(out)
    return len(found)


def padded(
    file: Path, keys: Sequence[str], length: int, width: int | None = None
) -> tuple[Frames, npt.NDArray[np.int64]]:
    """Features of some samples as one array, padded with zeros.

    Parameters
    ----------
    file
        Safetensors, or a published pickle, which is converted once, to a file beside it.
    keys
        The samples, in the order wanted.
    length
        Frames of each: fewer are padded behind, more are cut, as the published code does.
    width
        How wide they have to be; None: as they are.

    Returns
    -------
    values : ndarray
        Shape (len(keys), length, D), float32.
    lengths : ndarray
        Shape (len(keys),): frames that are not padding.

    Raises
    ------
    UnsuitableFileError
        If the file cannot be read.
    InputError
        If a sample is missing, or of another width.
    """
    import numpy as np

    found = _stored(file if file.suffix == ".safetensors" else _converted(file))
    if missing := [key for key in keys if key not in found]:
        raise InputError(
            f"no features of {len(missing):,} sample(s), the first {missing[0]}",
            file=str(file),
            fix="take the features and the split of the same release, or leave the samples out",
        )
    first = found[keys[0]] if keys else next(iter(found.values()))
    wanted = width or first.shape[1]
    values = np.zeros((len(keys), length, wanted), np.float32)
    lengths = np.zeros(len(keys), np.int64)
    for place, key in enumerate(keys):
        frames = found[key][:length]
        if frames.shape[1] != wanted:
            raise _wrong(file, key, f"are {frames.shape[1]} wide, not {wanted}")
        values[place, : len(frames)] = frames
        lengths[place] = len(frames)
    return values, lengths


def _converted(file: Path) -> Path:
    ready = file.with_suffix(".safetensors")
    if not ready.exists() or (file.exists() and file.stat().st_mtime_ns > ready.stat().st_mtime_ns):
        convert(file, ready)
    return ready


def _stored(file: Path) -> dict[str, Frames]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found: dict[str, Frames] = load_file(str(file))
    except (OSError, SafetensorError) as error:
        raise UnsuitableFileError(
            f"cannot be read: {error}", file=str(file), fix="convert the pickle again"
        ) from None
    return _checked(file, found)


def _wrong(file: Path, key: object, what: str) -> InputError:
    return InputError(
        f"the features of {key} {what}",
        file=str(file),
        fix="mend them, or leave the sample out of the split",
    )
