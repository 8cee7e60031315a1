"""A conversation as tokens, and which of them the loss counts: the assistant's, nothing else.

What stands before an answer is tokenized by itself, as it is when the student is asked, so that
both see the same tokens. An answer ends with the token that ends a reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schema.errors import UnsupportedError

IGNORED = -100  # what torch's cross entropy passes over
_ROWS = 512  # in one batch of the file

# For models without a chat template; the headings are Alpaca's.
PLAIN_TEMPLATE = (
    "{{ bos_token if BOS else '' }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}"
    "{% elif message['role'] == 'user' %}"
    "{{ '### Instruction:\n' + message['content'] + '\n\n' }}"
    "{% else %}{{ '### Response:\n' + message['content'] + eos_token + '\n\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"
)


@dataclass(slots=True)
class Example:
    """One sequence; labels are `IGNORED` where the loss does not count."""

    input_ids: list[int]
    labels: list[int]


@dataclass(slots=True)
class Counted:
    """What became of a file's rows.

    Attributes
    ----------
    examples, tokens, answers
        Sequences, their tokens, and those of them that the loss counts.
    too_long
        Sequences that are left out, for an answer that is cut short teaches to stop too late.
    longest
        Tokens of the longest sequence, left out or not.
    """

    examples: int = 0
    tokens: int = 0
    answers: int = 0
    too_long: int = 0
    longest: int = 0


def ensure_template(tokenizer: Any) -> bool:
    """Give a tokenizer without a chat template a plain one; tells whether it was given.

    Raises
    ------
    UnsupportedError
        If it has no token that ends a reply.
    """
    if tokenizer.eos_token_id is None:
        raise UnsupportedError(
            "the tokenizer has no token that ends a text", fix="use a causal language model"
        )
    if tokenizer.chat_template:
        return False
    begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    tokenizer.chat_template = PLAIN_TEMPLATE.replace("BOS", "true" if begins else "false")
    return True


class Encoder:
    """Turns conversations into sequences.

    Parameters
    ----------
    tokenizer
        With a chat template.
    ends
        Tokens at which the model stops; the tokenizer's own is one of them.
    """

    def __init__(self, tokenizer: Any, ends: Iterable[int] = ()) -> None:
        self._tokenizer = tokenizer
        self._ends = {tokenizer.eos_token_id, *ends}

    def encode(self, messages: Sequence[dict[str, str]]) -> list[Example]:
        """Encode a conversation: as one sequence, or, where its template rewrites what was said
        before, as one for each answer.

        Raises
        ------
        UnsupportedError
            If the template does not take such messages.
        """
        done, whole = "", Example([], [])
        apart: list[Example] = []
        answers = [place for place, one in enumerate(messages) if one["role"] == "assistant"]
        for place in answers:
            before = self._render(messages[:place], opening=True)
            after = self._render(messages[: place + 1])
            answer = messages[place]["content"]
            if after.startswith(before):
                answer = after[len(before) :]
            target = self._answer(answer)
            apart.append(_example(self._ids(before), target))
            if before.startswith(done) and after.startswith(before):
                between = self._ids(before[len(done) :])
                piece = target if place == answers[-1] else self._ids(answer)
                whole.input_ids += between + piece
                whole.labels += [IGNORED] * len(between) + piece
                done = after
            else:
                done = "\0"  # nothing begins so: the rest stands apart
        return [whole] if done != "\0" else apart

    def _answer(self, text: str) -> list[int]:
        """Give an answer's tokens up to the one that ends it."""
        ids = self._ids(text)
        ends = [place for place, token in enumerate(ids) if token in self._ends]
        return ids[: ends[-1] + 1] if ends else [*ids, self._tokenizer.eos_token_id]

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _render(self, messages: Sequence[dict[str, str]], *, opening: bool = False) -> str:
        from jinja2.exceptions import TemplateError

        try:
            text: str = self._tokenizer.apply_chat_template(
                list(messages), add_generation_prompt=opening, tokenize=False
            )
        except TemplateError as error:
            raise UnsupportedError(
                f"the model's chat template refuses the rows: {error}",
                fix="where it knows no system message, write them with intentkg distill export "
                "--no-system-role, and generate with --no-system-role",
            ) from None
        return text


def _example(prompt: list[int], answer: list[int]) -> Example:
    return Example(prompt + answer, [IGNORED] * len(prompt) + answer)


def write_tokens(
    conversations: Iterable[list[dict[str, str]]],
    encoder: Encoder,
    path: Path,
    most: int,
) -> Counted:
    """Write conversations as tokens into an Arrow file, which is read without being loaded.

    Parameters
    ----------
    most
        Tokens of the longest sequence that is kept.
    """
    import pyarrow as pa

    counted = Counted()
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in ("input_ids", "labels")])
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for batch in _batches(_kept(conversations, encoder, most, counted)):
            columns = [[one.input_ids for one in batch], [one.labels for one in batch]]
            arrays = [pa.array(column, schema.field(0).type) for column in columns]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return counted


def _kept(
    conversations: Iterable[list[dict[str, str]]], encoder: Encoder, most: int, counted: Counted
) -> Iterator[Example]:
    for messages in conversations:
        for example in encoder.encode(messages):
            size = len(example.input_ids)
            counted.longest = max(counted.longest, size)
            if size > most:
                counted.too_long += 1
                continue
            counted.examples += 1
            counted.tokens += size
            counted.answers += sum(label != IGNORED for label in example.labels)
            yield example


def _batches(examples: Iterator[Example]) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in examples:
        batch.append(example)
        if len(batch) == _ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
