"""The baselines, what they are asked, and how they are measured: small, with values by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers import HashingEmbedder

from benchmarks.intrinsic.bertscore import BertScore
from benchmarks.intrinsic.goals import goals, interval, lines
from benchmarks.intrinsic.measuring import Measure, Scored
from benchmarks.intrinsic.questions import Head, Question, choose, gather
from benchmarks.intrinsic.speed import measure
from benchmarks.intrinsic.writers import (
    FEW,
    Frequent,
    Nearest,
    Remembering,
    Tail,
    Writer,
    most_frequent,
)
from benchmarks.learning.corpora import Example
from schema.relations import Family, Relation, get

WANT, REACT = get("xWant", Family.SOCIAL), get("xReact", Family.SOCIAL)
OPEN, USED = get("Open", Family.COBUY), get("UsedFor", Family.COBUY)


def example(head: Head, relation: Relation, *tails: str | None) -> list[Example]:
    return [Example("made up", "train", head, relation, tail, head[0]) for tail in tails]


COFFEE = example(("PersonX makes coffee",), WANT, "drink it", "to wake up", "To wake up.")
DOG = example(("PersonX walks the dog",), WANT, None, None, "go home")
TRAINING = [*COFFEE, *DOG, *example(("PersonX sleeps",), WANT, *["rest"] * FEW)]


class Canned:
    """Writes what it was given."""

    def __init__(self, name: str, *answers: list[Tail]) -> None:
        self.name = name
        self.notes: dict[str, str] = {}
        self._answers = list(answers)

    def write(self, heads: Sequence[Head], relations: Sequence[Relation]) -> list[list[Tail]]:
        assert len(heads) == len(relations) == len(self._answers)
        return self._answers


def test_most_frequent_compares_normalised_texts_and_keeps_the_first_wording() -> None:
    assert most_frequent(["Rest", "go", "rest.", "Go!"]) == ("Rest", 2)
    assert most_frequent(["b", "a"]) == ("b", 1)
    assert most_frequent([None, "a", None]) == (None, 2)


def test_frequent_writes_the_relations_most_frequent_tail() -> None:
    found = Frequent(TRAINING).write([("anything",), ("else",)], [WANT, WANT])
    assert found == [[Tail("rest", FEW / (FEW + 4))]] * 2


def test_nearest_writes_what_was_written_most_often_of_the_nearest_head() -> None:
    writer = Nearest(TRAINING, HashingEmbedder())
    first, second = writer.write(
        [("PersonX makes some coffee",), ("PersonX walks the dog",)], [WANT] * 2
    )
    assert [tail.text for tail in (*first, *second)] == ["to wake up", "go home"]
    assert 0.5 < first[0].confidence < 1 and second[0].confidence == pytest.approx(1)
    assert not writer.notes


def test_nearest_or_none_is_silent_where_most_wrote_none() -> None:
    writer = Nearest(TRAINING, HashingEmbedder(), silent=True)
    coffee, dog = writer.write([("PersonX makes coffee",), ("PersonX walks the dog",)], [WANT] * 2)
    assert coffee[0].text == "to wake up" and dog == []


def test_a_pair_is_one_head_and_relations_do_not_mix() -> None:
    pair = ("Kettle", "Dripper")
    training = [
        *example(pair, OPEN, *["make coffee"] * FEW),
        *example(pair, USED, *["pouring"] * FEW),
        *example(("Kettle",), WANT, *["drink"] * FEW),
    ]
    found = Nearest(training, HashingEmbedder()).write([pair] * 2, [USED, OPEN])
    assert [tails[0].text for tails in found] == ["pouring", "make coffee"]


def test_a_relation_with_hardly_any_examples_is_answered_from_its_family_and_says_so() -> None:
    training = [*TRAINING, *example(("PersonX wins",), REACT, "proud")]
    for writer in (Frequent(training), Nearest(training, HashingEmbedder())):
        assert writer.write([("PersonX sleeps",)], [REACT])[0][0].text == "rest"
        assert list(writer.notes) == ["social:xReact"]
        assert "xReact: 1 training examples" in writer.notes["social:xReact"]


def test_texts_are_embedded_once() -> None:
    embedder = HashingEmbedder()
    remembering = Remembering(embedder)
    first = remembering.encode(["a", "b", "a"])
    assert np.array_equal(remembering.encode(["b", "c"])[0], first[1])
    assert embedder.encoded == 3


def test_questions_keep_those_where_all_wrote_none() -> None:
    found = gather([*DOG, *example(("PersonX eats",), WANT, None)])
    assert found == [
        Question(("PersonX walks the dog",), WANT, ("go home",)),
        Question(("PersonX eats",), WANT, ()),
    ]


def test_a_sample_holds_whole_heads_and_is_always_the_same() -> None:
    questions = [
        Question((f"head {number}",), relation, ("a",))
        for relation in (WANT, REACT)
        for number in range(50)
    ]
    chosen = choose(questions, 21)
    assert len(chosen) == 22 and len({one.head for one in chosen}) == 11
    assert choose(questions[::-1], 21) != chosen
    assert {one.head for one in choose(questions[::-1], 21)} == {one.head for one in chosen}
    assert choose(questions, None) == questions == choose(questions, 100)


QUESTIONS = [
    Question(("a",), WANT, ("go home", "rest")),
    Question(("b",), WANT, ("feed the cat",)),
    Question(("c",), WANT, ()),
    Question(("d",), WANT, ()),
]


@pytest.fixture(scope="module")
def measuring() -> Measure:
    return Measure(QUESTIONS, {"go home"}, BertScore(), HashingEmbedder())


def test_a_writer_is_measured_on_its_best_tails(measuring: Measure) -> None:
    writer = Canned("one", [Tail("go home", 1.0), Tail("walk away", 0.2)], [], [Tail("x", 0.5)], [])
    found = measuring.figures(measuring.ask(writer))
    assert found["rouge_l"] == 0.5 and found["bert_score"] == pytest.approx(0.5)
    assert found["answered"] == pytest.approx({"share": 0.5, "rouge_l": 1.0, "bert_score": 1.0})
    assert found["copied"] == found["copied_longer"] == found["distinct2"] == 1.0
    assert found["no_answer"] == {
        "silent_where_none": 0.5,
        "wrote_where_some": 0.5,
        "balanced": 0.5,
    }
    assert found["calibration"] == {"acceptable": 1.0, "confidence": 1.0, "ece": 0.0, "auc": None}
    assert found["all"]["tails"] == 2 and found["all"]["copied"] == 0.5
    assert found["all"]["rouge_l"] == pytest.approx(0.5)


def test_confidence_is_set_beside_acceptable_tails(measuring: Measure) -> None:
    writer = Canned("one", [Tail("go home", 0.75)], [Tail("zzz", 0.25)], [], [])
    found = measuring.figures(measuring.ask(writer))
    assert found["calibration"] == {"acceptable": 0.5, "confidence": 0.5, "ece": 0.25, "auc": 1.0}
    assert found["no_answer"]["balanced"] == 1.0 and "all" not in found


def test_what_holds_of_any_head_has_no_lift(measuring: Measure) -> None:
    same = measuring.figures(measuring.ask(Canned("same", *[[Tail("rest", 1.0)]] * 4)))
    fitting = Canned("fitting", *[[Tail(text, 1.0)] for text in ("rest", "feed the cat", "", "")])
    assert same["lift"] == pytest.approx(0)
    assert measuring.figures(measuring.ask(fitting))["lift"] > 0.3


def test_people_are_measured_by_one_another(measuring: Measure) -> None:
    found = measuring.people()
    assert found["questions"] == 1 and found["rouge_l"] == 0
    assert found["copied"] == 0.5  # "go home" and "feed the cat"


def test_no_references_at_all_are_no_error() -> None:
    measuring = Measure(QUESTIONS[2:], set(), BertScore(), HashingEmbedder())
    found = measuring.figures(measuring.ask(Canned("one", [Tail(" ", 1.0)], [])))
    assert found["no_answer"] == {
        "silent_where_none": 1.0,
        "wrote_where_some": 0.0,
        "balanced": 0.5,
    }
    assert found["rouge_l"] == found["bleu2"] == 0 and measuring.people()["questions"] == 0


def scores(**of: tuple[float, float]) -> tuple[dict[str, Scored], dict[str, dict[str, Any]]]:
    """BERTScore and ROUGE-L of writers, alike in two questions."""
    scored = {
        name: Scored([], np.array([True, False]), np.array([rouge] * 2), np.array([bert] * 2))
        for name, (bert, rouge) in of.items()
    }
    figures = {
        name: {"bert_score": bert, "rouge_l": rouge, "copied": 0.6, "copied_longer": 0.4}
        for name, (bert, rouge) in of.items()
    }
    return scored, figures


def test_goals_ask_for_a_tenth_more_than_retrieval_has() -> None:
    found = goals(*scores(student=(0.52, 0.30), nearest=(0.50, 0.25), frequent=(0.40, 0.35)))
    assert found["bert_score"]["met"] and found["bert_score"]["beats_both"]
    assert found["bert_score"]["over_nearest"] == pytest.approx((0.02, 0.02, 0.02))
    assert found["rouge_l"]["met"] and not found["rouge_l"]["beats_both"]
    assert not found["copied"]["met"] and found["copied"]["longer_met"]
    assert found["answered"] == {"share": 0.5, **{k: found[k] for k in ("bert_score", "rouge_l")}}
    short = goals(*scores(student=(0.505, 0.27), nearest=(0.50, 0.25), frequent=(0.40, 0.2)))
    assert not short["bert_score"]["met"] and not short["rouge_l"]["met"]
    assert short["bert_score"]["beats_both"] and short["rouge_l"]["beats_both"]


def test_what_the_student_answers_is_compared_apart() -> None:
    scored, figures = scores(student=(0.5, 0.3), nearest=(0.4, 0.2), frequent=(0.3, 0.2))
    scored["student"].bert_score[1] = scored["student"].rouge_l[1] = 0  # it was silent
    found = goals(scored, figures)
    assert not found["bert_score"]["met"] and found["answered"]["bert_score"]["met"]
    assert found["rouge_l"]["ratio"] == pytest.approx(0.75)
    assert found["answered"]["rouge_l"]["ratio"] == pytest.approx(1.5)
    assert "of the 50.0% that the student answers:" in lines(found)


def test_where_retrieval_gains_nothing_the_student_has_to() -> None:
    found = goals(*scores(student=(0.39, 0.3), nearest=(0.30, 0.1), frequent=(0.40, 0.2)))
    assert not found["bert_score"]["met"]
    assert goals(*scores(nearest=(0.3, 0.1), frequent=(0.4, 0.2))) == {}


def test_an_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    random = np.random.default_rng(1)
    few, many = random.normal(0.1, 1, 50), random.normal(0.1, 1, 5000)
    widths = []
    for values in (few, many):
        mean, low, high = interval(values)
        assert low < mean < high and interval(values) == (mean, low, high)
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_speed_counts_the_tails_that_were_written() -> None:
    def make() -> Writer:
        return Frequent(TRAINING)

    found = measure(make, [("a",)] * 40, [WANT] * 40)
    assert found["tails"] == found["questions"] == 40
    assert found["per_s"] == pytest.approx(40 / found["seconds"]) and found["peak_mb"] > 10
