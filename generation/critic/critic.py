"""The critic: how plausible and how typical an intention is, by a small model that ships with us.

::

    critic = load_critic()
    critic.judge([Assertion(("my bike was stolen",), get("xReact"), "angry")])
    # [Scores(plausibility=0.95, typicality=0.87)]

The numbers are calibrated: of intentions that get 0.8, people call about four in five plausible.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from generation import minilm
from generation.critic.calibration import apply_platt, typicality_of_cobuys
from generation.critic.network import build, openvino
from generation.critic.tokens import Pair, Reader, batches, padded
from generation.critic.wording import has_words, head_texts, tail_text
from generation.heads import CoBuyHead, PostHead
from generation.mind.options import Scores
from generation.weights import Weights, load
from schema.errors import CorruptError
from schema.relations import Family, Relation

if TYPE_CHECKING:
    import numpy.typing as npt

_WORDS = "embeddings.word_embeddings.weight"
_AT_ONCE = 8192  # assertions that are tokenised together
_DIGITS = 4
_NONE = Scores()


@dataclass(frozen=True, slots=True)
class Assertion:
    """What is judged.

    Attributes
    ----------
    head
        A post's text, or the titles of the products.
    """

    head: tuple[str, ...]
    relation: Relation
    tail: str

    @property
    def can_be_judged(self) -> bool:
        """See whether head and tail say anything."""
        return bool(self.head) and all(map(has_words, (*self.head, self.tail)))


class Critic:
    """Scores assertions; also what `generation.mind` takes as its critic.

    Parameters
    ----------
    weights
        See `load_critic`.
    precision
        ``bf16`` or ``f32``; by default bf16 where the CPU computes in it.

    Raises
    ------
    CorruptError
        If the encoder that is installed has other words than the weights were trained on.
    """

    def __init__(self, weights: Weights, *, precision: str | None = None) -> None:
        self.weights = weights
        self._precision = precision
        self._place, self._words = _encoder_words(weights.config["words_sha256"])
        self._network: Any = None
        self._compiled: dict[str, Any] = {}
        self._reader: Reader | None = None

    @property
    def name(self) -> str:
        """Name and version, as evidence names it."""
        return self.weights.label

    @property
    def threshold(self) -> float:
        """Typicality from which an intention of a co-buy is taken: what tells published ones."""
        return float(self.weights.config["threshold"])

    def judge(self, assertions: Sequence[Assertion]) -> list[Scores]:
        """Score assertions, in order; one that says nothing (an empty title) gets no score."""
        found = [_NONE] * len(assertions)
        for start in range(0, len(assertions), _AT_ONCE):
            rows = [
                row
                for row in range(start, min(start + _AT_ONCE, len(assertions)))
                if assertions[row].can_be_judged
            ]
            some = [assertions[row] for row in rows]
            for row, scores in zip(rows, self._scores(some), strict=True):
                found[row] = scores
        return found

    async def score(
        self, head: PostHead | CoBuyHead, tails: Sequence[tuple[Relation, str]]
    ) -> Sequence[Scores]:
        """Score the tails of one post or co-buy, in order."""
        texts = (head.text,) if isinstance(head, PostHead) else (head.a.title, head.b.title)
        return self.judge([Assertion(texts, relation, tail) for relation, tail in tails])

    def logits(
        self, heads: Sequence[tuple[str, ...]], tails: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """Give the network's own numbers for texts as `generation.critic.wording` makes them.

        Returns
        -------
        ndarray
            Shape (len(heads), 2): plausibility, typicality.
        """
        pairs = self._read(heads, tails)
        found = np.empty((len(pairs), 2), dtype=np.float32)
        groups = list(batches(pairs))
        network = self._load("LATENCY" if len(groups) == 1 else "THROUGHPUT")
        count = int(network.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")) + 1
        idle = [network.create_infer_request() for _ in range(min(count, len(groups)))]
        busy: deque[tuple[Any, list[int]]] = deque()

        def collect() -> None:
            request, rows = busy.popleft()
            request.wait()
            found[rows] = request.get_output_tensor(0).data
            idle.append(request)

        try:
            for rows in groups:
                if not idle:
                    collect()
                request = idle.pop()
                request.start_async(dict(enumerate(padded([pairs[row] for row in rows]))))
                busy.append((request, rows))
            while busy:
                collect()
        finally:
            for request, _ in busy:
                request.wait()
        return found

    def _scores(self, assertions: Sequence[Assertion]) -> list[Scores]:
        heads = {one.head: head_texts(one.head) for one in assertions}
        raw = self.logits(
            [heads[one.head] for one in assertions],
            [tail_text(one.relation, one.tail) for one in assertions],
        )
        shop = np.array([one.relation.family is Family.COBUY for one in assertions], dtype=bool)
        config = self.weights.config
        scaled = np.empty_like(raw, dtype=np.float64)
        scaled[~shop, 0] = apply_platt(raw[~shop, 0], *config["calibration"]["posts"])
        scaled[~shop, 1] = apply_platt(raw[~shop, 1], *config["calibration"]["posts_typicality"])
        scaled[shop, 0] = apply_platt(raw[shop, 0], *config["calibration"]["cobuys"])
        names = [one.relation.name for one in assertions if one.relation.family is Family.COBUY]
        scaled[shop, 1] = typicality_of_cobuys(scaled[shop, 0], names, config["typicality"])
        return [Scores(*row) for row in scaled.round(_DIGITS).tolist()]

    def _read(self, heads: Sequence[tuple[str, ...]], tails: Sequence[str]) -> list[Pair]:
        if self._reader is None:
            from tokenizers import Tokenizer

            self._reader = Reader(Tokenizer.from_file(str(self._place / "tokenizer.json")))
        return self._reader.read(heads, tails)

    def _load(self, hint: str) -> Any:
        """Put the network together once, and compile it once for each hint."""
        if hint not in self._compiled:
            core = openvino().Core()
            if self._precision is None:
                able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
                self._precision = "bf16" if "BF16" in able else "f32"
            if self._network is None:
                tensors = {
                    name: tensor.float().numpy() for name, tensor in self.weights.tensors.items()
                }
                heads = int(self.weights.config["heads"])
                self._network = build(tensors, self._words, heads=heads)
            settings = {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": hint}
            self._compiled[hint] = core.compile_model(self._network, "CPU", settings)
        return self._compiled[hint]


def load_critic(folder: Path | str | None = None) -> Critic:
    """Load a critic; by default the one that comes with IntentKG.

    Parameters
    ----------
    folder
        Holds weights that ``benchmarks/learning/train_critic.py`` wrote.

    Raises
    ------
    CorruptError
        If a file of the weights is missing or was altered.
    """
    return Critic(load(Path(folder))) if folder is not None else _shipped()


@cache
def _shipped() -> Critic:
    with as_file(files("generation.critic").joinpath("weights")) as folder:
        return Critic(load(folder))


def words_digest(words: npt.NDArray[Any]) -> str:
    """Give the checksum by which weights know the word embeddings they were trained on."""
    return sha256(np.ascontiguousarray(words, dtype=np.float32).tobytes()).hexdigest()


def read_words() -> npt.NDArray[Any]:
    """Read the encoder's word embeddings, shape (vocabulary, width).

    Raises
    ------
    CorruptError
        If they cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    path = minilm.folder() / "model.safetensors"
    try:
        with safe_open(str(path), framework="np") as tensors:
            return tensors.get_tensor(_WORDS)  # type: ignore[no-any-return]
    except (OSError, SafetensorError) as error:
        raise CorruptError(f"{path} cannot be read: {error}", fix=minilm.FIX) from None


def _encoder_words(wanted: str) -> tuple[Path, npt.NDArray[Any]]:
    place, words = minilm.folder(), read_words()
    if words_digest(words) != wanted:
        raise CorruptError(
            f"{place} holds another encoder than the critic was trained on", fix=minilm.FIX
        )
    return place, words
