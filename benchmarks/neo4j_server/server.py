"""A server in a process of its own, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from benchmarks.neo4j_server.jars import VERSIONS, entry_point, jars, java
from schema.errors import InputError

_OPENS = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in ("java.nio", "java.io")]
_OPENS.append("--add-opens=java.base/sun.nio.ch=ALL-UNNAMED")
_PATIENCE = 180  # seconds; a start takes ten on two cores that have nothing else to do


class Neo4jServer:
    """A Neo4j Community server; a context manager that starts and stops it.

    It keeps its port and its data from one start to the next.

    Parameters
    ----------
    home
        Its folder; None: one that is removed in the end.
    release
        One of :data:`benchmarks.neo4j_server.jars.VERSIONS`.
    password
        Of the user ``neo4j``, of eight characters or more; None: no authentication. It is set on
        the first start.
    heap
        Of the Java machine.
    port
        For Bolt; None: one that is free.
    apoc
        Whether it has APOC's procedures.
    settings
        More lines for ``neo4j.conf``.
    short
        Whether it will not run for long: its code is compiled lightly, so that it starts with two
        thirds of the work, and is slower once it is warm.

    Attributes
    ----------
    uri
        Its address, ``bolt://127.0.0.1:…``.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        release: str = "5.26",
        password: str | None = None,
        heap: str = "600m",
        port: int | None = None,
        apoc: bool = False,
        settings: Sequence[str] = (),
        short: bool = False,
    ) -> None:
        self._throwaway = home is None
        self.home = (home or Path(tempfile.mkdtemp(prefix="intentkg-neo4j-"))).absolute()
        self.release = release
        self.password = password
        self._heap = heap
        self._port = port or _free_port()
        self._apoc = apoc
        self._settings = settings
        self._short = short
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Where it answers."""
        return f"bolt://127.0.0.1:{self._port}"

    def start(self) -> str:
        """Start it, and wait until it answers; returns its address.

        Raises
        ------
        InputError
            If it cannot be fetched or does not start; says why.
        """
        folder = jars(self.release, apoc=self._apoc)
        self._configure(folder)
        if self.password is not None and not (self.home / "data").exists():
            admin(["dbms", "set-initial-password", self.password], self.home, self.release)
        words = [str(java(self.release)), f"-Xmx{self._heap}", "-XX:+UseSerialGC", *_OPENS]
        if self._short:
            words.append("-XX:TieredStopAtLevel=1")
        words += ["-cp", f"{folder}/*", entry_point(folder)]
        words += [f"--home-dir={self.home}", f"--config-dir={self.home}/conf"]
        with self._output("wb") as output:
            self._process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self.uri

    def stop(self) -> None:
        """Stop it in order, so that the next start finds nothing to recover."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill it at once (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def join(self) -> None:
        """Wait until it ends by itself."""
        if self._process is not None:
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._throwaway:
            self.kill()
            shutil.rmtree(self.home, ignore_errors=True)
        else:
            self.stop()

    def _configure(self, folder: Path) -> None:
        conf, plugins = self.home / "conf", self.home / "plugins"
        for place in (conf, plugins):
            place.mkdir(parents=True, exist_ok=True)
        lines = [
            "server.default_listen_address=127.0.0.1",
            f"server.bolt.listen_address=127.0.0.1:{self._port}",
            "server.http.enabled=false",
            "dbms.usage_report.enabled=false",
            f"dbms.security.auth_enabled={str(self.password is not None).lower()}",
            "server.memory.pagecache.size=256m",
            *self._settings,
        ]
        if self._apoc:
            lines.append("dbms.security.procedures.unrestricted=apoc.*")
            for jar in folder.glob("apoc-core-*.jar"):
                shutil.copy(jar, plugins)
        (conf / "neo4j.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _output(self, mode: str) -> IO[bytes]:
        return (self.home / "output.log").open(mode)

    def _wait(self) -> None:
        assert self._process is not None
        until = time.monotonic() + _PATIENCE
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > until:
                with self._output("rb") as output:
                    said = " ".join(output.read().decode("utf-8", "replace").split())
                raise InputError(
                    f"Neo4j {VERSIONS[self.release]} does not start: {said[-400:]}",
                    fix=f"see {self.home}/logs",
                )
            time.sleep(0.05)


def admin(
    words: Sequence[str], home: Path, release: str = "5.26", *, folder: Path | None = None
) -> str:
    """Run ``neo4j-admin`` for the server in `home`, in the folder `folder`; returns what it says.

    Raises
    ------
    InputError
        If it fails; says why.
    """
    (home / "conf").mkdir(parents=True, exist_ok=True)
    command = [str(java(release)), *_OPENS, "-cp", f"{jars(release)}/*", "org.neo4j.cli.AdminTool"]
    done = subprocess.run(
        [*command, *words],
        cwd=folder,
        env=os.environ | {"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise InputError(f"neo4j-admin failed: {' '.join(said.split())[-600:]}")
    return said


def _answers(port: int) -> bool:
    """Whether someone speaks Bolt there: gives the handshake, and waits for a version."""
    hello = bytes.fromhex("6060b017" + "00000405" + "00000004" + "00000000" * 2)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(hello)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
