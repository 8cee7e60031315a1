"""What is looked at before a run spends anything: locks, disk, store, images, and the models."""

from __future__ import annotations

from pathlib import Path

import pytest
from door import call, quick

from kg.directory import Directory
from tests.generate_world import clean, evidence, generate, make_kb, refused, stored, words
from tests.pipeline_world import asked, manners, pictures_of, text_of
from tests.servers import Server, serving


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return make_kb(tmp_path)


def test_each_model_is_asked_once_with_all_that_it_will_need(kb: Path, writer: Server) -> None:
    few = ["--relation", "UsedFor", "--stage-model", "filter=judge", "--limit", "1"]
    report = generate(kb, writer, "mind", *few)
    tiny = [body for body in asked(writer) if "A test of" in text_of(body)]
    assert sorted(body["model"] for body in tiny) == ["judge", "m"]
    assert all(pictures_of(body) for body in tiny)  # the first pair shows pictures
    assert all("response_format" in body for body in tiny)
    assert all(body["max_tokens"] <= 64 for body in tiny)
    stages = {(row["stage"], row["model"]): row for row in quick("status", kb)["requests"]}
    assert stages["preflight", "m"]["requests"] == 1
    assert stages["preflight", "judge"]["requests"] == 1
    assert report["requests"] == len(asked(writer))
    # The same run going on knows the answers; it is not paid twice.
    manners(writer)
    assert generate(kb, writer, "mind", *few)["requests"] == 0
    assert asked(writer) == []


def test_it_asks_for_no_more_than_the_run_does(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko", "--text-only", "--no-structured", "--limit", "1")
    (tiny,) = [body for body in asked(writer) if "A test of" in text_of(body)]
    assert not pictures_of(tiny) and "response_format" not in tiny


def test_another_server_is_looked_at_too(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko", "--limit", "1")
    with serving("writer") as other:
        generate(kb, other, "miko", "--limit", "1")
        assert asked(other) == []  # all is known
        generate(kb, other, "miko", "--limit", "2")
        assert ["A test of" in text_of(body) for body in asked(other)] == [True, False, False]


def test_a_run_that_knows_all_contacts_nobody(
    kb: Path, writer: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = generate(kb, writer, "miko", "--no-preflight")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    nowhere = ["--base-url", "http://127.0.0.1:9/v1"]
    for more in (nowhere, []):
        told = quick("generate", kb, "-p", "miko", "-m", "m", *more)
        assert told["requests"] == 0 and told["intentions"] == report["intentions"] == 30
    # One request that is not known, and the server is looked at first.
    result = refused(kb, "-p", "miko", "-m", "m", "--language", "French", *nowhere)
    assert "127.0.0.1:9" in result.stderr
    assert sum(stored(kb).values()) == report["requests"]


def test_what_is_known_is_kept_where_the_server_is_refused(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko", "--no-preflight", "--limit", "2")
    manners(writer, deaf=True)
    told = generate(kb, writer, "miko", code=1)
    assert told["error"]["type"] == "UnsupportedError"
    assert len(asked(writer)) == 1 and len(evidence(kb)) == 20


def test_it_can_be_left_out(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko", "--no-preflight")
    assert not any("A test of" in text_of(body) for body in asked(writer))


def test_it_counts_against_the_budget(kb: Path, writer: Server) -> None:
    report = generate(kb, writer, "miko", "--budget", "1 requests", code=1)
    assert report["error"]["type"] == "BudgetReachedError"
    assert len(asked(writer)) == 1


def test_a_model_that_sees_nothing_is_told_before_the_run(kb: Path, writer: Server) -> None:
    manners(writer, blind=True)
    result = refused(*words(kb, writer, "miko")[1:])
    assert "does not take images" in result.stderr and "vision" in result.stderr
    assert len(asked(writer)) == 1
    assert generate(kb, writer, "miko", "--text-only")["intentions"] == 30
    clean(kb)


def test_a_server_that_ignores_schemas_is_told_before_the_run(kb: Path, writer: Server) -> None:
    manners(writer, deaf=True)
    result = refused(*words(kb, writer, "miko")[1:])
    assert "does not hold replies to a schema" in result.stderr
    assert "--no-structured" in result.stderr
    assert len(asked(writer)) == 1
    assert generate(kb, writer, "miko", "--no-structured")["intentions"] == 30


def test_a_server_that_refuses_schemas_is_told_before_the_run(kb: Path, writer: Server) -> None:
    manners(writer, plain=True)
    result = refused(*words(kb, writer, "miko")[1:])
    assert "does not hold replies to a schema" in result.stderr and "none" in result.stderr
    assert stored(kb) == {}
    assert generate(kb, writer, "miko", "--structured", "none")["intentions"] == 30


def test_a_wrong_model_is_named_with_those_that_are_there(kb: Path, writer: Server) -> None:
    manners(writer, models=["big-model", "small-model"])
    result = refused(*words(kb, writer, "miko")[1:])
    assert "no model 'm'" in result.stderr
    assert "big-model, small-model" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_request_is_made_while_another_writes(kb: Path, writer: Server) -> None:
    with Directory(kb).write("build"):
        result = refused(*words(kb, writer, "miko")[1:])
    assert "is being written to" in result.stderr and "intentkg build" in result.stderr
    assert asked(writer) == []
    assert generate(kb, writer, "miko")["intentions"] == 30


def test_a_missing_image_is_told_before_the_run(kb: Path, writer: Server) -> None:
    for file in (kb / "records" / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    result = refused(*words(kb, writer, "miko")[1:])
    assert "has no bytes" in result.stderr and "--text-only" in result.stderr
    assert asked(writer) == []
    assert generate(kb, writer, "miko", "--text-only")["intentions"] == 30


def test_an_image_that_goes_missing_later_costs_its_head_only(kb: Path, writer: Server) -> None:
    """One that is there but was altered shows only when it is sent."""
    for file in (kb / "records" / "blobs").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\x89PNG altered")
    report = generate(kb, writer, "miko")
    assert report["failed"] == {"miko.description": {"missing": 1}}
    assert report["unfinished"] == 1 and len(evidence(kb)) == 20
    assert "altered" in report["examples"]["miko.description"]["missing"]


def test_a_damaged_store_is_told_and_left_alone(kb: Path, writer: Server) -> None:
    generate(kb, writer, "miko")
    store = kb / "requests.sqlite"
    data = bytearray(store.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    store.write_bytes(bytes(data))
    manners(writer)
    result = refused(*words(kb, writer, "mind")[1:])
    assert "requests.sqlite" in result.stderr and "backup" in result.stderr
    assert asked(writer) == []
    assert store.read_bytes()[4096:] == bytes(len(data) - 4096)
    checked = call("verify", kb)
    assert checked.returncode == 1 and "requests" in checked.stdout
    told = quick("status", kb)
    assert told["requests"] == [] and any("cannot be counted" in note for note in told["notes"])


def test_a_folder_without_a_knowledge_base_is_left_alone(tmp_path: Path, writer: Server) -> None:
    result = refused(*words(tmp_path / "nowhere.kg", writer, "miko")[1:])
    assert "not a knowledge base" in result.stderr
    assert not (tmp_path / "nowhere.kg").exists()


def test_nothing_to_ask_about_is_said(tmp_path: Path, writer: Server) -> None:
    kb = make_kb(tmp_path, texts=[], pairs=[("X1", "X2")], pictures=False, name="empty.kg")
    result = refused(*words(kb, writer, "miko")[1:])
    assert "has no posts" in result.stderr and "intentkg ingest" in result.stderr
    assert asked(writer) == []


def test_json_in_another_form_is_only_noted(kb: Path, writer: Server) -> None:
    manners(writer, say={"A test of": '{"hello": "there"}'})
    report = generate(kb, writer, "miko")
    assert report["intentions"] == 30
    assert "not in the schema" in report["warnings"][0]


def test_it_is_asked_as_the_run_will_ask(kb: Path, writer: Server) -> None:
    generate(kb, writer, "mind", "--limit", "1", "--param", "seed=5", "--relation", "Can")
    (tiny,) = [body for body in asked(writer) if "A test of" in text_of(body)]
    assert tiny["seed"] == 5 and tiny["temperature"] == 0.2 and tiny["max_tokens"] == 64
