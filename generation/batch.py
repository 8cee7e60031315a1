"""Batch files in OpenAI's form: a provider's batch API, or vLLM's ``run-batch``, does the work.

`export_batch` writes one request a line, its key as ``custom_id``::

    {"custom_id": "rq_...", "method": "POST", "url": "/v1/chat/completions", "body": {...}}

and notes in the request store which keys went out. `import_batch` reads what comes back, in any
order and in as many pieces as it comes, and stores it as if it had been asked for here. Both can
be broken off and run again. What the form cannot hold: stage, sample number and reply schema of
our own kind are not in the file; the store keeps them.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

import orjson

from generation.asker import judge
from generation.backends.chat_form import Structured, completion_body, parse_completion
from generation.backends.openai_errors import SchemaRefusedError, explain
from generation.batch_files import BatchFiles
from generation.pricing import Prices
from generation.requests import Failure, Image, Images, Outcome, Request
from generation.store import RequestStore
from schema.errors import InputError, RequestFailedError, UsageError

_CHUNK = 500


@dataclass(slots=True)
class Exported:
    """What `export_batch` did."""

    written: int = 0
    known: int = 0  # answered already: not written
    waiting: int = 0  # in an earlier batch file, whose answers have not come: not written
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row of a batch file that was not stored, and why."""

    row: int  # 1-based
    reason: str
    fix: str


@dataclass(slots=True)
class Imported:
    """What `import_batch` did."""

    replies: int = 0
    known: int = 0  # stored already, by an earlier import or another run
    failures: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    price: float | None = None


def export_batch(
    requests: Iterable[Request],
    path: Path | str,
    store: RequestStore,
    *,
    images: Images | None = None,
    structured: Structured = "json_schema",
    again: bool = False,
    retry_failed: bool = False,
    most: int = 50_000,
    most_bytes: int = 190_000_000,
) -> Exported:
    """Write the requests that have no answer yet.

    Parameters
    ----------
    path
        The file; when it is full (providers take 50,000 requests and 200 MB), or there already,
        more are written beside it, as ``name-2.jsonl`` and so on. A file appears when it is whole.
    store
        Says which are answered, and remembers which went out.
    images
        Turns an image's name into its bytes.
    structured
        How a reply schema is asked for.
    again
        Also those that went out in an earlier batch file.
    retry_failed
        Also those that have failed.
    most, most_bytes
        Size of one file.

    Raises
    ------
    UsageError
        If a request shows images and `images` is None.
    """
    done = Exported()
    out = BatchFiles(Path(path), store, most, most_bytes)
    seen: set[str] = set()
    try:
        for chunk in _chunks(requests):
            keys = [request.key for request in chunk]
            known = store.get_many(keys)
            gone = {} if again else store.exported(keys)
            fresh: list[Request] = []
            for request in chunk:
                outcome = known.get(request.key)
                if request.key in seen:
                    continue
                if outcome is not None and not (retry_failed and isinstance(outcome, Failure)):
                    done.known += 1
                elif request.key in gone:
                    done.waiting += 1
                else:
                    seen.add(request.key)
                    fresh.append(request)
            for request in fresh:
                out.write(request, _line(request, images, structured))
            done.written += len(fresh)
        out.finish()
    finally:
        out.close()
    done.files = [str(file) for file in out.files]
    return done


def import_batch(
    path: Path | str, store: RequestStore, *, prices: Prices | None = None, discount: float = 0.5
) -> Imported:
    """Store the answers in a batch output or error file.

    A row whose key never went out, or that is not what it should be, is refused with its number
    and the reason; the rest is stored. Importing a file again changes nothing.

    Parameters
    ----------
    prices
        Prices by model, as for single requests.
    discount
        What a batch costs of that price.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    done = Imported()
    prices = prices or Prices()
    for rows in _chunks(_rows(Path(path), done)):
        keys = [key for _, key, _ in rows]
        asked, known = store.exported(keys), store.get_many(keys)
        found: dict[str, tuple[Request, Outcome, int]] = {}
        for number, key, row in rows:
            request = asked.get(key)
            if request is None:
                if key in known:
                    done.known += 1
                else:
                    done.refused.append(_unknown(number, key))
                continue
            if key in found and not isinstance(found[key][1], Failure):
                done.known += 1
                continue
            outcome = _outcome(request, row, prices, discount)
            found[key] = (request, outcome, 1)
        store.put_many(found.values())
        store.forget_exported(found)
        for _, outcome, _ in found.values():
            _count(done, outcome)
    return done


def is_batch_output(path: Path) -> bool:
    """See whether a file's first line is a row of a batch output."""
    with suppress(orjson.JSONDecodeError, OSError, EOFError), _open(path) as file:
        first = orjson.loads(file.readline())
        return isinstance(first, dict) and "custom_id" in first
    return False


def read_batch(path: Path) -> dict[str, dict[str, Any]]:
    """Read a batch output file: its rows by the key of the request that each answers.

    Raises
    ------
    InputError
        If it cannot be read, or a row is not what it should be.
    """
    done = Imported()
    found = {key: row for _, key, row in _rows(path, done)}
    for refused in done.refused:
        raise InputError(refused.reason, file=str(path), row=refused.row, fix=refused.fix)
    return found


def outcome_of(request: Request, row: dict[str, Any]) -> Outcome:
    """Give what a row of a batch output answers to its request; tokens not counted there are 0."""
    outcome = _outcome(request, row, Prices(), 1.0)
    reply = outcome.reply if isinstance(outcome, Failure) else outcome
    if reply is None or row["response"]["body"].get("usage"):
        return outcome
    reply = replace(reply, prompt_tokens=0, completion_tokens=0)
    return replace(outcome, reply=reply) if isinstance(outcome, Failure) else reply


def _count(done: Imported, outcome: Outcome) -> None:
    reply = outcome.reply if isinstance(outcome, Failure) else outcome
    if isinstance(outcome, Failure):
        done.failures[outcome.reason] += 1
    else:
        done.replies += 1
    if reply and reply.price is not None:
        done.price = (done.price or 0.0) + reply.price


def _outcome(request: Request, row: dict[str, Any], prices: Prices, discount: float) -> Outcome:
    """Read one row: a response, or an error in the provider's or in vLLM's form."""
    error, response = row.get("error"), row.get("response")
    status, body = 0, None
    if isinstance(response, dict):
        status, body = response.get("status_code") or 0, response.get("body")
    if body is not None and status in (0, 200):
        try:
            reply = parse_completion(request, body, latency=0.0)
        except RequestFailedError as failed:
            return Failure("transport", failed.message)
        rate = prices.rate(request.model)
        if rate:
            full = rate.price(reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens)
            reply = replace(reply, price=full * discount)
        return judge(request, reply)
    said = error if error else body
    raw = orjson.dumps(said if isinstance(said, dict) else {"message": str(said)})
    if not status:
        expired = isinstance(error, dict) and "expired" in str(error.get("code"))
        return Failure(
            "transport" if expired else "server", f"the batch says: {raw.decode()[:300]}"
        )
    failed_with = explain(status, {}, raw, request=request, base_url="the batch server")
    if isinstance(failed_with, RequestFailedError):
        reason: Any = failed_with.reason
        return Failure(reason, failed_with.message)
    schema = isinstance(failed_with, SchemaRefusedError)
    hint = "; export with another way to ask for a schema" if schema else ""
    return Failure("bad_request", failed_with.message + hint)


def _line(request: Request, images: Images | None, structured: Structured) -> bytes:
    loaded: list[Image] = []
    if names := request.images:
        if images is None:
            raise UsageError(
                "a request shows images, but the export was given none",
                fix="pass images=, a function from an image's name to its bytes",
            )
        loaded = [images(name) for name in names]
    row = {
        "custom_id": request.key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": completion_body(request, loaded, structured),
    }
    return orjson.dumps(row, default=dict, option=orjson.OPT_APPEND_NEWLINE)


def _rows(path: Path, done: Imported) -> Iterator[tuple[int, str, dict[str, Any]]]:
    try:
        file = _open(path)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            file=str(path),
            fix="give the output file that the batch left",
        ) from None
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row: Any = None
            with suppress(orjson.JSONDecodeError):
                row = orjson.loads(line)
            key = row.get("custom_id") if isinstance(row, dict) else None
            if not isinstance(key, str):
                what = "is not a JSON object" if not isinstance(row, dict) else "has no custom_id"
                done.refused.append(
                    Refused(number, what, "fetch the output again: it may have been cut off")
                )
            elif not _is_key(key):
                done.refused.append(_unknown(number, key))
            else:
                yield number, key, row


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _is_key(text: str) -> bool:
    rest = text.removeprefix("rq_")
    return len(text) == 35 and len(rest) == 32 and set(rest) <= set("0123456789abcdef")


def _unknown(number: int, key: str) -> Refused:
    return Refused(
        number,
        f"{key[:60]!r} was not exported from this knowledge base",
        "import it into the knowledge base whose requests were exported",
    )


def _chunks[T](items: Iterable[T]) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
