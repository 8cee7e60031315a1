"""A student from rows to a model that can be served: each part once, each where it was left.

1. the rows as tokens, 2. the guard's questions to the model as it is, 3. the training, 4. the
adapter, 5. the same questions to the student, 6. the adapter worked into the model.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from generation.distill import models, record
from generation.distill.options import Lora, OnProgress
from generation.distill.questions import read_questions
from generation.distill.reading import find_data
from generation.distill.record import Record
from generation.distill.work import Work, clear
from schema.errors import CorruptError, LockedError, UsageError


def train(
    data: Path | str,
    out: Path | str,
    model: str,
    options: Lora | None = None,
    *,
    merge: bool = True,
    guard: Path | str | None = None,
    shots: Path | str | None = None,
    fresh: bool = False,
    download: bool = False,
    device: str | None = None,
    save_minutes: float = 10.0,
    progress: OnProgress | None = None,
) -> Record:
    """Train a student.

    The same call again goes on where it was stopped, and does nothing that is done.

    Parameters
    ----------
    data
        Folder that ``intentkg distill export`` wrote.
    out
        Folder for adapter, merged model and record.
    model
        Folder of a causal language model, or a name in Hugging Face's cache.
    options
        See `Lora`.
    merge
        Also save the model with the adapter worked in.
    guard, shots
        Multiple-choice questions that the model is asked before and after, and examples that
        are shown before each (`generation.distill.questions`).
    fresh
        Forget what `out` holds of an earlier training.
    download
        Fetch a model that is not on this machine.
    device
        ``cpu``, ``cuda``...; None: a GPU if there is one.
    save_minutes
        Time between two checkpoints; 0: after each step.
    progress
        Called with the part, what is done, what there is in all, and a word about it.

    Raises
    ------
    MissingExtraError
        If a package is not installed.
    UsageError
        If `out` holds something else, or a training with other options.
    InputError
        If a row, or a question, cannot be read.
    ModelNotFoundError, UnsupportedError
        If the model cannot be trained.
    InterruptedRunError
        If someone stopped it.
    """
    models.require_extra()
    options = options or Lora()
    options.check()
    if shots is not None and guard is None:
        raise UsageError("there are examples, but no questions", fix="give --guard FILE too")
    asked = read_questions(Path(guard)) if guard is not None else None
    examples = read_questions(Path(shots)) if shots is not None else None
    rows = find_data(Path(data))
    folder = models.find_model(model, download=download)
    models.check_kind(folder)
    out = Path(out)
    try:
        record.load(out)  # says first of all whether the folder is one of ours
    except CorruptError:
        if not fresh:
            raise
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / record.LOCK, timeout=0):
            if fresh:
                clear(out)
            work = Work(rows, out, model, folder, options, device, progress or _silent)
            return work.run(asked, examples, merge=merge, save_minutes=save_minutes)
    except Timeout:
        raise LockedError(
            f"another process trains into {out}", fix="wait until it has finished, or stop it"
        ) from None


def _silent(part: str, done: int, total: int | None, word: str) -> None:
    pass
