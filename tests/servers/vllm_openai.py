"""vLLM's own OpenAI server on CPU, with a tiny model."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.servers import FOLDER, Server

MODEL = "tiny"  # the name that requests give it
LOG = "vllm.log"
# Wide numbers, so that a reply does not depend on the requests that happen to run beside it.
ENGINE: dict[str, Any] = {"dtype": "float32", "max_num_seqs": 64, "enforce_eager": True}
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}

_PATIENCE = 420.0  # seconds until it has to be up; 35 on two cores that do nothing else
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class VllmServer(Server):
    """The running server.

    Attributes
    ----------
    folder
        Where it writes what it says (`LOG`).
    """

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(port)
        self.folder = folder

    def figure(self, name: str) -> int:
        """A counter of its own (Prometheus), summed over its labels."""
        with _OPENER.open(f"{self.root}/metrics", timeout=30) as response:
            text = response.read().decode("utf-8")
        found = re.findall(rf"^vllm:{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
        assert found, f"the server counts no {name}"
        return round(sum(map(float, found)))


def serving_tiny(folder: Path) -> contextlib.AbstractContextManager[VllmServer]:
    """Build the tiny vision-language model in `folder` and serve it."""
    from tests.tiny_models import vision_model

    model = vision_model(folder / "model")
    return serving_vllm(folder, model, "--limit-mm-per-prompt", json.dumps({"image": 2}))


@contextlib.contextmanager
def serving_vllm(
    folder: Path, model: Path, *more: str, dtype: str = ENGINE["dtype"]
) -> Iterator[VllmServer]:
    """Serve a model, with more options; at the end all the server's processes are gone.

    Parameters
    ----------
    folder
        Where it writes what it says.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, str(FOLDER / "guard.py")),
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--model", str(model), "--served-model-name", MODEL),
        *("--dtype", dtype, "--max-num-seqs", str(ENGINE["max_num_seqs"])),
        *("--enforce-eager", "--enable-prompt-tokens-details", "--uvicorn-log-level", "warning"),
        *more,
        "--structured-outputs-config",
        json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}),
    ]
    log = folder / LOG
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ENVIRONMENT},
        )
    assert process.stdin
    try:
        server = VllmServer(port, folder)
        _wait(server, process)
        yield server
    finally:
        process.stdin.close()
        process.wait(60)


def tail(folder: Path, lines: int = 60) -> str:
    """The last that the server said."""
    path = folder / LOG
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def _wait(server: VllmServer, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError):  # not there yet
            _OPENER.open(f"{server.root}/health", timeout=5).close()
            return
        if process.poll() is not None:
            raise AssertionError(f"vLLM's server has ended:\n{tail(server.folder)}")
        time.sleep(0.5)
    raise AssertionError(f"vLLM's server is not up after {_PATIENCE} s:\n{tail(server.folder)}")
