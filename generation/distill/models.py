"""Language models and adapters: found on this machine, loaded, and put together.

Nothing is fetched unless `download` says so: a name has to be in Hugging Face's cache already.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from generation.backends.adapters import CONFIG
from schema.errors import MissingExtraError, ModelNotFoundError, UnsupportedError

NEEDED = ("torch", "transformers", "peft", "trl", "datasets", "accelerate")
DTYPES = ("auto", "float32", "bfloat16", "float16")

_EXTRA = "pip install accelerate datasets peft trl (they are the extra intentkg[distill])"
_FETCHED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def require_extra() -> None:
    """See that what a training needs is installed.

    Raises
    ------
    MissingExtraError
        If not.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            raise MissingExtraError(f"training a student needs {name}", fix=_EXTRA)


def find_model(name: str, *, download: bool = False) -> Path:
    """Find the folder of a model: itself one, or a name of Hugging Face's.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            what = "an adapter, not a model" if (folder / CONFIG).is_file() else "not a model"
            raise ModelNotFoundError(
                f"{name} is {what}: it holds no config.json",
                fix="give the folder of a causal language model, such as one that "
                "save_pretrained wrote",
            )
        return folder
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(name, local_files_only=not download, allow_patterns=_FETCHED)
    except Exception as error:  # of many kinds: no such name, no network, not in the cache
        said = " ".join(str(error).split())[:200]
        raise ModelNotFoundError(
            f"there is no model {name!r} on this machine: {said}",
            fix="give the folder of a model; --download fetches a name from Hugging Face",
        ) from None
    return Path(found)


def fingerprint(folder: Path) -> str:
    """Give a digest of a model that changes with its files, without reading the weights."""
    digest = sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".safetensors", ".bin"):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        elif path.name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            digest.update(f"{path.name} {sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def load_tokenizer(folder: Path) -> Any:
    """Load a tokenizer; it gets a token to fill batches up with, if it has none.

    Raises
    ------
    ModelNotFoundError
        If there is none.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise _unloadable(folder, "tokenizer", error) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def check_kind(folder: Path) -> None:
    """See that a folder holds a causal language model, without loading it.

    Raises
    ------
    ModelNotFoundError
        If it cannot be read.
    UnsupportedError
        If it is another kind of model.
    """
    import transformers as library
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as NAMES

    try:
        config = library.AutoConfig.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise _unloadable(folder, "configuration", error) from None
    # Encoders such as BERT could be loaded so too, with weights that they do not have.
    saved_as = set(config.architectures or NAMES.values())
    if type(config) not in library.MODEL_FOR_CAUSAL_LM_MAPPING or not saved_as & {*NAMES.values()}:
        raise UnsupportedError(
            f"{folder} is a {config.model_type} model, not a causal language model",
            fix="use a model that AutoModelForCausalLM knows, such as a Llama, Mistral or Qwen",
        )


def load_model(folder: Path, *, dtype: str = "auto", device: str | None = None) -> Any:
    """Load a causal language model, to the GPU if there is one.

    Raises
    ------
    ModelNotFoundError
        If it cannot be loaded.
    """
    import torch
    import transformers as library

    try:
        model = library.AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True
        )
    except Exception as error:
        raise _unloadable(folder, "model", error) from None
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def load_adapter(model: Any, folder: Path) -> Any:
    """Put an adapter on a model; what comes back has both.

    Raises
    ------
    ModelNotFoundError
        If it does not fit.
    """
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, folder, local_files_only=True).eval()
    except Exception as error:
        raise _unloadable(folder, "adapter", error) from None


def merge(model: Any, tokenizer: Any, folder: Path) -> None:
    """Work the adapter into the model's own weights, and save it as any model is."""
    merged = model.merge_and_unload()
    merged.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def context_of(model: Any) -> int | None:
    """Say how many tokens a model can see; None if its configuration does not."""
    found = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(found) if found else None


def ends_of(model: Any) -> set[int]:
    """Give the tokens at which a model stops."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    return {ends} if isinstance(ends, int) else set(ends or ())


def _unloadable(folder: Path, what: str, error: Exception) -> ModelNotFoundError:
    said = " ".join(str(error).split())[:300]
    return ModelNotFoundError(
        f"the {what} in {folder} cannot be loaded: {said or type(error).__name__}",
        fix="see that the folder is whole; intentkg distill train writes adapter/ and merged/",
    )
