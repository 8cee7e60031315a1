"""While a student trains: progress, checkpoints every few minutes, a clean stop on Ctrl-C."""

from __future__ import annotations

import contextlib
import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generation.distill.options import OnProgress
from schema.errors import GenerationError

_WHOLE = "whole"  # a file that is written into a checkpoint after everything else


class Watch:
    """What has to be known and done beside the steps themselves.

    Parameters
    ----------
    folder
        Where checkpoints are put.
    save_minutes
        Time between two of them; 0: after each step.
    """

    def __init__(self, folder: Path, save_minutes: float, progress: OnProgress) -> None:
        self.folder = folder
        self.stopping = False
        self._every = 60 * save_minutes
        self._saved = time.monotonic()
        self._progress = progress
        self._loss = ""

    def stop(self) -> None:
        """Stop after the step that is running, with a checkpoint."""
        self.stopping = True

    def latest(self) -> Path | None:
        """Find the newest whole checkpoint; what is not whole is removed."""
        found: dict[int, Path] = {}
        for path in self.folder.glob("checkpoint-*"):
            step = path.name.rpartition("-")[2]
            if step.isdigit() and (path / _WHOLE).is_file():
                found[int(step)] = path
            else:
                shutil.rmtree(path, ignore_errors=True)
        return found[max(found)] if found else None

    def callback(self) -> Any:
        """Give what transformers' trainer calls."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch._after_step(state, control)

            def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if watch.stopping:
                    control.should_evaluate = False

            def on_log(
                self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any
            ) -> None:
                watch._after_log(state, logs or {})

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch._after_save(state.global_step)

        return Callback()

    def _after_step(self, state: Any, control: Any) -> None:
        self._progress("training", state.global_step, state.max_steps, self._loss)
        is_due = time.monotonic() - self._saved >= self._every
        if self.stopping or (is_due and state.global_step < state.max_steps):
            control.should_save = True
        if self.stopping:
            control.should_training_stop = True

    def _after_log(self, state: Any, logs: dict[str, Any]) -> None:
        if "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise GenerationError(
                f"the loss is {logs['loss']} after step {state.global_step}: the training diverges",
                fix="begin anew with a lower --learning-rate, or --dtype float32 (--fresh)",
            )
        self._loss = f"loss {logs['loss']:.3f}"

    def _after_save(self, step: int) -> None:
        (self.folder / f"checkpoint-{step}" / _WHOLE).touch()
        self._saved = time.monotonic()
        for path in self.folder.glob("checkpoint-*"):
            if path.name != f"checkpoint-{step}":
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def stop_on_signals(watch: Watch) -> Iterator[None]:
    """Let Ctrl-C (and SIGTERM) stop the training cleanly; a second one waits for nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def handle(number: int, frame: Any) -> None:
        watch.stop()
        for one, handler in before.items():
            signal.signal(one, handler)

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
