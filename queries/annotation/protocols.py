"""What annotators are asked: MIKO's two stages and MIND's four aspects.

- ``miko-1`` (MIKO section 5.1, first stage): each intention of a sampled post gets 1 point for
  high typicality, 0 for low typicality, -1 if it is implausible. A post whose intentions come to
  more than 5 points goes on.
- ``miko-2`` (second stage): of each such post, whether its intentions conform to human logic and
  whether they are comprehensive. What passes both is the benchmark.
- ``mind`` (MIND section 4.1): four aspects, yes or no: plausible, typical, human-centric, and
  whether the filter's rationale is right (asked only where there is one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schema.errors import UsageError
from schema.relations import Family

Unit = Literal["assertion", "head"]

MIKO_TOTAL = 5
"""Points that a post has to exceed to go on to the second stage."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One question.

    Attributes
    ----------
    name
        Of the control in the labelling page, and of the column in results.
    question
        As annotators read it.
    choices
        What may be answered: the value that it stands for, by its label.
    required
        Whether every annotation has to answer it.
    """

    name: str
    question: str
    choices: dict[str, int]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Protocol:
    """A set of questions.

    Attributes
    ----------
    name
        As the command line has it.
    head_type
        What the intentions are about.
    unit
        What one task is about: an assertion, or a head with all its intentions.
    instruction
        What annotators read first, in HTML.
    aspects
        The questions.
    """

    name: str
    head_type: str
    unit: Unit
    instruction: str
    aspects: tuple[Aspect, ...]

    @property
    def family(self) -> Family:
        """Of which vocabulary the relations are."""
        return Family.SOCIAL if self.head_type == "Post" else Family.COBUY

    def aspect(self, name: str) -> Aspect | None:
        """Find an aspect; None if there is none of that name."""
        return next((aspect for aspect in self.aspects if aspect.name == name), None)


_YES_NO = {"yes": 1, "no": 0}

MIKO_1 = Protocol(
    "miko-1",
    "Post",
    "assertion",
    "<p>Read the post, and look at its image if there is one. Then judge the sentence below it: is "
    "it <b>typical</b> of who posts this (it says what most people would say), <b>possible</b> but "
    "not typical, or <b>implausible</b> (it contradicts the post, or makes no sense)?</p>",
    (
        Aspect(
            "typicality",
            "How typical is this of the post?",
            {"typical": 1, "possible, not typical": 0, "implausible": -1},
        ),
    ),
)

MIKO_2 = Protocol(
    "miko-2",
    "Post",
    "head",
    "<p>Read the post, and look at its image if there is one. Below it is everything that was said "
    "about why it was posted. Judge all of it together.</p>",
    (
        Aspect("logical", "Does it conform to how people think and act?", _YES_NO),
        Aspect("comprehensive", "Is it comprehensive: does it say what matters?", _YES_NO),
    ),
)

MIND = Protocol(
    "mind",
    "CoBuy",
    "assertion",
    "<p>A customer bought the two products together. Judge the reason given below.</p><ul>"
    "<li><b>Plausible</b>: it is correct and reasonable, given both products.</li>"
    "<li><b>Typical</b>: it names a specific feature that causes the purchase, and informs.</li>"
    "<li><b>Human-centric</b>: it considers what the customer thinks, feels or wants.</li>"
    "<li><b>Rationale right</b>: the filter's verdict, and why, are justified (leave it open where "
    "no verdict is shown).</li></ul>",
    (
        Aspect("plausible", "Is it plausible?", _YES_NO),
        Aspect("typical", "Is it typical?", _YES_NO),
        Aspect("human_centric", "Is it human-centric?", _YES_NO),
        Aspect("rationale_right", "Is the filter's verdict justified?", _YES_NO, required=False),
    ),
)

PROTOCOLS = {protocol.name: protocol for protocol in (MIKO_1, MIKO_2, MIND)}


def get(name: str) -> Protocol:
    """Find a protocol.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in PROTOCOLS:
        raise UsageError(
            f"there is no annotation protocol {name!r:.80}", fix=f"use {', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]
