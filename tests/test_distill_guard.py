"""The guard: questions out of a person's file, and the log-likelihood of their letters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from generation.distill import guard
from generation.distill.questions import Question, Questions, read_questions
from schema.errors import InputError, UnsuitableFileError
from tests.distill_world import one_thread
from tests.tiny_models import text_model

ONE = Question("What boils water?", ("a sock", "a kettle", "a tent"), 1, "home")


@pytest.fixture(scope="module", autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    folder = text_model(tmp_path_factory.mktemp("model"))
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def file(folder: Path, text: str | bytes, name: str = "q.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_usual_forms_are_read(tmp_path: Path) -> None:
    plain = Question(ONE.text, ONE.choices, ONE.answer)
    bare = '"What boils water?",a sock,a kettle,a tent,B\n'
    headed = "subject,question,A,B,C,answer\nhome,What boils water?,a sock,a kettle,a tent, b\n"
    letters = {"question": ONE.text, **dict(zip("ABC", ONE.choices, strict=True)), "answer": "B"}
    choices = {"question": ONE.text, "choices": ONE.choices, "answer": 1, "subject": "home"}
    for text, name, expected in (
        (bare, "q.csv", plain),
        (b"\xef\xbb\xbf" + headed.replace("\n", "\r\n").encode(), "q.csv", ONE),
        (json.dumps(letters), "q.jsonl", plain),
        (json.dumps(choices) + "\n\n", "q.txt", ONE),
        (json.dumps({**choices, "answer": "B"}), "q.jsonl", ONE),
    ):
        assert read_questions(file(tmp_path, text, name)).questions == (expected,)
    numbers = file(tmp_path, "How many?\n1\n".replace("\n", ",") + "2,3,4,D\n")
    assert read_questions(numbers).questions[0].choices == ("1", "2", "3", "4")
    quoted = read_questions(file(tmp_path, '"two\nlines, ""so""",x,y,A\nmore,x,y,B\n'))
    assert quoted.questions[0].text == 'two\nlines, "so"'
    assert len(quoted.questions) == 2


@pytest.mark.parametrize(
    ("text", "name", "row", "why"),
    [
        ("a,b,c,A\nq,a,b,E\n", "q.csv", 2, "has the answer 'E', which is none of A, B"),
        ("q,a,b,A\nq,a,b,c,A\n", "q.csv", 2, "has 5 cells, not 4"),
        ("q,a,,A\n", "q.csv", 1, "a choice that is empty"),
        (",a,b,A\n", "q.csv", 1, "has no question"),
        ("q,a,A\n", "q.csv", 1, "has 1 choices"),
        ("question,A,answer\nq,a,A\n", "q.csv", 2, "has 1 choices"),
        ('"q,a,b,A\n', "q.csv", 1, "is not CSV"),
        ('"two\nlines",a,b,A\nq,a,b,1\n', "q.csv", 3, "has the answer '1'"),
        ("\n \n", "q.csv", None, "holds no question"),
        ("question,A,B,answer\n", "q.csv", None, "holds no question"),
        ("q,\xe4,b,A\n".encode("latin-1"), "q.csv", 1, "is not UTF-8"),
        ("[1]\n", "q.jsonl", 1, "is not a JSON object"),
        ('{"question": "q"\n', "q.jsonl", 1, "is not JSON"),
        ('{"question": "q", "choices": ["a", "b"], "answer": 2}', "q.jsonl", 1, "the answer 2"),
        ('{"question": "q", "choices": ["a", "b"], "answer": true}', "q.jsonl", 1, "answer True"),
        ('{"question": "q", "A": "a", "B": "b", "answer": 1}', "q.jsonl", 1, "the answer 1"),
        ('{"question": "q", "choices": "ab", "answer": 1}', "q.jsonl", 1, "not text"),
        ('{"question": "q", "choices": ["a", null], "answer": 0}', "q.jsonl", 1, "not text"),
    ],
)
def test_a_row_that_is_no_question_is_named(
    tmp_path: Path, text: str | bytes, name: str, row: int | None, why: str
) -> None:
    """None is passed over: that would change the score without a word."""
    with pytest.raises(InputError) as caught:
        read_questions(file(tmp_path, text, name))
    assert caught.value.row == row and why in caught.value.message, caught.value.message
    assert name in caught.value.message and caught.value.fix


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableFileError, match="cannot be read"):
        read_questions(tmp_path / "none.csv")


def test_examples_stand_before_the_question() -> None:
    shown = guard.prompt(ONE, [Question("Is it wet?", ("rain", "sand"), 0, "home")])
    assert shown == (
        "The following are multiple choice questions (with answers) about home.\n\n"
        "Is it wet?\nA. rain\nB. sand\nAnswer: A\n\n"
        "What boils water?\nA. a sock\nB. a kettle\nC. a tent\nAnswer:"
    )


def likelihoods(model: Any, tokenizer: Any, question: Question) -> list[float]:
    """The long way: each letter in a pass of its own, all logits, no batch."""
    found = []
    text = guard.prompt(question)
    before = len(tokenizer(text)["input_ids"])
    for letter in "ABCDEFGHIJ"[: len(question.choices)]:
        ids = tokenizer(f"{text} {letter}", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            chances = torch.log_softmax(model(input_ids=ids).logits[0], dim=-1)
        found.append(
            sum(float(chances[place - 1, ids[0, place]]) for place in range(before, ids.shape[1]))
        )
    return found


class Spelled:
    """The same tokenizer, but that a letter takes two tokens, as with some models."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id, self.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id

    def __call__(self, text: str, **options: Any) -> Any:
        return self._tokenizer(f"{text[:-1]}({text[-1]})" if text[-2] == " " else text, **options)


@pytest.mark.parametrize("spelled", [False, True])
def test_the_likeliest_letter_is_the_answer(parts: tuple[Any, Any], spelled: bool) -> None:
    model, plain = parts
    tokenizer = Spelled(plain) if spelled else plain
    questions = tuple(
        Question(f"{'Why? ' * (n % 5)} Number {n}", ("one", "two", "three", "four")[: 2 + n % 3], 0)
        for n in range(23)
    )
    asked = Questions("q.csv", "", questions)
    steps: list[tuple[str, int, int | None, str]] = []
    found = guard.answers(
        model, tokenizer, asked, batch=4, progress=lambda *told: steps.append(told)
    )
    for question, mine in zip(questions, found, strict=True):
        chances = likelihoods(model, tokenizer, question)
        assert chances[mine] >= max(chances) - 1e-3
    assert len(set(found)) > 1
    assert steps[-1] == ("guard", 23, 23, "")


def test_differences_are_counted_by_question_and_subject() -> None:
    sky = Question("Blue?", ("yes", "no"), 0, "sky")
    asked = Questions("q.csv", "", (ONE, ONE, sky, sky))
    before, after = [1, 1, 1, 1], [1, 0, 0, 0]
    assert guard.score(asked, before) == {
        "right": 2, "accuracy": 0.5, "subjects": {"home": 1.0, "sky": 0.0},
    }  # fmt: skip
    assert guard.compare(asked, before, after) == {"difference": 0.25, "lost": 1, "won": 2}


def test_a_question_longer_than_the_context_is_named(parts: tuple[Any, Any]) -> None:
    model, tokenizer = parts
    long = Question("warm " * 9000, ("a", "b"), 0)
    with pytest.raises(InputError, match=r"question 2 has [\d,]+ tokens, more than"):
        guard.answers(model, tokenizer, Questions("q.csv", "", (ONE, long)))


def test_examples_of_the_same_subject_are_shown(parts: tuple[Any, Any]) -> None:
    model, tokenizer = parts
    home = Question("Is it wet?", ("rain", "sand"), 0, "home")
    sky = Question("Is it blue?", ("sky", "sand"), 0, "sky")
    asked = Questions("q.csv", "", (ONE,) * 2)
    both = guard.answers(model, tokenizer, asked, shots=Questions("s", "", (home, sky)))
    mine = guard.answers(model, tokenizer, asked, shots=Questions("s", "", (home,)))
    assert both == mine
    assert [one.text for one in guard._of(Questions("s", "", (home, sky)), sky)] == ["Is it blue?"]
    strange = Question("x", ("a", "b"), 0, "law")
    assert len(guard._of(Questions("s", "", (home, sky)), strange)) == 2
