"""What the folder of a sentence-transformers model says about itself, read without loading it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schema.errors import UsageError

Pooling = Literal["mean", "cls"]

_MODULES = "modules.json"
_WEIGHTS = (".safetensors", ".bin")
_SETTINGS = (".json", ".txt", ".model")


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """A sentence-transformers model in a folder.

    Attributes
    ----------
    label
        How the person named it.
    directory
        Its folder.
    fingerprint
        First 12 hexadecimal digits of a sha256 over weights, settings and vocabulary.
    dimension
        Length of a vector; None if only the loaded model knows.
    pooling
        How token vectors become one.
    max_tokens
        Longer texts are cut there, special tokens included.
    lower
        Whether text is brought to lower case before the tokenizer sees it.
    pad
        Token id that fills short rows.
    obstacle
        Why it cannot be converted; None if it can.
    """

    label: str
    directory: Path
    fingerprint: str
    dimension: int | None
    pooling: Pooling
    max_tokens: int
    lower: bool
    pad: int
    obstacle: str | None

    @property
    def name(self) -> str:
        """Label and fingerprint: equal names mean comparable vectors."""
        return f"{self.label}@{self.fingerprint}"

    @classmethod
    def read(cls, label: str, directory: Path) -> SentenceModel:
        """Read the description of the model in `directory`.

        Raises
        ------
        UsageError
            If the folder does not hold a sentence-transformers model.
        """
        modules = _json(directory / _MODULES)
        transformer = [m for m in modules or () if _kind(m) == "Transformer"]
        if not modules or not transformer:
            raise UsageError(
                f"{directory} does not hold a sentence-transformers model (no {_MODULES})",
                fix="name the folder into which SentenceTransformer.save wrote it",
            )
        body = directory / str(transformer[0]["path"])
        config = _json(body / "config.json") or {}
        settings = _json(body / "sentence_bert_config.json") or {}
        pooling = next((m for m in modules if _kind(m) == "Pooling"), None)
        pool = _json(directory / pooling["path"] / "config.json") or {} if pooling else {}
        return cls(
            label=label,
            directory=directory,
            fingerprint=_fingerprint(directory, [body, *(directory / m["path"] for m in modules)]),
            dimension=_dimension(pool, config, modules),
            pooling="cls" if _modes(pool) == ["cls"] else "mean",
            max_tokens=int(settings.get("max_seq_length") or _longest(body, config)),
            lower=bool(settings.get("do_lower_case", False)),
            pad=int(config.get("pad_token_id") or 0),
            obstacle=_obstacle(directory, body, modules, pool, config),
        )

    @property
    def tokenizer(self) -> Path:
        """Place of the tokenizer's file."""
        modules = _json(self.directory / _MODULES) or []
        body = next(m["path"] for m in modules if _kind(m) == "Transformer")
        return self.directory / str(body) / "tokenizer.json"


def _obstacle(
    directory: Path, body: Path, modules: Any, pool: dict[str, Any], config: dict[str, Any]
) -> str | None:
    kinds = [_kind(module) for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return f"its modules are {', '.join(kinds)}"
    if _modes(pool) not in (["mean"], ["cls"]):
        return f"it pools by {', '.join(_modes(pool)) or 'an unknown rule'}"
    if not (body / "tokenizer.json").is_file():
        return "it has no tokenizer.json"
    if config.get("is_encoder_decoder") or "auto_map" in config:
        return "it is not a plain encoder"
    prompts = _json(directory / "config_sentence_transformers.json") or {}
    if prompts.get("default_prompt_name"):
        return "it puts a prompt before each text"
    return None


def _kind(module: dict[str, Any]) -> str:
    return str(module["type"]).rpartition(".")[2]


def _modes(pool: dict[str, Any]) -> list[str]:
    mode = pool.get("pooling_mode")
    if isinstance(mode, str):
        return [mode]
    names = {"mean_tokens": "mean", "cls_token": "cls"}
    found = [key.removeprefix("pooling_mode_") for key, value in pool.items() if value is True]
    return [names.get(n, n) for n in found if f"pooling_mode_{n}" in pool]


def _dimension(pool: dict[str, Any], config: dict[str, Any], modules: Any) -> int | None:
    if {_kind(module) for module in modules} - {"Transformer", "Pooling", "Normalize"}:
        return None
    found = pool.get("word_embedding_dimension") or pool.get("embedding_dimension")
    found = found or config.get("hidden_size")
    return int(found) if found else None


def _longest(body: Path, config: dict[str, Any]) -> int:
    said = (_json(body / "tokenizer_config.json") or {}).get("model_max_length") or 512
    return int(min(said, config.get("max_position_embeddings") or 512))


def _fingerprint(directory: Path, folders: list[Path]) -> str:
    files: set[Path] = set()
    for folder in {directory, *folders}:
        found = [path for path in folder.glob("*") if path.is_file()]
        weights = [path for path in found if path.suffix in _WEIGHTS]
        # The same weights often lie there twice; one form of them is enough.
        tensors = [path for path in weights if path.suffix == ".safetensors"]
        files.update(tensors or weights)
        files.update(path for path in found if path.suffix in _SETTINGS)
    total = hashlib.sha256()
    for path in sorted(files):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(directory).as_posix()} {digest}\n".encode())
    return total.hexdigest()[:12]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
