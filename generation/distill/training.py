"""The training itself: LoRA with PEFT on TRL's supervised trainer, from its last checkpoint on."""

from __future__ import annotations

import logging
import math
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from generation.distill.options import Lora
from generation.distill.watching import Watch, stop_on_signals
from schema.errors import InterruptedRunError, UnsupportedError

_POINTS = 200  # of the curve, at most


def fit(
    model: Any,
    tokenizer: Any,
    options: Lora,
    *,
    train: Path,
    validation: Path | None,
    watch: Watch,
) -> tuple[Any, dict[str, Any]]:
    """Train an adapter.

    Parameters
    ----------
    model
        Gets the adapter.
    train, validation
        Arrow files of tokens.

    Returns
    -------
    model
        With its adapter.
    told
        ``steps``, ``loss``, ``validation`` and ``run``, as `generation.distill.record.Record`
        has them.

    Raises
    ------
    InterruptedRunError
        If someone stopped it; a checkpoint is there.
    GenerationError
        If the loss is no number any more.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTTrainer

    rows = Dataset.from_file(str(train))
    held = Dataset.from_file(str(validation)) if validation else None
    arguments = _arguments(model, options, watch.folder, len(rows), held is not None)
    if arguments.n_gpu > 1:
        raise UnsupportedError(
            f"{arguments.n_gpu} GPUs are visible, and a training here uses one",
            fix="CUDA_VISIBLE_DEVICES=0 intentkg distill train ...",
        )
    targets = options.targets if isinstance(options.targets, str) else list(options.targets)
    adapter = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.scale,
        lora_dropout=options.dropout,
        target_modules=targets,
    )
    try:
        trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=rows,
            eval_dataset=held,
            processing_class=tokenizer,
            peft_config=adapter,
            callbacks=[watch.callback()],
        )
    except ValueError as error:  # layers that the model does not have, or that cannot get one
        said = " ".join(str(error).split())[:300]
        raise UnsupportedError(
            f"the adapter does not fit the model: {said}",
            fix="leave --targets out, or name layers of the model, such as q_proj,v_proj",
        ) from None
    _quiet(trainer)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    latest = watch.latest()
    begun = int(latest.name.rpartition("-")[2]) if latest else 0
    started = time.perf_counter()
    with stop_on_signals(watch):
        trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    seconds = time.perf_counter() - started
    state = trainer.state
    if watch.stopping and state.global_step < state.max_steps:
        raise InterruptedRunError(
            f"stopped after step {state.global_step:,} of {state.max_steps:,}",
            fix="run the same command again: it goes on from there",
        )
    return trainer.model, _told(trainer, begun, seconds)


def save_adapter(model: Any, tokenizer: Any, folder: Path, base: str) -> None:
    """Save an adapter with its tokenizer, whole or not at all.

    Parameters
    ----------
    base
        Which model it is for, as those who load it will find it.
    """
    model.peft_config["default"].base_model_name_or_path = base
    beside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    # The layers that it may have to look up elsewhere are not among those that it trains.
    model.save_pretrained(beside, save_embedding_layers=False)
    tokenizer.save_pretrained(beside)
    (beside / "README.md").unlink(missing_ok=True)  # an empty form; training.json says more
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def _arguments(model: Any, options: Lora, folder: Path, rows: int, has_held: bool) -> Any:
    from trl import SFTConfig

    epoch = math.ceil(math.ceil(rows / options.batch) / options.accumulate)
    steps = options.steps or math.ceil(epoch * options.epochs)
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        max_steps=options.steps or -1,
        per_device_train_batch_size=options.batch,
        per_device_eval_batch_size=options.batch,
        gradient_accumulation_steps=options.accumulate,
        learning_rate=options.learning_rate,
        warmup_steps=math.ceil(options.warmup * steps),
        weight_decay=options.weight_decay,
        lr_scheduler_type="cosine",
        seed=options.seed,
        data_seed=options.seed,
        max_length=None,  # what is too long was left out
        bf16=False,  # the weights are in the dtype that was asked for; no second one
        fp16=False,
        gradient_checkpointing=options.gradient_checkpointing,
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=model.device.type == "cuda",
        save_strategy="no",  # the watch says when
        eval_strategy="epoch" if has_held else "no",
        logging_strategy="steps",
        logging_steps=max(1, steps // _POINTS),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
    )


def _quiet(trainer: Any) -> None:
    """Leave the terminal to our own progress."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    for kind in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(kind)
    for name in ("transformers.trainer", "trl", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _told(trainer: Any, begun: int, seconds: float) -> dict[str, Any]:
    history = trainer.state.log_history
    names = ("step", "epoch", "loss", "learning_rate")
    tokens = max(
        (int(one["num_tokens"]) for one in history[-50:] if "num_tokens" in one), default=0
    )
    # The count begins anew with each part of a training.
    parts = [int(one["num_tokens"]) for one in history if "loss" in one and "num_tokens" in one]
    tokens = parts[-1] if parts else tokens
    return {
        "steps": trainer.state.global_step,
        "loss": [{name: one[name] for name in names} for one in history if "loss" in one],
        "validation": [
            {"step": one["step"], "epoch": one["epoch"], "loss": one["eval_loss"]}
            for one in history
            if "eval_loss" in one
        ],
        "run": {
            "from_step": begun,
            "seconds": round(seconds, 2),
            "tokens": tokens,
            "tokens_per_second": round(tokens / seconds, 1),
            "peak_memory_bytes": _peak(trainer.model.device),
            "device": _device(trainer.model.device),
            "trainable_parameters": sum(
                one.numel() for one in trainer.model.parameters() if one.requires_grad
            ),
            "parameters": sum(one.numel() for one in trainer.model.parameters()),
        },
    }


def _peak(device: Any) -> int:
    import torch

    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _device(device: Any) -> str:
    import torch

    return str(torch.cuda.get_device_name(device) if device.type == "cuda" else device.type)
