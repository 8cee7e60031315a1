"""Beam search over many heads at once, with beams as places of one sequence.

All beams of a row stand in one sequence of the decoder, each new token beside those of the other
beams, and a mask lets it see its own forerunners only (as the tree attention of Miao et al., ASPLOS
2024). So nothing is copied when beams change places, and the head's keys and values are there once
for a row, not once for a beam. A row ends as soon as no beam can overtake what is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from generation.student.choosing import Candidate
from generation.student.net import Net, additive

if TYPE_CHECKING:
    import torch
    from transformers import EncoderDecoderCache

_TOGETHER = 16  # rows are taken out by so many: each shape costs time and memory of its own


def search(
    net: Net, read: torch.Tensor, mask: torch.Tensor, starts: Sequence[int], beams: int
) -> list[list[Candidate]]:
    """Find the likeliest tails.

    Parameters
    ----------
    read
        What the reading half made of each row's head; shape (rows, tokens, 384).
    mask
        Which of those tokens are the head's; shape (rows, tokens).
    starts
        Each row's relation token.
    beams
        Tails that are followed, and found, at a time.

    Returns
    -------
    list of list of Candidate
        For each row at most `beams`, likeliest first; they end, unless none did in
        `net.shape.most_written` tokens.
    """
    rows = _Rows(net, read, mask, starts, beams)
    for _ in range(net.shape.most_written):
        rows.step()
        if not rows.going:
            break
    return rows.found()


class _Rows:
    """Rows that are still going, and what is finished of all of them.

    Tensors are (rows still going, beams) and what is said beside them.
    """

    def __init__(
        self, net: Net, read: torch.Tensor, mask: torch.Tensor, starts: Sequence[int], beams: int
    ) -> None:
        import torch
        from transformers import DynamicCache, EncoderDecoderCache

        self._net, self._beams = net, beams
        self._read, self._mask = read, mask
        self._cache: EncoderDecoderCache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self._row = torch.arange(len(starts))  # (rows): which each of them is
        self._last = torch.tensor(starts)[:, None]
        self._scores = torch.zeros(len(starts), 1)
        self._seen = torch.ones(len(starts), 1, 1, dtype=torch.bool)  # places of the sequence
        self._written = torch.empty(len(starts), 1, 0, dtype=torch.long)  # tokens
        self._finished: list[list[tuple[float, list[int]]]] = [[] for _ in starts]

    @property
    def going(self) -> bool:
        """Whether any row is."""
        return len(self._row) > 0

    def step(self) -> None:
        """Write one token more in each beam of each row."""
        import torch

        scores, parents, tokens = self._best()
        ends = tokens == self._net.end
        written = self._written.gather(
            1, parents[:, :, None].expand(-1, -1, self._written.shape[2])
        )
        self._finish(ends, scores, written)
        # Beams that go on stand first, in their order.
        best = torch.argsort(ends, dim=1, stable=True)[:, : self._beams]
        self._scores = scores.gather(1, best)
        self._last = tokens.gather(1, best)
        wide = best[:, :, None]
        self._written = torch.cat(
            [written.gather(1, wide.expand(-1, -1, written.shape[2])), self._last[:, :, None]], 2
        )
        places = self._seen.shape[2]
        seen = self._seen.gather(1, parents.gather(1, best)[:, :, None].expand(-1, -1, places))
        mine = torch.eye(self._beams, dtype=torch.bool).expand(len(seen), -1, -1)
        self._seen = torch.cat([seen, mine], 2)
        self._leave()

    def found(self) -> list[list[Candidate]]:
        """Give what is finished, likeliest first."""
        for row, scores, written in zip(
            self._row.tolist(), self._scores.tolist(), self._written.tolist(), strict=True
        ):
            if not self._finished[row]:
                self._finished[row] = list(zip(scores, written, strict=True))
        first = self._net.first_piece
        return [
            [Candidate(tuple(at for at in told if at >= first), score) for score, told in one]
            for one in self._finished
        ]

    def _best(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give scores, parents and tokens of the best twice as many as there are beams."""
        import torch

        places = self._written.shape[2]
        logits = self._net.writer(
            input_ids=self._last,
            attention_mask=additive(self._seen[:, None]).to(self._read.dtype),
            position_ids=torch.full((1, 1), places).expand(self._last.shape),
            encoder_hidden_states=self._read,
            encoder_attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
        ).logits.float()
        top, tokens = logits.topk(2 * self._beams)
        told = self._scores[:, :, None] + top - logits.logsumexp(2, keepdim=True)
        scores, best = told.flatten(1).topk(2 * self._beams)
        parents = best.div(2 * self._beams, rounding_mode="floor")
        return scores, parents, tokens.flatten(1).gather(1, best)

    def _finish(self, ends: torch.Tensor, scores: torch.Tensor, written: torch.Tensor) -> None:
        rows = self._row.tolist()
        for at, beam in ends[:, : self._beams].nonzero().tolist():
            mine = self._finished[rows[at]]
            mine.append((float(scores[at, beam]), written[at, beam].tolist()))
        for at in ends.any(1).nonzero().flatten().tolist():
            mine = self._finished[rows[at]]
            mine.sort(key=lambda one: -one[0])
            del mine[self._beams :]

    def _leave(self) -> None:
        """Take out rows in which no beam can overtake what is finished; scores only fall."""
        import torch

        worst = torch.tensor(
            [
                mine[-1][0] if len(mine) == self._beams else -torch.inf
                for mine in (self._finished[row] for row in self._row.tolist())
            ]
        )
        over = self._scores[:, 0] <= worst
        some = -(-int((~over).sum()) // _TOGETHER) * _TOGETHER
        if over.all():
            some = 0
        elif some >= len(over):
            return
        stay = over.int().argsort(stable=True)[:some].sort().values
        self._cache.batch_select_indices(stay)
        for name in ("_read", "_mask", "_row", "_last", "_scores", "_seen", "_written"):
            setattr(self, name, getattr(self, name)[stay])
