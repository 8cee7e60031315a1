"""Other people's ways of putting many prompts to a server, each in an environment of its own.

They are no dependencies of IntentKG. `python` installs a peer with uv into ``.bench/peers/NAME``
on its first use; its script is started there by its path and imports nothing of ours::

    python run_NAME.py BASE_URL PROMPTS FOLDER CONCURRENCY

PROMPTS is a text file with one prompt a line, FOLDER an empty one. The script puts every prompt to
the server, waits for all replies and prints ``{"seconds", "replies"}``: the seconds from its first
call to having all replies in hand (imports do not count), and how many different ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from schema.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer.

    Attributes
    ----------
    requirements
        What is installed, with exact versions of what is measured.
    script
        Name of the script beside this file; None: ``run_NAME.py``.
    is_client
        A bare client: it keeps nothing, so it is no rival of a run with the store.
    how
        The configuration, in words.
    """

    name: str
    requirements: tuple[str, ...]
    how: str
    script: str = ""
    is_client: bool = False


_CLIENTS = ("openai==3.57.0", "httpx==0.28.1", "aiohttp==3.14.5", "orjson")

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "datatrove",
            # Its extra "inference" would bring vLLM and SGLang (9 GB), which an endpoint needs not.
            ("datatrove[io]==0.10.1", "httpx", "aiofiles", "aiosqlite", "xxhash<4"),
            "InferenceRunner on an endpoint, 64 generations at once, checkpoints and request cache",
        ),
        Peer(
            "curator",
            ("bespokelabs-curator==0.1.31",),
            "curator.LLM, backend openai, 64 concurrent requests, rate limits out of reach",
        ),
        Peer(
            "distilabel",
            ("distilabel[openai]==1.5.3", "requests"),  # which it forgets to ask for
            "Pipeline of TextGeneration with OpenAILLM, batches of 64 sent at once, cache on",
        ),
        Peer("aiohttp", _CLIENTS, "bare, 64 workers, one session", "run_clients.py", True),
        Peer("openai", _CLIENTS, "bare AsyncOpenAI, 64 workers", "run_clients.py", True),
        Peer("httpx", _CLIENTS, "bare AsyncClient, 64 workers", "run_clients.py", True),
    )
}


def command(peer: Peer, work: Path) -> list[str]:
    """Install the peer if it is not there; returns the start of its command line.

    Raises
    ------
    InputError
        If it cannot be installed; says why.
    """
    folder = work / ("clients" if peer.is_client else peer.name)
    interpreter = folder / "bin" / "python"
    done = folder / ".installed"
    wanted = "\n".join(peer.requirements)
    if not (done.exists() and done.read_text(encoding="utf-8") == wanted):
        uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
        work.mkdir(parents=True, exist_ok=True)
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        _run(uv, "venv", "--quiet", "--clear", "--python", version, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(folder), *peer.requirements)
        done.write_text(wanted, encoding="utf-8")
    script = Path(__file__).parent / (peer.script or f"run_{peer.name}.py")
    return [str(interpreter), str(script), *([peer.name] if peer.is_client else [])]


def environment(folder: Path) -> dict[str, str]:
    """Variables for a peer's process: caches in `folder`, no telemetry, no proxy to the server."""
    return os.environ | {
        "HOME": str(folder),
        "OPENAI_API_KEY": "none",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "TELEMETRY_ENABLED": "false",
        "CURATOR_VIEWER": "false",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUTF8": "1",
    }


def _run(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise InputError(
            f"{' '.join(words[1:3])} failed: {said.strip()[-400:]}",
            fix="install uv, and see that the package index can be reached",
        ) from None
