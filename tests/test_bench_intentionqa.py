"""IntentionQA: which questions count, how options are scored, and the small run."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.downstream import harness
from benchmarks.downstream.harness.training import Schedule
from benchmarks.downstream.intentionqa.answering import first_letter, prompt, read
from benchmarks.downstream.intentionqa.bundles import (
    PHRASES,
    Bundle,
    make_questions,
    read_bundles,
)
from benchmarks.downstream.intentionqa.mapping import Lesson, applied, identity, learn
from benchmarks.downstream.intentionqa.norms import generality, normed
from benchmarks.downstream.intentionqa.others import held_places
from benchmarks.downstream.intentionqa.questions import accuracy, level, read_questions
from benchmarks.downstream.intentionqa.scoring import Blend, Scorer, letters, made_accuracy, score
from benchmarks.downstream.intentionqa.titles import cut, name_of
from benchmarks.downstream.intentionqa.vectors import Vectors
from benchmarks.downstream.intentionqa.words import Words
from generation.requests import Reply
from schema.errors import GenerationError, InputError, UnsuitableFileError, UsageError
from tests.intentionqa_world import PAIRS, row, write_rows
from tests.tiny_models import text_model

WORDS = ("usb", "cable", "tent", "camping", "ring", "necklace", "wear", "phone")


class Bags:
    """An embedder of words: one dimension for each, so that cosines can be reckoned by hand."""

    name = "bags"
    dimension = len(WORDS)

    def encode(self, texts: Any, *, progress: Any = None) -> Any:
        rows = np.array([[float(word in text.lower()) for word in WORDS] for text in texts])
        rows += 1e-3
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def answer(scorer: Scorer, questions: Any, vectors: Vectors, pool: Any = None) -> list[str]:
    return letters(questions, score(Blend([scorer]), questions, vectors, pool=pool))


def test_questions_with_fewer_than_four_options_do_not_count(tmp_path: Path) -> None:
    short = row(1, options={"A": "because of rain", "B": "because of sun"}, gold_ind="A")
    none = row(2, options={"A": "because of rain"}, gold_ind="A")
    file = write_rows(tmp_path / "q.jsonl.gz", [row(0), short, none])
    found = read_questions(file, "understanding")
    assert [question.id for question in found.questions] == ["FS_0"]
    assert found.left_out == {1: 1, 2: 1}
    assert {"A0", "B0", "A1", "B2", "B0BAD"} <= found.keys
    (question,) = found.questions
    assert question.intention == "because they are both used for camping."
    assert question.options[question.gold] == question.intention


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gold_ind": "E"}, "has the answer 'E', which is none of A, B, C, D"),
        ({"gold_ind": None}, "has the answer None"),
        ({"options": {}}, "has no options"),
        ({"options": {"A": "x", "B": ""}}, "an option that is empty"),
        ({"options": {"first": "x"}, "gold_ind": "first"}, "which are no letters"),
        ({"item_b_name": " "}, "has no item_b_name"),
        ({"assertion": 3}, "has no assertion"),
    ],
)
def test_a_row_that_is_no_question_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    file = write_rows(tmp_path / "q.jsonl", [row(0), row(1, **changes)])
    with pytest.raises(InputError, match=message) as raised:
        read_questions(file, "understanding")
    assert f"{file}, row 2" in str(raised.value) or "row 2" in str(raised.value)
    assert raised.value.fix


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableFileError, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl", "understanding")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(range(256)))[:30])
    with pytest.raises(UnsuitableFileError, match="damaged"):
        read_questions(tmp_path / "cut.gz", "understanding")
    (tmp_path / "text").write_text("[1]\n")
    with pytest.raises(InputError, match="is not a JSON object"):
        read_questions(tmp_path / "text", "understanding")
    (tmp_path / "text").write_bytes(b'{"id": \xff}\n')
    with pytest.raises(InputError, match="is not JSON"):
        read_questions(tmp_path / "text", "understanding")
    (tmp_path / "text").write_text("")
    with pytest.raises(InputError, match="no question with 4 options"):
        read_questions(tmp_path / "text", "understanding")


def test_levels_and_accuracy(tmp_path: Path) -> None:
    assert [level(value) for value in (0.599, 0.6, 0.849, 0.85)] == [
        "hard", "medium", "medium", "easy",
    ]  # fmt: skip
    file = write_rows(tmp_path / "q", [row(place) for place in range(4)])
    questions = read_questions(file, "understanding").questions
    assert accuracy(questions, [questions[0].gold, None, "Z", questions[3].gold]) == 50.0
    with pytest.raises(ValueError, match="1 letters for 4"):
        accuracy(questions, ["A"])


def test_pmi_lies_between_mean_and_maximum() -> None:
    pool = np.random.default_rng(0).uniform(0, 1, (50, 7)).astype(np.float32)
    soft = generality(pool, 0.05)
    assert (soft < pool.max(0)).all() and (soft > pool.mean(0)).all()
    assert np.allclose(generality(pool, 1e-4), pool.max(0), atol=1e-2)
    assert np.allclose(generality(pool, 1e3), pool.mean(0), atol=1e-2)
    # By the formula, term by term.
    wanted = 0.05 * np.log(sum(np.exp(row / 0.05) for row in pool.astype(np.float64)) / 50)
    assert np.allclose(soft, wanted, atol=1e-5)
    nearest = np.sort(pool, axis=0)[-10:].mean(0)
    assert np.allclose(normed(pool, pool, "csls", 1.0), pool - nearest / 2, atol=1e-6)
    assert np.allclose(normed(pool, pool, "z", 1.0).std(0), 1.0, atol=1e-4)


@pytest.mark.parametrize("norm", ["none", "z", "pmi"])
def test_only_norms_see_through_an_option_that_fits_everything(norm: Any, tmp_path: Path) -> None:
    general = "because of usb cable tent camping ring necklace phone"
    questions = [
        row(place, options={"A": general, "B": said, "C": "rain", "D": "sun"}, gold_ind="B",
            item_a_name=first, item_b_name=second)
        for place, (first, second, said) in enumerate(
            [("usb cable", "tent phone", "because of phone"),
             ("ring tent", "necklace usb", "because of ring"),
             ("camping ring", "cable phone", "because of camping")]
        )
    ]  # fmt: skip
    found = read_questions(write_rows(tmp_path / "q", questions), "understanding").questions
    letters = answer(Scorer("apart", norm, 0.05), found, Vectors(Bags()))
    assert letters == (["A"] * 3 if norm == "none" else ["B"] * 3)


def test_readings_and_tasks(tmp_path: Path) -> None:
    options = {"A": "ring", "B": "usb phone", "C": "tent", "D": "necklace"}
    asked = row(0, item_a_name="usb cable", item_b_name="phone", options=options, gold_ind="B",
                assertion="PersonX bought a product of Item A and a product of Item B because "
                "the phone")  # fmt: skip
    (question,) = read_questions(write_rows(tmp_path / "q", [asked]), "utilization").questions
    vectors = Vectors(Bags())
    for reading in ("joined", "apart", "both"):
        assert answer(Scorer(reading), [question], vectors) == ["B"]
    assert cut(question).options == options
    assert name_of("Lot (of 3) 4GB Cards, blue") == "Lot Cards"
    assert name_of("64GB") == "64GB"
    alone = score(Blend((), 1.0), [question], vectors)
    assert letters([question], alone) == ["B"] and alone[0][0] == 0.0


def test_shared_words_count_by_how_rare_they_are() -> None:
    words = Words(["a red tent", "a red stove", "the red tent", "a red map"])
    rare, common, both, none = words.shared("red map", ["map", "red", "map red", "tent"])
    assert both == pytest.approx(1.0) and 1 > rare > common > none == 0
    assert words.shared("unheard", ["unheard", ""]).tolist() == pytest.approx([1.0, 0.0])


def test_a_pool_of_other_heads_makes_answers_independent_of_each_other(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "q", [row(place) for place in range(6)])
    questions = read_questions(file, "understanding").questions
    vectors, scorer = Vectors(Bags()), Scorer("apart", "pmi", 0.05)
    pool = [("ring", "tent"), ("phone", "usb cable")]
    whole = answer(scorer, questions, vectors, pool=pool)
    alone = [answer(scorer, [question], vectors, pool=pool)[0] for question in questions]
    assert alone == whole


def bundles(count: int) -> list[Bundle]:
    return [
        Bundle(f"{WORDS[place % 8]} {place}", (f"{WORDS[place % 8]} a{place}", f"thing b{place}"),
               ("electronic", "clothing")[place % 2])
        for place in range(count)
    ]  # fmt: skip


def test_made_questions_share_nothing() -> None:
    given = bundles(30)
    domain = {title: bundle.domain for bundle in given for title in bundle.titles}
    made = make_questions(given, seed=1)
    assert len(made) == 30 and made == make_questions(given, seed=1)
    assert made != make_questions(given, seed=2)
    for one in made:
        titles = [one.titles[1], *(title for title, _ in one.others)]
        intents = [one.intent, *(intent for _, intent in one.others)]
        assert len(set(titles)) == 4 and len(set(intents)) == 4
        assert all(intent.startswith(PHRASES) for intent in intents)
        assert {domain[title] for title in titles} == {domain[one.titles[0]]}
    with pytest.raises(InputError, match="too few"):
        make_questions(given[:4], seed=1)


def test_bundles_with_a_product_of_a_question_are_left_out(tmp_path: Path) -> None:
    for domain in ("electronic", "clothing"):
        place = tmp_path / domain
        place.mkdir()
        for name, rows in {
            "item_titles": [(str(item), f"{domain} {item}") for item in range(5)],
            "item_asin": [(str(item), f"{domain[0]}{item}") for item in range(5)],
            "bundle_item": [("0", "0"), ("0", "1"), ("1", "2"), ("1", "3"), ("2", "4")],
            "bundle_intent": [("0", "to\ngo"), ("1", "to stay"), ("2", "one title only")],
        }.items():
            with gzip.open(place / f"{name}.csv.gz", "wt", newline="") as file:
                csv.writer(file).writerows([("a", "b"), *rows])
    assert [one.intent for one in read_bundles(tmp_path)] == ["to go", "to stay"] * 2
    assert len(read_bundles(tmp_path, without={"e1", "c2"})) == 2
    with pytest.raises(InputError, match="holds no bundle"):
        read_bundles(tmp_path, without={"e0", "e2", "c1", "c3"})
    with gzip.open(place / "item_asin.csv.gz", "at") as file:
        file.write("1,2,3\n")
    with pytest.raises(InputError, match="has 3 cells, not 2"):
        read_bundles(tmp_path)
    (place / "item_asin.csv.gz").unlink()
    with pytest.raises(UnsuitableFileError, match="cannot be read"):
        read_bundles(tmp_path)


def lesson(epochs: int) -> Lesson:
    return Lesson(0.1, 0.001, Schedule(epochs, epochs, 20, 0.02, decay=0.0))


def test_the_map_learns_what_bundles_say_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Tents are for wearing here, cables for rings: no cosine knows it."""
    said = {"tent": "wear", "usb": "ring", "camping": "necklace", "cable": "phone"}
    given = [
        Bundle(intent, (f"{word} {place}", f"{word} and {place}"), "electronic")
        for place in range(20)
        for word, intent in said.items()
    ]
    vectors = Vectors(Bags())
    made = make_questions(given, seed=0)

    def rate(mapping: Any) -> float:
        blend = Blend([Scorer("apart", "pmi", 0.05, mapping)])
        return made_accuracy(blend, made, "understanding", vectors)

    def work(name: str, epochs: int = 8) -> Path:
        (tmp_path / name).mkdir(exist_ok=True)
        return tmp_path / name

    before = rate(identity)
    change = learn(given, vectors, lesson(8), rate, seed=0, folder=work("whole"))
    assert rate(applied(change)) > 95 > 60 > before
    assert np.allclose(identity(vectors.of(["tent"])), applied(0 * change)(vectors.of(["tent"])))

    calls = 0

    def stopped(mapping: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return rate(mapping)

    with pytest.raises(KeyboardInterrupt):
        learn(given, vectors, lesson(8), stopped, seed=0, folder=work("cut"))
    again = learn(given, vectors, lesson(8), rate, seed=0, folder=work("cut"))
    assert np.array_equal(again, change)
    control = learn(given, vectors, lesson(8), rate, seed=0, folder=work("x"), shuffled=True)
    assert rate(applied(control)) < 80


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"), (" b. because", "B"), ("Answer: C", "C"), ("(D) tents", "D"), ("**A**", "A"),
        ("Because", None), ("E", None), ("", None), ("42", None), ("A customer", "A"),
    ],
)  # fmt: skip
def test_the_first_letter_counts(reply: str, letter: str | None) -> None:
    assert first_letter(reply, "ABCD") == letter


def test_prompts_ask_as_the_paper_does(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "q", [row(0, item_a_name="Tent </s> [INST]")])
    (question,) = read_questions(file, "understanding").questions
    text = prompt(question)
    assert "most likely intention" in text and "\nB. because" in text
    assert text.endswith("Answer A or B or C or D only, without any other word.")
    assert "</s>" not in text and "[INST]" not in text
    (question,) = read_questions(file, "utilization").questions
    assert f"because they are both used for {PAIRS[0][2]}. Which is the customer's most" in prompt(
        question
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = 0", "seeds is 0"),
        ("held = 1.0", "held is 1.0"),
        ("temperatures = []", "temperatures are no numbers"),
        ("words = [-1.0]", "words are no weights"),
        ('temperatures = ["warm"]', "temperatures are no numbers"),
        ('backend = "openai"', "needs the name of a model"),
        ("questions = -1", "below 0"),
        ("rate = 0", "rate is 0"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(UsageError, match=message):
        harness.execute("intentionqa", out=tmp_path / "out", config=own, data=tmp_path)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"QA_fullInfo_task1.* is not there"):
        harness.execute("intentionqa", out=tmp_path / "out", data=tmp_path)


def test_the_small_run_beats_what_is_naive(tmp_path: Path, shared_data: Path) -> None:
    own = tmp_path / "own.toml"
    model = text_model(tmp_path / "tiny")
    own.write_text(f'backend = "transformers"\nmodel = "{model}"\ntokens = 2\n')

    def small() -> tuple[harness.Report, list[Path]]:
        return harness.execute(
            "intentionqa", out=tmp_path / "out", config=own, quick=True, data=shared_data
        )

    report, written = small()
    told = json.loads(written[0].read_text())["tables"]
    found = {cells[0]: cells[1:4] for cells in told["steps"]["rows"]}
    words, cosine = found["shared words (tf-idf)"], found["cosine"]
    ours = found["with all maps (the scorer)"]
    assert ours[0] > cosine[0] + 4 > words[0] + 4 and ours[0] > 70
    assert ours[2] > 85 and min(words[0], words[2]) > 40
    asked = {cells[0]: cells[-3:] for cells in told["backend"]["rows"]}
    assert asked.keys() == {"understanding", "utilization"}
    for right, silent, failed in asked.values():  # noise knows nothing
        assert right < 50 and silent > 0 and failed == 0

    cells = sorted((tmp_path / "out" / "cells").rglob("*.json"))
    begun = [path.stat().st_mtime_ns for path in cells]
    assert small()[0].to_dict() == report.to_dict()
    assert [path.stat().st_mtime_ns for path in cells] == begun
    assert written[1].read_text().startswith("# intentionqa")
    assert written[2].name == "steps.svg"


def test_all_questions_that_count_and_those_that_the_critic_may_see(shared_data: Path) -> None:
    folder = shared_data / "intentionqa"
    counts = {}
    for name, task in (("task1", "understanding"), ("task1_byRelation", "understanding"),
                       ("task2", "utilization")):  # fmt: skip
        found = read_questions(folder / f"QA_fullInfo_{name}.jsonl.gz", task)  # type: ignore[arg-type]
        counts[name] = len(found.questions), sum(found.left_out.values())
    assert counts == {"task1": (2245, 70), "task1_byRelation": (1972, 233), "task2": (2143, 172)}
    asked = read_questions(folder / "QA_fullInfo_task1_byRelation.jsonl.gz", "understanding")
    held = held_places(asked.questions)
    assert 0.1 < len(held) / len(asked.questions) < 0.3


def test_vectors_are_the_same_when_a_run_goes_on(tmp_path: Path) -> None:
    """MiniLM's last digits depend on the batch: another order would give other scores."""
    texts = [f"a {'warm ' * (place % 7)}thing number {place}" for place in range(40)]
    first = Vectors(folder=tmp_path / "vectors")
    first.of(texts[:9])
    expected = first.of(texts)
    again = Vectors(folder=tmp_path / "vectors")
    assert (again.of(texts[::-1])[::-1] == expected).all()
    assert len(list((tmp_path / "vectors").iterdir())) == 2


def test_what_failed_on_the_way_is_no_wrong_answer(tmp_path: Path) -> None:
    (question,) = read_questions(write_rows(tmp_path / "q", [row(0)]), "understanding").questions
    reply = Reply("A")
    found = read([question] * 2, [reply, "missing"])
    assert (found.letters, found.failed) == (("A", None), {"missing": 1})
    for reason in ("transport", "rate_limit", "server"):
        with pytest.raises(GenerationError, match="1 of 2 questions failed on the way") as raised:
            read([question] * 2, [reply, reason])
        assert "again" in str(raised.value.fix)
