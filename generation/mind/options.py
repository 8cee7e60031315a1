"""How MIND is set up: its ablations and the critic that can take the filter's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from generation.heads import CoBuyHead, PostHead
from generation.pipeline import Options
from schema.errors import UsageError
from schema.relations import Relation


@dataclass(frozen=True, slots=True)
class Scores:
    """What a critic gives a tail; in [0, 1], None where it does not say."""

    plausibility: float | None = None
    typicality: float | None = None


class Critic(Protocol):
    """Scores tails."""

    async def score(
        self, head: PostHead | CoBuyHead, tails: Sequence[tuple[Relation, str]]
    ) -> Sequence[Scores]:
        """Score the tails of one head, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MindOptions(Options):
    """How MIND is set up.

    Attributes
    ----------
    pictures
        Two pictures as two parts of the message, or as one, a black bar between them, for models
        that take one. The run's images have to know stacks then (`generation.stacking`).
    visual_cues
        False: pictures are shown, but the prompt does not speak of them.
    filter
        Who judges: the customer that the model plays, nobody, or a critic.
    critic, threshold
        The critic, and the typicality (else plausibility) from which it accepts.
    """

    pictures: Literal["parts", "stacked"] = "parts"
    visual_cues: bool = True
    filter: Literal["role", "none", "critic"] = "role"
    critic: Critic | None = None
    threshold: float = 0.8
    title_characters: int = 300
    listing_characters: int = 800
    noticed_characters: int = 1500

    def check(self) -> None:
        """See that they fit together.

        Raises
        ------
        UsageError
            If they do not.
        """
        for name, value, known in (
            ("pictures", self.pictures, ("parts", "stacked")),
            ("filter", self.filter, ("role", "none", "critic")),
        ):
            if value not in known:
                raise UsageError(
                    f"{value!r} is no choice for {name}", fix=f"choose from: {', '.join(known)}"
                )
        if (self.filter == "critic") != (self.critic is not None):
            raise UsageError(
                "a critic and filter='critic' go together",
                fix="give both, or neither",
            )
