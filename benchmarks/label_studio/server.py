"""A Label Studio server in a process of its own, on loopback, with a user who may do everything."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from filelock import FileLock

from schema.errors import InputError

VERSION = "1.23.2"
KEPT = Path(".bench") / "label-studio"
"""Where its environment is made, once; it has nothing to do with IntentKG's."""

USER, PASSWORD = "annotator@example.org", "correct-horse-9"
_PATIENCE = 240  # seconds; a start takes some forty on two cores that have nothing else to do


class LabelStudio:
    """A server; a context manager that starts and stops it.

    Parameters
    ----------
    home
        Where its data is kept; None: in a folder that is removed in the end.
    port
        None: one that is free.

    Attributes
    ----------
    url, token
        Its address, and what its API takes as ``Authorization: Token …``.
    """

    def __init__(self, home: Path | None = None, *, port: int | None = None) -> None:
        self._temporary = None if home else tempfile.TemporaryDirectory(prefix="intentkg-studio-")
        self._home = home or Path(self._temporary.name if self._temporary else "")
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        self.token = secrets.token_hex(20)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises
        ------
        InputError
            If it cannot be installed, or does not start.
        """
        program = install()
        self._home.mkdir(parents=True, exist_ok=True)
        log = self._home / "server.log"
        told = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self._home.absolute() / "data"),
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
        }
        words = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1"]
        words += ["--port", str(self._port), "--username", USER, "--password", PASSWORD]
        words += ["--user-token", self.token]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **told}, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.3)
        said = log.read_text(encoding="utf-8", errors="replace")[-1500:]
        self.stop()
        raise InputError(f"Label Studio did not start:\n{said}", fix="see what it says there")

    def stop(self) -> None:
        """Stop it, and whatever it started."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
            break
        self._process = None

    def join(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            self._process.wait()

    def client(self) -> httpx.Client:
        """A client of its API."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Token {self.token}"}, timeout=60
        )


def install() -> Path:
    """Make its environment if there is none, and return its program.

    Raises
    ------
    InputError
        If that fails.
    """
    folder = KEPT.absolute() / VERSION
    program, done = folder / "bin" / "label-studio", folder / ".installed"
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(KEPT / ".lock"):
        if done.exists():
            return program
        uv = shutil.which("uv") or Path(".uv/bin/uv").absolute()
        inside = folder / "bin" / "python"
        steps = [
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", inside, f"label-studio=={VERSION}"],
        ]
        for words in steps:
            try:
                subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                raise InputError(
                    f"Label Studio cannot be installed: {getattr(error, 'stderr', '') or error}",
                    fix="make install-dev brings uv; the package index has to be reached once",
                ) from None
        done.touch()
    return program


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
