"""Rows as tokens: what stands before an answer is as it is when the student is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from generation.distill.chats import IGNORED, Encoder, ensure_template, write_tokens
from generation.distill.layouts import sharegpt
from generation.distill.rows import Row
from schema.errors import UnsupportedError
from tests.distill_world import one_thread
from tests.tiny_models import text_model

CHAT = [
    {"role": "system", "content": "You say why."},
    {"role": "user", "content": "Why a tent?"},
    {"role": "assistant", "content": "to sleep dry"},
    {"role": "user", "content": "And a stove?"},
    {"role": "assistant", "content": "to eat warm"},
]
# As ChatML ends a turn; and a template that shows thoughts of the last answer only.
CHATML = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|{{ m['role'] }}|>"
    "{% if m['role'] == 'assistant' and loop.last %}<think></think>{% endif %}"
    "{{ m['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('no system message here') }}{% endif %}{{ m['content'] }}{% endfor %}"
)


@pytest.fixture(scope="module", autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def counted(tokenizer: Any, example: Any) -> list[str]:
    """The stretches that the loss counts, as text."""
    found, stretch = [], []
    for token, label in zip([*example.input_ids, 0], [*example.labels, IGNORED], strict=True):
        if label != IGNORED:
            assert label == token
            stretch.append(token)
        elif stretch:
            found.append(tokenizer.decode(stretch))
            stretch = []
    return found


def asked(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    """What the model is given when it is asked."""
    ids: list[int] = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_dict=False
    )
    return ids


@pytest.mark.parametrize("template", [None, CHATML])
def test_only_answers_count_and_they_end(tokenizer: Any, template: str | None) -> None:
    tokenizer.chat_template = template or tokenizer.chat_template
    (one,) = Encoder(tokenizer).encode(CHAT[:3])
    prompt = asked(tokenizer, CHAT[:2])
    assert one.input_ids[: len(prompt)] == prompt
    assert one.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert counted(tokenizer, one) == ["to sleep dry</s>"]
    assert one.input_ids[-1] == tokenizer.eos_token_id
    (both,) = Encoder(tokenizer).encode(CHAT)
    prompt = asked(tokenizer, CHAT[:4])
    assert tokenizer.decode(both.input_ids[: len(prompt)]) == tokenizer.decode(prompt)
    first, last = counted(tokenizer, both)
    assert first.startswith("to sleep dry") and last == "to eat warm</s>"


def test_a_template_that_rewrites_earlier_turns_gives_a_sequence_for_each(tokenizer: Any) -> None:
    tokenizer.chat_template = THINKING
    first, last = Encoder(tokenizer).encode(CHAT)
    assert counted(tokenizer, first) == ["<think></think>to sleep dry</s>"]
    assert counted(tokenizer, last) == ["<think></think>to eat warm</s>"]
    prompt = asked(tokenizer, CHAT[:4])
    assert last.input_ids[: len(prompt)] == prompt


def test_a_model_may_have_another_token_that_ends_a_turn(tokenizer: Any) -> None:
    tokenizer.chat_template = CHATML.replace("</s>", "<image>")
    ends = tokenizer.convert_tokens_to_ids("<image>")
    (one,) = Encoder(tokenizer, {ends}).encode(CHAT[:3])
    assert counted(tokenizer, one) == ["to sleep dry<image>"]


def test_a_model_without_a_template_gets_a_plain_one(tokenizer: Any) -> None:
    assert ensure_template(tokenizer) is False
    tokenizer.chat_template = None
    assert ensure_template(tokenizer) is True
    (one,) = Encoder(tokenizer).encode(CHAT)
    assert tokenizer.decode(one.input_ids) == (
        "You say why.\n\n### Instruction:\nWhy a tent?\n\n### Response:\nto sleep dry</s>\n\n"
        "### Instruction:\nAnd a stove?\n\n### Response:\nto eat warm</s>"
    )
    assert counted(tokenizer, one)[-1] == "to eat warm</s>"
    tokenizer.eos_token = None
    with pytest.raises(UnsupportedError, match="no token that ends"):
        ensure_template(tokenizer)


def test_a_template_that_refuses_the_rows_is_said(tokenizer: Any) -> None:
    tokenizer.chat_template = NO_SYSTEM
    with pytest.raises(UnsupportedError, match="no system message here") as caught:
        Encoder(tokenizer).encode(CHAT)
    assert "--no-system-role" in str(caught.value.fix)


def test_rows_that_are_too_long_are_left_out_and_counted(tokenizer: Any, tmp_path: Path) -> None:
    chats = [CHAT[:3], [CHAT[1], {"role": "assistant", "content": "warm " * 500}], CHAT[3:]]
    figures = write_tokens(chats, Encoder(tokenizer), tmp_path / "t.arrow", 100)
    assert (figures.examples, figures.too_long) == (2, 1) and figures.longest > 500
    rows = Dataset.from_file(str(tmp_path / "t.arrow"))
    assert figures.tokens == sum(map(len, rows["input_ids"]))
    assert figures.answers == sum(n != IGNORED for row in rows["labels"] for n in row)
    assert tokenizer.decode(rows[1]["input_ids"]).endswith("to eat warm</s>")


def test_trl_reads_the_sharegpt_file_as_it_is(folder: Path, tmp_path: Path) -> None:
    """TRL's own preparation finds the conversation in it; nothing is converted by hand."""
    row = Row("h", "intentions", ("UsedFor",), "You say why.", (("Why a tent?", "to sleep dry"),))
    file = tmp_path / "sharegpt_train.jsonl"
    file.write_text(json.dumps(sharegpt(row)) + "\n", encoding="utf-8")
    rows = Dataset.from_json(str(file), cache_dir=str(tmp_path / "cache"))
    options = SFTConfig(output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False)
    trainer = SFTTrainer(model=str(folder), args=options, train_dataset=rows)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = tokenizer.apply_chat_template(CHAT[:3], return_dict=False)
    assert trainer.train_dataset[0]["input_ids"] == expected
