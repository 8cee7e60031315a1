"""Twitter-2015 and Twitter-2017 posts with named entities, as JSON lines or CoNLL.

CoNLL: a line ``IMGID:<id>``, then ``token<TAB>tag`` lines, then an empty line. The text of a post
is its tokens joined by spaces. A post's external id is ``<dataset>/<image id>``; dataset and split
come from the row, or from the file's name (``twitter2015_train.conll.gz``,
``twitter2015/train.txt``). Image ids of the two sets look different, so they tell where the name
does not.

References
----------
Zhang et al. (AAAI 2018), Lu et al. (ACL 2018), Yu et al. (ACL 2020).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue, shorten
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, container, read_rows
from ingest.sampling import Sample
from ingest.sources import Problem, read_lines
from schema.records import Item

FIELDS = (
    Field("image_id", required=True),
    Field("tokens", required=True),
    Field("ner", ("tags", "labels"), required=True),
    Field("dataset"),
    Field("split"),
    Field("text"),
)

_MARK = "IMGID:"
_YEAR = re.compile(r"twitter[_-]?(2015|2017)", re.IGNORECASE)
_SPLIT = re.compile(r"(?:^|[/_.-])(train|valid|dev|test)(?=[_.]|$)", re.IGNORECASE)
_TAG = re.compile(r"O|X|([BI])-(.+)")
_MOST_TOKENS = 100_000


def sniff(sample: Sample) -> Guess:
    """Rate a sample: the IMGID mark, or the keys image_id, tokens and ner."""
    if sample.lines and sample.lines[0].startswith(_MARK):
        return 0.97, "begins with IMGID:"
    if sample.has("image_id", "tokens", "ner"):
        return 0.95, "keys image_id, tokens and ner"
    return 0.0, "no IMGID: and no tokens with ner"


@reader(
    "twitter-mner",
    kind="records",
    summary="Twitter-2015/2017 posts with named entities (CoNLL, or JSON lines)",
    sniff=sniff,
    fields=FIELDS,
    options=("images", "language"),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read posts; the source is ``twitter-mner`` unless the options name one."""
    out = Collector(path, source=options.source or "twitter-mner")
    posts = (
        _rows(path, options) if container(path) in ("jsonl", "parquet") else _conll(path, options)
    )
    for line, given, problem, text in posts:
        if problem:
            out.problem(line, problem, text)
        else:
            with out.row(line, text):
                out.add("posts", _post(given, options), line=line, excerpt=text)
        yield from out.drain()
    yield from out.finish()


_Found = tuple[int, dict[str, Any], Problem | None, str]


def _rows(path: Path, options: Options) -> Iterator[_Found]:
    named = _from_name(path)
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        values = {k: v for k, v in row.values.items() if v is not None}
        yield row.line, named | values | {"extra": row.extra}, row.problem, row.text


def _conll(path: Path, options: Options) -> Iterator[_Found]:
    named = _from_name(path)
    start, image, problem = 0, "", None
    tokens: list[str] = []
    tags: list[str] = []

    def found() -> _Found:
        given = named | {"image_id": image, "tokens": tokens, "ner": tags}
        return start, given, problem, f"{_MARK}{image} {' '.join(tokens[:40])}"

    for line in read_lines(path, limit=options.max_line):
        if line.text.startswith(_MARK):
            if start:
                yield found()
            start, image, problem = line.number, line.text[len(_MARK) :].strip(), line.problem
            tokens, tags = [], []
            continue
        if line.problem:
            problem = problem or line.problem
        elif line.text.strip():
            token, tab, tag = line.text.rpartition("\t")
            if not tab or not token:  # a no-break space is a token of its own
                problem = problem or Problem(
                    f"line {line.number} is not token<TAB>tag", "part token and tag by one tab"
                )
            elif len(tokens) >= _MOST_TOKENS:
                problem = problem or Problem(
                    f"more than {_MOST_TOKENS:,} tokens in one post",
                    f"begin each post with {_MARK}<id>",
                )
            else:
                tokens.append(token)
                tags.append(tag.strip())
        if not start:  # text before the first mark
            start, image = line.number, ""
            problem = problem or Problem(
                f"it does not begin with {_MARK}", f"begin each post with a line {_MARK}<id>"
            )
    if start:
        yield found()


def _post(given: dict[str, Any], options: Options) -> dict[str, Any]:
    image = cleaning.identifier(given.get("image_id"), "image_id")
    if image is None:
        raise BadValue("image_id is missing", f"give every post its id ({_MARK}<id>)")
    tokens, tags = given.get("tokens"), given.get("ner")
    if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
        raise BadValue("tokens and ner do not match", "give each token one tag")
    if not all(isinstance(word, str) for word in (*tokens, *tags)):
        raise BadValue("tokens or ner hold something that is not text", "give strings")
    dataset = given.get("dataset") or ("twitter2015" if image.isdigit() else "twitter2017")
    return {
        "external_id": f"{dataset}/{image}",
        "text": cleaning.text(given.get("text") or " ".join(tokens)),
        "language": options.language,
        "images": cleaning.named_image(options.images, image),
        "attributes": {
            "dataset": dataset,
            "split": given.get("split"),
            "image_id": image,
            "tokens": tokens,
            "entities": entities(tokens, tags),
            **given.get("extra", {}),
        },
    }


def entities(tokens: list[str], tags: list[str]) -> list[dict[str, Any]]:
    """Decode BIO tags into entities.

    Returns
    -------
    For each entity its ``type``, ``text``, and ``start`` and ``end`` as positions of tokens, the
    end not included. An ``I-`` without its ``B-`` begins an entity, as in CoNLL's own evaluation.

    Examples
    --------
    >>> entities(["in", "New", "York"], ["O", "B-LOC", "I-LOC"])
    [{'type': 'LOC', 'text': 'New York', 'start': 1, 'end': 3}]
    """
    found: list[dict[str, Any]] = []
    previous = "O"
    for position, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        match = _TAG.fullmatch(tag)
        if match is None:
            raise BadValue(f"tag {shorten(tag)} is not BIO", "use O, B-TYPE and I-TYPE")
        begins, kind = match.groups()
        if kind is not None:
            if begins == "I" and previous == kind:
                found[-1]["text"] += f" {token}"
                found[-1]["end"] = position + 1
            else:
                found.append({"type": kind, "text": token, "start": position, "end": position + 1})
        previous = kind or "O"
    return found


def _from_name(path: Path) -> dict[str, Any]:
    """Read dataset and split out of the last two parts of a path."""
    named: dict[str, Any] = {}
    name = "/".join(path.parts[-2:])
    if year := _YEAR.search(name):
        named["dataset"] = f"twitter{year.group(1)}"
    if split := _SPLIT.search(name):
        found = split.group(1).lower()
        named["split"] = "valid" if found == "dev" else found
    return named
