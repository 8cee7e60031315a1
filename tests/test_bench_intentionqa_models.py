"""IntentionQA asked of real engines with tiny models, and MIND's ablations trained on one."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.downstream.intentionqa import ablations
from benchmarks.downstream.intentionqa.answering import ask, prompt
from benchmarks.downstream.intentionqa.questions import Question, accuracy, read_questions
from generation.backends import open_backend
from generation.distill.export import write
from generation.distill.options import Lora
from generation.distill.rows import Row
from generation.distill.run import train
from kg.directory import Directory
from schema.errors import ModelNotFoundError, UsageError
from schema.identity import cobuy_id
from tests.distill_world import lines, one_thread
from tests.graph_samples import cobuy, commit, evidence, product
from tests.intentionqa_world import row, write_rows
from tests.tiny_models import text_model


@pytest.fixture(scope="module", autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_model(tmp_path_factory.mktemp("tiny") / "model")


def questions(folder: Path, count: int = 8) -> tuple[Question, ...]:
    file = write_rows(folder / "q.jsonl", [row(place) for place in range(count)])
    return read_questions(file, "understanding").questions


def test_a_model_that_learnt_to_say_b_is_right_where_b_is(tmp_path: Path, model: Path) -> None:
    asked = questions(tmp_path)
    rows = [
        Row(f"h{place}", "intentions", ("UsedFor",), "", ((prompt(one), "B. it fits."),))
        for place, one in enumerate(asked)
    ]
    write(rows, tmp_path / "data", validation=0.0, test=0.0, history=False, options={},
          left_out=Counter())  # fmt: skip
    lora = Lora(rank=8, learning_rate=1e-2, steps=25, batch=8)
    train(tmp_path / "data", tmp_path / "student", str(model), lora)
    student = str(tmp_path / "student" / "merged")
    store = tmp_path / "replies.sqlite"
    found = ask(asked, open_backend("transformers", model=student), student, store)
    assert found.letters == ("B",) * 8 and found.failed == {}
    assert accuracy(asked, found.letters) == 25.0

    copy = shutil.copy(store, tmp_path / "copy.sqlite")
    # What was answered is not asked again: a backend that only replays gives the same.
    again = ask(asked, open_backend("replay", path=copy), student, store)
    assert again == found
    # What was never asked has no reply, and counts as wrong.
    more = questions(tmp_path, 9)
    silent = ask(
        [*more, *read_as_utilization(tmp_path)], open_backend("replay", path=copy), student, store
    )
    assert silent.letters[:8] == found.letters and silent.letters[-1] is None
    assert set(silent.failed) == {"missing"}


def read_as_utilization(folder: Path) -> tuple[Question, ...]:
    return read_questions(folder / "q.jsonl", "utilization").questions


def test_noise_is_no_answer_but_no_failure_either(tmp_path: Path, model: Path) -> None:
    asked = questions(tmp_path, 4)
    found = ask(asked, open_backend("transformers", model=model), str(model), tmp_path / "r.sqlite")
    assert len(found.letters) == 4 and found.failed == {}
    assert set(found.letters) <= {None, "A", "B", "C", "D"}


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        open_backend("transformers", model=tmp_path / "none")


def judged_kb(folder: Path) -> Path:
    """Six products; each pair has an accepted, a rejected and an unscored tail."""
    directory = Directory.create(folder)
    keys = [f"P{place}" for place in range(6)]
    told = []
    for pair in combinations(keys, 2):
        head = cobuy_id(*pair)
        told += [
            evidence("CoBuy", head, "UsedFor", "staying dry", accepted=True, typicality=0.9),
            evidence("CoBuy", head, "Cause", "travel light", accepted=True, typicality=0.3),
            evidence("CoBuy", head, "Open", "rain is near", accepted=False, typicality=0.8),
            evidence("CoBuy", head, "IsA", "outdoor gear"),
        ]
    things = ("Tent", "Stove", "Torch", "Socks", "Poncho", "Boots")
    commit(
        directory,
        products=[product(key, thing) for key, thing in zip(keys, things, strict=True)],
        cobuys=[cobuy(*pair) for pair in combinations(keys, 2)],
        assertions=told,
    )
    return folder


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("mind", {"staying dry", "travel light"}),
        ("without-filter", {"staying dry", "travel light", "rain is near", "outdoor gear"}),
        ("critic-filter", {"staying dry", "rain is near"}),
    ],
)
def test_what_each_ablation_teaches(tmp_path: Path, name: str, answers: set[str]) -> None:
    kb = Directory(judged_kb(tmp_path / "kb.kg"))
    asked = {frozenset(("P0", "P1"))}
    made = ablations.training_set(kb, tmp_path / "data", name, without=asked)
    assert made.left_out["pair of a question"] == 1
    rows = lines(tmp_path / "data" / "alpaca_train.jsonl")
    assert len(rows) == made.rows["train"] == 14 * len(answers)
    assert {one for one in answers if any(one in row["output"] for row in rows)} == answers
    assert all(any(one in row["output"] for one in answers) for row in rows)
    assert all(row["instruction"].startswith("A customer buys ") for row in rows)
    assert not any({"Tent", "Stove"} <= set(row["instruction"].split()) for row in rows)


def test_a_set_with_nothing_in_it(tmp_path: Path) -> None:
    kb = Directory(judged_kb(tmp_path / "kb.kg"))
    pairs = {frozenset(pair) for pair in combinations([f"P{place}" for place in range(6)], 2)}
    with pytest.raises(UsageError, match="no row to write"):
        ablations.training_set(kb, tmp_path / "data", "mind", without=pairs)


def test_the_ablations_are_trained_and_asked_by_one_command(tmp_path: Path, model: Path) -> None:
    kb = judged_kb(tmp_path / "kb.kg")
    data = tmp_path / "data" / "intentionqa"
    data.mkdir(parents=True)
    for name in ("QA_fullInfo_task1", "QA_fullInfo_task2"):
        write_rows(data / f"{name}.jsonl.gz", [row(place) for place in range(4)])
    words = [kb, tmp_path / "out", data.parent, "--model", model, "--text-only", kb,
             "--rank", "4", "--epochs", "0.5", "--limit", "2"]  # fmt: skip
    result = CliRunner().invoke(ablations.main, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(told) == ["mind", "without-filter", "critic-filter", "text-only"]
    assert [one["rows"] for one in told.values()] == [30, 60, 30, 30]
    for name, one in told.items():
        assert {one["understanding"], one["utilization"]} <= {0.0, 50.0, 100.0}
        record = json.loads((tmp_path / "out" / name / "student" / "training.json").read_text())
        assert record["state"] == "trained" and record["loss"]
    # The same command goes on from what is done: nothing is trained anew.
    before = (tmp_path / "out" / "mind" / "student" / "training.json").stat().st_mtime_ns
    again = CliRunner().invoke(ablations.main, list(map(str, words)), catch_exceptions=False)
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == told
    assert (tmp_path / "out" / "mind" / "student" / "training.json").stat().st_mtime_ns == before
    words[0] = tmp_path / "nothing"
    refused = CliRunner().invoke(ablations.main, list(map(str, words)))
    assert refused.exit_code == 2 and "Traceback" not in refused.output
