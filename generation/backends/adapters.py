"""A LoRA adapter in the place of a model: the folder that `intentkg distill train` leaves.

``--model DIR`` names the adapter, not the model that it was made for, so that the replies of the
two are never taken for one another's in the request store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from schema.errors import MissingExtraError, ModelNotFoundError

CONFIG = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter.

    Attributes
    ----------
    base
        The model that it was made for: a folder or a name.
    rank
        Of its largest matrices.
    speaks
        Whether a tokenizer lies beside it, with the chat template that it was trained with.
    """

    folder: Path
    base: str
    rank: int
    speaks: bool


def find_adapter(model: str, base: str | None = None) -> Adapter | None:
    """Give the adapter that lies in a folder; None where there is a whole model, or no folder.

    Parameters
    ----------
    base
        The model that it is for, where that is no longer where it was.

    Raises
    ------
    ModelNotFoundError
        If it cannot be read, or the model that it was made for is not known.
    """
    folder = Path(model).expanduser()
    path = folder / CONFIG
    if not path.is_file() or (folder / "config.json").is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rank = max([int(told["r"]), *map(int, (told.get("rank_pattern") or {}).values())])
        named = told.get("base_model_name_or_path")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelNotFoundError(
            f"{path} is not the configuration of a LoRA adapter: {type(error).__name__}: {error}",
            fix="give the folder of an adapter that PEFT saved, or of a whole model",
        ) from None
    found = base or named
    if not found:
        raise ModelNotFoundError(
            f"the adapter {model} does not say which model it is for",
            fix="name it: --backend-option base=MODEL",
        )
    if Path(found).is_absolute() and not Path(found).is_dir():
        raise ModelNotFoundError(
            f"the adapter {model} is for the model in {found}, which is not there",
            fix="say where it is now: --backend-option base=MODEL",
        )
    return Adapter(folder, found, rank, (folder / "tokenizer_config.json").is_file())


def merged(model: Any, adapter: Adapter) -> Any:
    """Work an adapter into the weights of a model that transformers has loaded.

    Raises
    ------
    MissingExtraError
        If PEFT is not installed.
    ModelNotFoundError
        If the adapter does not fit the model.
    """
    try:
        from peft import PeftModel
    except ImportError:
        raise MissingExtraError(
            "an adapter needs peft",
            fix="pip install peft, or use the merged model beside the adapter",
        ) from None
    try:
        return PeftModel.from_pretrained(model, adapter.folder).merge_and_unload().eval()
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        said = " ".join(str(error).split())[:300]
        raise ModelNotFoundError(
            f"the adapter {adapter.folder} cannot be put on {adapter.base}: {said}",
            fix="use the model that it was trained on",
        ) from None


def for_vllm(adapter: Adapter) -> tuple[dict[str, Any], Any]:
    """Give the options with which vLLM's engine takes an adapter, and what requests bring along."""
    request = import_module("vllm.lora.request").LoRARequest
    ranks = get_args(import_module("vllm.config.lora").MaxLoRARanks)
    options: dict[str, Any] = {
        "model": adapter.base,
        "enable_lora": True,
        "max_lora_rank": next((rank for rank in ranks if rank >= adapter.rank), ranks[-1]),
    }
    if adapter.speaks:
        options["tokenizer"] = str(adapter.folder)
    return options, request("adapter", 1, str(adapter.folder.resolve()))
