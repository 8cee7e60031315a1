"""A BERT small enough to be trained in a test."""

from __future__ import annotations

from pathlib import Path

import torch


def backbone(place: Path) -> Path:
    """A BERT small enough for a test, with MiniLM's tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    from generation import minilm

    tokenizer = AutoTokenizer.from_pretrained(str(minilm.folder()), local_files_only=True)
    shape = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    torch.manual_seed(0)
    BertModel(shape).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place
