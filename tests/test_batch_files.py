"""Batch files out and in: what providers and vLLM's run-batch give back, whole or broken."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import stub

from generation.backends.openai import OpenAIBackend
from generation.backends.replay import ReplayBackend
from generation.batch import export_batch, import_batch
from generation.pricing import Prices, Rate
from generation.record import read_record, write_record
from generation.requests import Failure, Image, Reply, Request, image, user
from generation.runner import run
from generation.store import RequestStore
from schema.errors import BackendError, InputError, IntentKGError, UsageError

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = {"type": "object", "properties": {"tail": {"type": "string"}}}


def ask(number: int, **changes: Any) -> Request:
    fields: dict[str, Any] = {"reply_schema": SCHEMA, "stage": "intend", **changes}
    return Request("stub", [user(f"Why was {number} bought?")], {"max_tokens": 32}, **fields)


def asks(count: int) -> list[Request]:
    return [ask(number) for number in range(count)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def completion(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    said = row["body"]["messages"][0]["content"]
    return {
        "model": "stub",
        "choices": [{"message": {"content": f"re: {said}"}, "finish_reason": "stop", **changes}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }


def provider(row: dict[str, Any]) -> dict[str, Any]:
    """A line of OpenAI's output."""
    body = completion(row)
    response = {"status_code": 200, "request_id": "r", "body": body}
    return {"id": "b", "custom_id": row["custom_id"], "response": response, "error": None}


def run_batch(row: dict[str, Any]) -> dict[str, Any]:
    """A line of vLLM's run-batch."""
    response = {"status_code": 200, "request_id": "vllm-1", "body": completion(row)}
    return {"id": "vllm-2", "custom_id": row["custom_id"], "response": response, "error": None}


def write(path: Path, rows: list[Any]) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RequestStore]:
    with RequestStore(tmp_path / "requests.sqlite") as opened:
        yield opened


@pytest.mark.parametrize("form", [provider, run_batch])
def test_out_and_in_again_in_any_order(
    form: Callable[[dict[str, Any]], Any], store: RequestStore, tmp_path: Path
) -> None:
    out = export_batch(asks(1200), tmp_path / "out.jsonl", store)
    assert (out.written, out.files) == (1200, [str(tmp_path / "out.jsonl")])
    rows = lines(tmp_path / "out.jsonl")
    assert rows[0] == {
        "custom_id": ask(0).key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "stub",
            "messages": [{"role": "user", "content": "Why was 0 bought?"}],
            "max_tokens": 32,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": SCHEMA, "strict": False},
            },
        },
    }
    assert store.waiting() == {str(tmp_path / "out.jsonl"): 1200}
    random.Random(1).shuffle(rows)
    prices = Prices({"stub": Rate(1.0, 1.0, 10.0)})
    done = import_batch(
        write(tmp_path / "in.jsonl", [form(row) for row in rows]), store, prices=prices
    )
    assert (done.replies, done.known, done.refused) == (1200, 0, [])
    assert done.price == pytest.approx(1200 * 0.5 * (100 + 100) / 1e6)
    assert store.waiting() == {}
    found = store.get(ask(7).key)
    assert isinstance(found, Reply)
    assert found.text == "re: Why was 7 bought?"
    assert {row.request.stage for row in store.rows()} == {"intend"}
    assert store.check() == []
    again = import_batch(tmp_path / "in.jsonl", store)
    assert (again.replies, again.known, len(store)) == (0, 1200, 1200)


def test_a_run_pays_nothing_for_what_a_batch_has_answered(
    store: RequestStore, tmp_path: Path
) -> None:
    export_batch(asks(50), tmp_path / "out.jsonl", store)
    rows = [provider(row) for row in lines(tmp_path / "out.jsonl")]
    import_batch(write(tmp_path / "in.jsonl", rows[:30]), store)

    async def main(base_url: str) -> None:
        backend = OpenAIBackend(base_url=base_url)
        pairs = [pair async for pair in run(asks(50), backend, store)]
        assert len(pairs) == 50
        await backend.aclose()

    with stub() as server:
        asyncio.run(main(server.base_url))
        assert server.book()["paid"] == 20


def test_what_is_answered_or_has_gone_out_does_not_go_out_again(
    store: RequestStore, tmp_path: Path
) -> None:
    store.put_many([(ask(n), Reply("known"), 1) for n in range(10)])
    store.put_many([(ask(10), Failure("refusal", "no"), 1)])
    first = export_batch(asks(20), tmp_path / "one.jsonl", store)
    assert (first.written, first.known, first.waiting) == (9, 11, 0)
    second = export_batch([*asks(25), *asks(25)], tmp_path / "two.jsonl", store)
    assert (second.written, second.known, second.waiting) == (5, 22, 18)
    third = export_batch(asks(25), tmp_path / "three.jsonl", store, again=True, retry_failed=True)
    assert (third.written, third.known) == (15, 10)


def test_files_are_split_and_never_overwritten(store: RequestStore, tmp_path: Path) -> None:
    out = export_batch(asks(25), tmp_path / "out.jsonl", store, most=10)
    assert [Path(file).name for file in out.files] == ["out.jsonl", "out-2.jsonl", "out-3.jsonl"]
    assert [len(lines(Path(file))) for file in out.files] == [10, 10, 5]
    more = export_batch([ask(n) for n in range(30)], tmp_path / "out.jsonl", store, most_bytes=900)
    assert Path(more.files[0]).name == "out-4.jsonl"
    assert sum(len(lines(Path(file))) for file in more.files) == 5
    assert all(Path(file).stat().st_size <= 900 for file in more.files)


KILLED = """
import os, sys
from pathlib import Path
from generation.batch import export_batch
from generation.requests import Request, user
from generation.store import RequestStore

def asks():
    for number in range(5000):
        if number == int(sys.argv[3]):
            os.kill(os.getpid(), 9)
        yield Request("stub", [user(f"{number}")])

export_batch(asks(), Path(sys.argv[1]), RequestStore(sys.argv[2]), most=2000)
"""


@pytest.mark.parametrize("moment", [100, 1999, 2600, 4999])
def test_an_export_that_was_killed_is_made_whole_by_the_next(moment: int, tmp_path: Path) -> None:
    out, path = tmp_path / "out.jsonl", tmp_path / "requests.sqlite"
    command = [sys.executable, "-c", KILLED, str(out), str(path), str(moment)]
    killed = subprocess.run(command, cwd=ROOT, check=False)
    assert killed.returncode == -9
    everything = [Request("stub", [user(f"{number}")]) for number in range(5000)]
    with RequestStore(path) as store:
        export_batch(everything, out, store, most=2000)
        rows = [row for file in tmp_path.glob("*.jsonl") for row in lines(file)]
        assert sorted(row["custom_id"] for row in rows) == sorted(r.key for r in everything)
        assert sum(store.waiting().values()) == 5000
        assert set(store.waiting()) == {str(file) for file in tmp_path.glob("*.jsonl")}
    assert not list(tmp_path.glob("*.part"))


def test_rows_that_do_not_belong_here_are_refused_with_row_and_reason(
    store: RequestStore, tmp_path: Path
) -> None:
    export_batch(asks(5), tmp_path / "out.jsonl", store)
    good = [provider(row) for row in lines(tmp_path / "out.jsonl")]
    stranger = {**good[1], "custom_id": ask(99).key}
    odd = {**good[1], "custom_id": "request-7"}
    rows = [good[0], stranger, "{half a li", odd, "", {"no": "id"}, "[1]", good[2]]
    done = import_batch(write(tmp_path / "in.jsonl", rows), store)
    assert done.replies == 2
    said = {refused.row: refused.reason for refused in done.refused}
    assert sorted(said) == [2, 3, 4, 6, 7]
    assert "not exported" in said[2]
    assert "not a JSON object" in said[3]
    assert "request-7" in said[4]
    assert "custom_id" in said[6]
    assert all(refused.fix for refused in done.refused)


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"response": None, "error": {"code": "batch_expired", "message": "expired"}}, "transport"),
    ({"response": None, "error": {"code": "x", "message": "broken"}}, "server"),
    ({"response": {"status_code": 400, "body": None}, "error": "prompt is too long"}, "too_long"),
    ({"response": {"status_code": 500, "body": {"error": {"message": "died"}}}, "error": None},
     "server"),
    ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}, "error": None},
     "rate_limit"),
    ({"response": {"status_code": 200, "body": {"choices": []}}, "error": None}, "transport"),
    ({"response": {"status_code": 404, "body": {"error": {"message": "no model"}}}, "error": None},
     "bad_request"),
    ({"response": "?"}, "server"),
    ({}, "server"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reason"), ERRORS)
def test_error_rows_are_failures_with_a_reason_and_can_go_out_again(
    answer: dict[str, Any], reason: str, store: RequestStore, tmp_path: Path
) -> None:
    export_batch(asks(2), tmp_path / "out.jsonl", store)
    rows = [{"custom_id": ask(n).key, **answer} for n in range(2)]
    done = import_batch(write(tmp_path / "in.jsonl", rows), store)
    assert done.failures == {reason: 2}
    assert store.usage()[0].failures == {reason: 2}
    again = export_batch(asks(2), tmp_path / "again.jsonl", store, retry_failed=True)
    assert again.written == 2


def test_cut_off_and_refused_replies_are_failures_with_what_was_paid(
    store: RequestStore, tmp_path: Path
) -> None:
    export_batch([ask(0), ask(1), ask(2, accept_cut_off=True)], tmp_path / "out.jsonl", store)
    rows = [provider(row) for row in lines(tmp_path / "out.jsonl")]
    rows[0]["response"]["body"]["choices"][0]["finish_reason"] = "length"
    rows[1]["response"]["body"]["choices"][0]["message"] = {"content": None, "refusal": "no"}
    rows[2]["response"]["body"]["choices"][0]["finish_reason"] = "length"
    done = import_batch(write(tmp_path / "in.jsonl", rows), store)
    assert done.failures == {"cut_off": 1, "refusal": 1}
    assert done.replies == 1
    assert store.usage()[0].prompt_tokens == 300


def test_the_same_key_twice_in_one_file_is_stored_once(store: RequestStore, tmp_path: Path) -> None:
    export_batch(asks(1), tmp_path / "out.jsonl", store)
    (row,) = lines(tmp_path / "out.jsonl")
    rows = [{"custom_id": ask(0).key, "response": None, "error": "x"}, provider(row), provider(row)]
    done = import_batch(write(tmp_path / "in.jsonl", rows), store)
    assert isinstance(store.get(ask(0).key), Reply)
    assert (done.replies, done.known, done.failures) == (1, 1, {})


def test_images_go_along_and_gzipped_answers_are_read(store: RequestStore, tmp_path: Path) -> None:
    asked = Request("stub", [user("What?", image("ab"))])
    with pytest.raises(UsageError, match="images"):
        export_batch([asked], tmp_path / "out.jsonl", store)
    load = lambda name: Image("image/png", name.encode())  # noqa: E731
    export_batch([asked], tmp_path / "out.jsonl", store, images=load)
    (row,) = lines(tmp_path / "out.jsonl")
    part = row["body"]["messages"][0]["content"][1]
    assert part["image_url"]["url"] == "data:image/png;base64,YWI="
    row["body"]["messages"][0]["content"] = "?"
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(provider(row)).encode()))
    assert import_batch(packed, store).replies == 1


def test_a_file_that_is_not_there_is_an_error(store: RequestStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none"):
        import_batch(tmp_path / "none.jsonl", store)


# -- records --------------------------------------------------------------------------------------


def replay(path: Path, requests: list[Request], store: RequestStore) -> list[Any]:
    async def main() -> list[Any]:
        backend = ReplayBackend(path=path, rekey="python -m scripts.rekey")
        try:
            return [outcome async for _, outcome in run(requests, backend, store)]
        finally:
            await backend.aclose()

    return asyncio.run(main())


def test_a_record_replays_as_it_was(store: RequestStore, tmp_path: Path) -> None:
    rows: list[tuple[Request, Any]] = [
        (ask(0), Reply("zero", "stop", 10, 5, 3, 0.5, 0.25, "stub")),
        (ask(1, sample=2), Reply("one", prompt_tokens=9)),
        (ask(2, accept_cut_off=True), Reply("two", "length")),
        (ask(3), Failure("unparseable", "no JSON", 1, Reply("three"))),
        (ask(4), Failure("refusal", "no")),
    ]
    path = tmp_path / "record.jsonl"
    assert write_record(path, rows) == 5
    assert [(r.key, o) for r, o in read_record(path)] == [(r.key, o) for r, o in rows]
    requests = [request for request, _ in rows]
    found = replay(path, requests, store)
    texts = {outcome.text for outcome in found if isinstance(outcome, Reply)}
    assert texts == {"zero", "one", "two", "three"}
    assert sum(usage.price or 0 for usage in store.usage()) == 0

    sqlite = tmp_path / "record.sqlite"
    with RequestStore(sqlite) as record:
        record.put_many((r, o, 1) for r, o in rows)
    with RequestStore(tmp_path / "fresh.sqlite") as fresh:
        again = replay(sqlite, requests, fresh)
    assert {outcome.text for outcome in again if isinstance(outcome, Reply)} == texts
    assert [outcome.reason for outcome in again if isinstance(outcome, Failure)] == ["missing"]


def test_a_miss_names_the_request_and_what_to_run_and_is_not_kept(
    store: RequestStore, tmp_path: Path
) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, [(ask(0), Reply("zero"))])
    (miss,) = replay(path, [ask(1)], store)
    assert isinstance(miss, Failure)
    assert miss.reason == "missing"
    assert "python -m scripts.rekey" in miss.message
    assert "'intend'" in miss.message
    assert ask(1).key in miss.message
    assert len(store) == 0


def test_a_batch_output_is_a_record_too(store: RequestStore, tmp_path: Path) -> None:
    """Whatever a provider's batch left can be replayed; what nobody counted is 0."""
    body: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": "zero"}}]}
    counted = {**body, "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    rows = [
        {"custom_id": ask(0).key, "response": {"status_code": 200, "body": body}},
        {"custom_id": ask(1).key, "response": {"status_code": 200, "body": counted}},
        {"custom_id": ask(2).key, "response": None, "error": {"message": "went wrong"}},
    ]
    path = tmp_path / "output.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = replay(path, [ask(0), ask(1), ask(2)], store)
    tokens = [(o.prompt_tokens, o.completion_tokens) for o in found if isinstance(o, Reply)]
    assert sorted(tokens) == [(0, 0), (7, 2)]
    (failed,) = (outcome for outcome in found if isinstance(outcome, Failure))
    assert failed.reason == "missing"
    assert "went wrong" in failed.message
    packed = tmp_path / "output.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with RequestStore(tmp_path / "other.sqlite") as other:
        again = replay(packed, [ask(0), ask(1)], other)
    assert {outcome.text for outcome in again} == {"zero"}

    path.write_text(path.read_text("utf-8") + '{"custom_id": "me"}\n', encoding="utf-8")
    with pytest.raises(IntentKGError, match=r"output\.jsonl, row 4"):
        ReplayBackend(path=path)


def test_a_record_that_has_to_be_whole_ends_the_run(store: RequestStore, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, [(ask(0), Reply("zero"))])

    async def main() -> list[Any]:
        backend = ReplayBackend(path=path, rekey="python -m scripts.rekey", whole=True)
        return [outcome async for _, outcome in run([ask(0), ask(1)], backend, store)]

    with pytest.raises(BackendError, match="holds no reply") as caught:
        asyncio.run(main())
    assert caught.value.fix == "python -m scripts.rekey"
    assert len(store) == 1


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"model": "m"}', '{"model": "m", "messages": []}', '{"model": "m", "messages": [],'
     ' "reply": {"txt": ""}}', '{"model": "m", "messages": [], "failure": {"reason": "x"}}'],
)  # fmt: skip
def test_a_broken_record_is_named_with_its_row(line: str, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    write_record(path, [(ask(0), Reply("zero"))])
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(IntentKGError, match=r"record\.jsonl, row 2"):
        ReplayBackend(path=path)
    with pytest.raises(IntentKGError):
        ReplayBackend(path=tmp_path / "none.jsonl")
    with pytest.raises(IntentKGError):
        ReplayBackend(path=tmp_path / "none.sqlite")
