"""The student: loads the shipped weights and writes tails, on a CPU, with nobody asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generation import minilm, weights
from generation.student.beam import search
from generation.student.choosing import Candidate, Choice, Confidence, choose
from generation.student.net import Net, Shape
from generation.student.wording import clean_title
from schema.errors import CorruptError, UnknownRelationError
from schema.relations import Family, Relation, get

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).parent / "weights"
NOTHING = "none"
_BEAMS = 6
_HEADS = 64  # heads that are read together
_ROWS = 64  # tails that are written together


@dataclass(frozen=True, slots=True)
class Written:
    """One tail.

    Attributes
    ----------
    confidence
        Chance that a person would have written much the same of this head, in [0, 1].
    """

    text: str
    confidence: float


class Student:
    """Writes intentions of heads; see `load`."""

    def __init__(self, net: Net, confidence: Confidence, *, name: str) -> None:
        import torch

        self.name = name
        self._net = net
        self._confidence = confidence
        self._nothing = tuple(net.told(NOTHING))
        words = net.writer.bert.embeddings.word_embeddings.weight.detach()
        self._words = torch.nn.functional.normalize(words.float()).numpy()

    @classmethod
    def load(cls, folder: Path | None = None) -> Student:
        """Load weights; those that are shipped if none are named.

        Raises
        ------
        CorruptError
            If they are not what their manifest says, or MiniLM is not the one they belong to.
        """
        found = weights.load(folder or SHIPPED)
        shape = Shape.read(found.config["shape"])
        encoder = minilm.folder()
        if digest(encoder) != found.config["minilm"]:
            raise CorruptError(
                f"{encoder} is not the MiniLM that the student was made on", fix=minilm.FIX
            )
        net = Net(shape, found.tensors["vocabulary"].tolist(), encoder)
        net.load(found.tensors)
        return cls(net, Confidence.read(found.config["confidence"]), name=found.label)

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Those that it has learnt."""
        return _relations(self._net.shape)

    def check(self, relations: Sequence[Relation]) -> None:
        """See that it knows relations.

        Raises
        ------
        UnknownRelationError
            If it has never seen one of them.
        """
        known = self.relations
        for relation in relations:
            if relation not in known:
                same = [one.name for one in known if one.family is relation.family]
                raise UnknownRelationError(
                    f"the student has never seen {relation.name} ({relation.family.value})",
                    fix=f"it knows: {', '.join(same)}; for others name a --model",
                )

    def write(
        self,
        heads: Sequence[tuple[str, ...]],
        relations: Sequence[Relation],
        *,
        most: int = 1,
        beams: int = _BEAMS,
    ) -> list[list[Written]]:
        """Write of each head in the relation beside it.

        Parameters
        ----------
        heads
            One text: an event or a post; two: the titles of two products.
        relations
            As many as heads.
        most
            Tails of one head in one relation.

        Returns
        -------
        list of list of Written
            For each head its tails, best first; empty where it has no answer.

        Raises
        ------
        UnknownRelationError
            If it has never seen one of the relations.
        """
        sure = self._confidence
        found: list[list[Written]] = []
        for choices in self.choices(heads, relations, most=most, beams=beams):
            tails = [
                Written(self.text(choice), round(sure.of(choice), 4))
                for choice in choices
                if not sure.is_silent(choice)
            ]
            found.append([one for one in tails if one.text and one.confidence >= sure.least])
        return found

    def text(self, choice: Choice) -> str:
        """Give a choice in words; quotation marks are left out, for they are seldom closed."""
        return " ".join(self._net.text(choice.tokens).replace('"', " ").split())

    def choices(
        self,
        heads: Sequence[tuple[str, ...]],
        relations: Sequence[Relation],
        *,
        most: int = 1,
        beams: int = _BEAMS,
    ) -> list[list[Choice]]:
        """Give what it would write, silent or not; see `write`."""
        self.check(list({id(one): one for one in relations}.values()))
        heads = [tuple(map(clean_title, head)) if len(head) > 1 else head for head in heads]
        tokens = {head: self._net.tokens(head) for head in dict.fromkeys(heads) if any(head)}
        rows = [row for row, head in enumerate(heads) if head in tokens and all(head)]
        rows.sort(key=lambda row: (len(tokens[heads[row]]), heads[row]))
        found: list[list[Choice]] = [[] for _ in heads]
        for block in _blocks(rows, heads):
            told = list(dict.fromkeys(heads[row] for row in block))
            read, mask = self._read([tokens[head] for head in told])
            place = {head: at for at, head in enumerate(told)}
            for start in range(0, len(block), _ROWS):
                some = block[start : start + _ROWS]
                at = [place[heads[row]] for row in some]
                starts = [self._place(relations[row]) for row in some]
                for row, candidates in zip(
                    some, self._search(read[at], mask[at], starts, beams), strict=True
                ):
                    head = heads[row]
                    found[row] = choose(
                        candidates,
                        self._words,
                        nothing=self._nothing,
                        letters=_letters(head, tokens[head]),
                        pair=len(head) == 2,
                        most=most,
                    )
        return found

    def _place(self, relation: Relation) -> int:
        return self._net.shape.relations.index(relation.key)

    def _read(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        ids, mask, kinds = self._net.batch(rows)
        with torch.inference_mode(), _precision():
            return self._net.upper(self._net.lower(ids, mask, kinds), mask), mask

    def _search(
        self, read: torch.Tensor, mask: torch.Tensor, starts: Sequence[int], beams: int
    ) -> list[list[Candidate]]:
        import torch

        with torch.inference_mode(), _precision():
            return search(self._net, read, mask, starts, beams)


def describe(folder: Path | str | None = None) -> tuple[str, tuple[Relation, ...]]:
    """Give the name of a student and the relations that it has learnt, without loading it."""
    found = weights.load(Path(folder) if folder else SHIPPED)
    return found.label, _relations(Shape.read(found.config["shape"]))


def _relations(shape: Shape) -> tuple[Relation, ...]:
    pairs = (name.split(":") for name in shape.relations)
    return tuple(get(name, Family(family)) for family, name in pairs)


def digest(folder: Path) -> str:
    """Give the checksum of MiniLM's tensors."""
    with (folder / "model.safetensors").open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _blocks(rows: Sequence[int], heads: Sequence[tuple[str, ...]]) -> list[list[int]]:
    """Part rows, which stand by their heads, into such of at most `_HEADS` heads each."""
    found: list[list[int]] = []
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        if not found or (heads[row] not in seen and len(seen) == _HEADS):
            found.append([])
            seen = set()
        seen.add(heads[row])
        found[-1].append(row)
    return found


def _letters(head: Sequence[str], tokens: Sequence[int]) -> float:
    count = sum(character.isalpha() for text in head for character in text)
    return min(10.0, count / max(1, len(tokens) - len(head) - 1))


def _precision() -> Any:
    """Compute in bf16 where the CPU does."""
    import torch

    able = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bool(able))
