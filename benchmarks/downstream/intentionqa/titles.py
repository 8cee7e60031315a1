"""A product's title cut to what names it."""

from __future__ import annotations

import re
from dataclasses import replace

from benchmarks.downstream.intentionqa.questions import Question

_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_END = re.compile(r"\s[-|\u2013:]\s|[,;]")
_WORDS = 10


def name_of(title: str) -> str:
    """Cut a title: no asides, nothing after a dash or comma, no word with a digit, ten words.

    Examples
    --------
    >>> name_of("Belkin USB A/A Extension Cable, USB Type-A Female and Male (6 Feet)")
    'Belkin USB A/A Extension Cable'
    """
    words = _END.split(_ASIDE.sub(" ", title), maxsplit=1)[0].split()
    named = [word for word in words if not any(map(str.isdigit, word))]
    return " ".join((named or words)[:_WORDS]) or title


def cut(question: Question) -> Question:
    """Cut all titles of a question."""
    first, second = question.products
    options = question.options
    if question.task == "utilization":
        options = {letter: name_of(title) for letter, title in options.items()}
    return replace(question, products=(name_of(first), name_of(second)), options=options)
