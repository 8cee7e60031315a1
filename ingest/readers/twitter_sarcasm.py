"""Multimodal sarcasm posts (MMSD and MMSD2.0): the joined table, or the raw lists.

- The table ``mmsd_24635.tsv``: split, image_id, the labels, both texts, image attributes. The post
  is the original text; MMSD2.0's corrected one is an attribute (or the text, with ``--column
  text=text_mmsd2``).
- The raw files ``train.txt``, ``valid2.txt``, ``test2.txt``: a Python list a line, ``[image_id,
  text, label]`` or ``[image_id, text, hashtag label, human label]``. They hold posts that the
  published set of 24,635 leaves out because a token gives the answer away; these are counted.

A post's external id is its image id, and runs of white space (which the raw texts have between
tokens and the table has not) count as one space; so both give the same posts. Labels: 1 is
sarcastic.

References
----------
Cai et al. (ACL 2019); Qin et al. (Findings of ACL 2023).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest import cleaning
from ingest.batching import Collector
from ingest.cleaning import BadValue
from ingest.reading import Guess, Options, reader
from ingest.rows import Field, peek, read_rows
from ingest.sampling import Sample
from ingest.sources import read_lines
from schema.records import Item

FIELDS = (
    Field("image_id", required=True),
    Field("text", ("text_original",), required=True),
    Field("text_mmsd2"),
    Field("split"),
    Field("label_hashtag"),
    Field("label_human"),
    Field("label_mmsd2"),
    Field("image_attributes"),
)

_LABELS = ("label_hashtag", "label_human", "label_mmsd2")
_GIVEAWAYS = frozenset(
    (
        *("exgag", "sarcasm", "sarcastic", "reposting", "<url>"),
        *("joke", "jokes", "humour", "humor", "irony", "ironic"),
    )
)
_RAW = re.compile(r"\[\s*['\"]\d+['\"]\s*,\s*['\"]")
_SPLIT = re.compile(r"(train|valid|test)", re.IGNORECASE)


def sniff(sample: Sample) -> Guess:
    """Rate a sample: the table's columns, or lists that begin with an id and a text."""
    if sample.has("image_id", "label_hashtag"):
        return 0.95, "columns image_id and label_hashtag"
    if sample.lines and all(map(_RAW.match, sample.lines)):
        return 0.9, "a list of id, text and label a line"
    if sample.has("image_id") and sample.has_any(("text_original", "text_mmsd2")):
        return 0.7, "columns image_id and text_original"
    return 0.0, "no image_id with label_hashtag"


@reader(
    "twitter-sarcasm",
    kind="records",
    summary="multimodal sarcasm posts, MMSD and MMSD2.0 (joined table, or raw lists)",
    sniff=sniff,
    fields=FIELDS,
    options=("images", "language"),
)
def read(path: Path, options: Options) -> Iterator[Item]:
    """Read posts; the source is ``twitter-sarcasm`` unless the options name one."""
    out = Collector(path, source=options.source or "twitter-sarcasm")
    raw = peek(path, 4096).lstrip().startswith("[")
    yield from (_raw if raw else _table)(path, options, out)
    yield from out.finish()


def _table(path: Path, options: Options, out: Collector) -> Iterator[Item]:
    for row in read_rows(path, FIELDS, columns=options.columns, limit=options.max_line):
        if row.problem:
            out.problem(row.line, row.problem, row.text)
        else:
            with out.row(row.line, row.text):
                given = dict(row.values)
                image = cleaning.identifier(given.pop("image_id"), "image_id")
                text = cleaning.text(given.pop("text"))
                given |= {name: _label(given.get(name), name) for name in _LABELS}
                words = cleaning.text(given.get("image_attributes"), "image_attributes")
                given["image_attributes"] = words.split() if words else None
                post = _post(image, text, row.extra | given, options)
                out.add("posts", post, line=row.line, excerpt=row.text)
        yield from out.drain()


def _raw(path: Path, options: Options, out: Collector) -> Iterator[Item]:
    match = _SPLIT.search(path.name)
    split = match.group().lower() if match else None
    left_out = 0
    for line in read_lines(path, limit=options.max_line):
        if line.problem:
            out.problem(line.number, line.problem, line.text[:500])
        elif line.text.strip():
            with out.row(line.number, line.text[:500]):
                image, text, labels = _parse(line.text)
                given = {"split": split, "label_hashtag": labels[0]}
                if len(labels) > 1:
                    given["label_human"] = labels[1]
                post = _post(image, text, given, options)
                if out.add("posts", post, line=line.number, excerpt=line.text[:500]):
                    left_out += not _GIVEAWAYS.isdisjoint((text or "").split())
        yield from out.drain()
    out.note("posts with a token that gives the answer away, not in the published set", left_out)


def _parse(line: str) -> tuple[str | None, str | None, list[int | None]]:
    value = cleaning.literal(line)
    if not isinstance(value, list) or len(value) not in (3, 4):
        raise BadValue(
            "not a list of image id, text and one or two labels", "write ['id', 'text', 1]"
        )
    image, text, *labels = value
    return (
        cleaning.identifier(image, "image_id"),
        cleaning.text(text),
        [_label(label, "label") for label in labels],
    )


def _label(value: object, name: str) -> int | None:
    number = cleaning.whole(value, name)
    if number not in (None, 0, 1):
        raise BadValue(f"{name} {number} is neither 0 nor 1", "1 is sarcastic, 0 is not")
    return number


def _post(
    image: str | None, text: str | None, attributes: dict[str, Any], options: Options
) -> dict[str, Any]:
    return {
        "external_id": image,
        "text": None if text is None else " ".join(text.split()) or " ",
        "language": options.language,
        "images": cleaning.named_image(options.images, image),
        "attributes": attributes,
    }
