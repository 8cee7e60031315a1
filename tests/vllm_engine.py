"""vLLM's engine in the tests' own process: loaded, found among the processes, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
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
        _, alive = psutil.wait_procs(processes, timeout=30)
        assert alive == []


def engine_processes() -> list[psutil.Process]:
    """The engine's core and its workers."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if " ".join(child.cmdline()).startswith("VLLM::")]
