"""What speaks against two texts meaning the same, however near their vectors are.

Sentence embeddings put opposites, other numbers and exchanged roles close together: "to warm the
room" and "to cool the room", "the cat fears the dog" and "the dog fears the cat". Each guard looks
for one such difference in the words. They know English; in other scripts only digits count.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Reason = Literal["number", "negation", "contrast", "order", "addition"]

REASONS: tuple[Reason, ...] = ("number", "negation", "contrast", "order", "addition")

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+", re.UNICODE)
_SHORT = re.compile(r"n['’]t\b")
_JOINED = re.compile(r"(?<=\w)[-‐‑'’](?=\w)")
_SPELLED = {
    word: str(number)
    for number, word in enumerate(
        _WORD.findall(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen twenty"
        )
    )
}
_NEGATIONS = frozenset(_WORD.findall("not no never without cannot nobody nothing none neither nor"))
_PREFIXES = ("un", "dis", "non", "in", "im", "ir")
_JOINTS = frozenset(("and", "or", "but", "plus"))
_TURNS = frozenset(("for", "of", "because"))
_LIGHT = frozenset(
    _WORD.findall(
        "a an the to of in on at for by with from and or but plus is are be been being am was "
        "were that this these those it its they them their he she his her him i me my you your "
        "we our both all so as because then while when after before during if "
        "able some any very really just order result do does did person personx user want wants "
        "wanted"
    )
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the guards see it.

    Attributes
    ----------
    words
        Its distinct words, lower case.
    numbers
        In digits, sorted; "one" is left out, because it is a pronoun too.
    negations
        How many words negate.
    members
        ``(family, member)`` of each contrast that it speaks of.
    content
        Stems of its content words, in order.
    joined
        Whether something in it is joined by "and", "or" or a comma.
    turned
        Whether two content words may change places in it: around "for", "of" or a comma.
    """

    words: frozenset[str]
    numbers: tuple[str, ...]
    negations: int
    members: frozenset[tuple[int, int]]
    content: tuple[str, ...]
    joined: bool
    turned: bool

    @classmethod
    def of(cls, text: str) -> Reading:
        """Read a normalised text."""
        plain = _JOINED.sub("", _SHORT.sub(" not", text))
        words = _WORD.findall(plain)
        distinct = frozenset(words)
        spelled = (_SPELLED.get(word, word) for word in words if word != "one")
        known = contrasts()
        return cls(
            distinct,
            tuple(sorted(word for word in spelled if word[0].isdigit())),
            sum(word in _NEGATIONS for word in words),
            frozenset(member for word in distinct for member in known.get(word, ())),
            tuple(_stem(word) for word in words if word not in _LIGHT),
            "," in text or not _JOINTS.isdisjoint(distinct),
            "," in text or not _TURNS.isdisjoint(distinct),
        )


def difference(a: Reading, b: Reading) -> Reason | None:
    """Name what tells two texts apart; None if nothing does.

    - ``number``: they name other numbers.
    - ``negation``: one negates more often, or has *unsuitable* where the other has *suitable*.
    - ``contrast``: words that exclude each other (``contrasts.txt``): hot and cold, red and blue.
    - ``order``: the same words in an order that is no moved clause and no list.
    - ``addition``: one says all that the other says, and more, so it is narrower.
    """
    if a.numbers != b.numbers:
        return "number"
    only_a, only_b = a.words - b.words, b.words - a.words
    if a.negations != b.negations or _prefixed(only_a, only_b) or _prefixed(only_b, only_a):
        return "negation"
    if a.members != b.members and _contrast(a.members, b.members):
        return "contrast"
    if a.content == b.content:
        return None
    if sorted(a.content) == sorted(b.content):
        return None if (a.joined and b.joined) or _moved(a, b) else "order"
    stems_a, stems_b = frozenset(a.content), frozenset(b.content)
    return "addition" if stems_a < stems_b or stems_b < stems_a else None


def _moved(a: Reading, b: Reading) -> bool:
    """Whether a clause went from the end to the beginning: the one turned is the other."""
    size = len(a.content)
    if size == 2 and not (a.turned or b.turned):
        return False  # who does what to whom
    doubled = a.content + a.content
    return any(doubled[start : start + size] == b.content for start in range(size))


@functools.cache
def contrasts() -> dict[str, tuple[tuple[int, int], ...]]:
    """For each word of ``contrasts.txt`` its families, and which member of each it is."""
    found: dict[str, list[tuple[int, int]]] = {}
    lines = files(__package__).joinpath("contrasts.txt").read_text(encoding="utf-8").splitlines()
    for family, line in enumerate(lines):
        if not line.startswith("#"):
            for member, words in enumerate(line.split()):
                for word in words.split("/"):
                    found.setdefault(word, []).append((family, member))
    return {word: tuple(places) for word, places in found.items()}


def _contrast(a: frozenset[tuple[int, int]], b: frozenset[tuple[int, int]]) -> bool:
    """Whether both speak of one family, and not of the same members."""
    families = {family for family, _ in a ^ b}
    spoken = {family for family, _ in a} & {family for family, _ in b}
    return not families.isdisjoint(spoken)


def _prefixed(some: frozenset[str], others: frozenset[str]) -> bool:
    return any(prefix + word in others for word in some if len(word) > 2 for prefix in _PREFIXES)


@functools.lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    """The word without endings of number, tense and person: what is left need not be a word.

    Deliberately plain: NLTK's stemmers take five seconds to import, and "baking" and "bakes" only
    have to come out alike.
    """
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    for ending, least in (("ing", 3), ("ed", 3), ("es", 3), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least and word[-2:] != "ss":
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        return word[:-1]  # running, run
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
