"""vLLM's engine in the tests' own process: loaded, found among the processes, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from generation.backends.vllm import VllmBackend
from tests.servers.vllm_openai import ENGINE, ENVIRONMENT, MODEL


@contextlib.contextmanager
def loaded(model: Path, **options: Any) -> Iterator[VllmBackend]:
    """Load a model; afterwards its processes are gone, and the environment is as it was.

    vLLM sets variables for its own processes, which later tests' processes would inherit.
    """
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    backend = VllmBackend(model=model, served_model_name=MODEL, **ENGINE, **options)
    try:
        yield backend
    finally:
        processes = engine_processes()
        asyncio.run(backend.aclose())
        os.environ.clear()
        os.environ.update(before)
        _wait_for_end(processes)


def engine_processes() -> list[psutil.Process]:
    """The engine's core and its workers."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if " ".join(child.cmdline()).startswith("VLLM::")]


def _wait_for_end(processes: list[psutil.Process], seconds: float = 30.0) -> None:
    """A worker outlives its core for a moment; then it is init that has to bury it."""
    until = time.monotonic() + seconds
    while any(map(_runs, processes)):
        assert time.monotonic() < until, processes
        time.sleep(0.1)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
