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
    """The core and the workers of an engine in this process; a server's belong to the server."""
    cores = [child for child in psutil.Process().children() if _is_engine(child)]
    workers = (worker for core in cores for worker in core.children(recursive=True))
    return [*cores, *(worker for worker in workers if _is_engine(worker))]


def _wait_for_end(processes: list[psutil.Process], seconds: float = 120.0) -> None:
    """A worker outlives its core for a moment; then it is init that has to bury it."""
    until = time.monotonic() + seconds
    while any(map(_runs, processes)):
        assert time.monotonic() < until, processes
        time.sleep(0.1)


def _is_engine(process: psutil.Process) -> bool:
    try:
        return " ".join(process.cmdline()).startswith("VLLM::")
    except psutil.Error:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
