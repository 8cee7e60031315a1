from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from benchmarks.neo4j_server import Neo4jServer
    from tests.neo4j_push_world import Database
    from tests.neo4j_world import OwnServer
    from tests.servers import Server
    from tests.servers.vllm_openai import VllmServer

for name in ("COLUMNS", "LINES"):  # readline sets them, for a screen that is not there
    os.environ.pop(name, None)
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes side by side that each take all cores wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shared machine may pause at any moment: slowness is pytest-timeout's business.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the published data sets; a test that needs it is skipped without it."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("INTENTKG_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}; set INTENTKG_SHARED_DATA to the folder")
    return folder


@pytest.fixture(scope="module")
def writing_server() -> Iterator[Server]:
    """A server that writes intentions as a model would (tests/servers/writer.py)."""
    from tests.servers import serving

    with serving("writer") as server:
        yield server


@pytest.fixture
def writer(writing_server: Server) -> Server:
    """The same, with its usual manners and an empty book."""
    from tests.pipeline_world import manners

    manners(writing_server)
    return writing_server


@pytest.fixture(scope="module")  # an idle one polls, and takes a core from all tests after it
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """A real vLLM server with a tiny vision-language model."""
    from tests.servers.vllm_openai import serving_tiny

    with serving_tiny(tmp_path_factory.mktemp("vllm-server")) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what vLLM's server said beside the failure of a test that talks to it."""
    report = yield
    server = getattr(item, "funcargs", {}).get("vllm_server")
    if report.failed and server is not None:
        from tests.servers.vllm_openai import tail

        report.sections.append(("vLLM's server", tail(server.folder)))
    return report


@pytest.fixture(scope="session")
def neo4j_server() -> Iterator[Neo4jServer]:
    """A real Neo4j with authentication, one for the whole session."""
    from tests.neo4j_world import shared_server

    yield from shared_server()


@pytest.fixture
def neo4j(neo4j_server: Neo4jServer) -> Iterator[Database]:
    """Its database, empty."""
    from tests.neo4j_push_world import databases
    from tests.neo4j_world import address

    yield from databases(address(neo4j_server))


@pytest.fixture(scope="session")
def own_neo4j() -> Iterator[OwnServer]:
    """A real Neo4j that a test may stop and kill; it starts it again."""
    from tests.neo4j_world import own_servers

    yield from own_servers()
