"""One training in its parts; each is done once, and recorded before the next begins."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

from generation.distill import models, record
from generation.distill.chats import Counted, Encoder, ensure_template, write_tokens
from generation.distill.options import Lora, OnProgress
from generation.distill.questions import Questions
from generation.distill.reading import Data, read_conversations
from generation.distill.record import ADAPTER_FOLDER, CHECKPOINTS, MERGED_FOLDER, TOKENS, Record
from generation.distill.watching import Watch
from schema.errors import InputError, UsageError

_PURPOSE = {"train": "train on", "validation": "validate with"}


class Work:
    """One training; model and tokenizer are loaded when a part needs them."""

    def __init__(
        self,
        data: Data,
        out: Path,
        name: str,
        folder: Path,
        options: Lora,
        device: str | None,
        progress: OnProgress,
    ) -> None:
        self._data = data
        self._out = out
        self._folder = folder
        self._options = options
        self._device = device
        self._progress = progress
        is_folder = Path(name).expanduser().is_dir()
        self._name = str(folder.resolve()) if is_folder else name
        self._tokenizer: Any = None
        self._model: Any = None
        self._has_adapter = False
        self._record = self._known()

    def run(
        self,
        asked: Questions | None,
        shots: Questions | None,
        *,
        merge: bool,
        save_minutes: float,
    ) -> Record:
        """Do what is not done yet."""
        told = self._record
        adapter = self._out / ADAPTER_FOLDER
        if asked is not None:
            self._guard("before", asked, shots)
        if told.state != "trained":
            self._train(save_minutes)
        if asked is not None:
            self._guard("after", asked, shots, adapter)
        if merge and not (told.merged and (self._out / MERGED_FOLDER).is_dir()):
            self._merge(adapter)
        for name in (CHECKPOINTS, TOKENS):
            shutil.rmtree(self._out / name, ignore_errors=True)
        return told

    def _known(self) -> Record:
        """Give the record that the folder holds, or begin one.

        Raises
        ------
        UsageError
            If it is of another training.
        """
        mine = Record(
            data={"folder": self._data.folder, "sha256": self._data.digest},
            model={"name": self._name, "fingerprint": models.fingerprint(self._folder)},
            parameters=self._options.to_dict(),
        )
        mine.versions = record.versions()
        there = record.load(self._out)
        if there is None:
            return mine
        if found := there.differences(mine):
            if there.state == "begun" and not any((self._out / CHECKPOINTS).glob("*")):
                clear(self._out)  # it came to nothing
                return mine
            raise UsageError(
                f"{self._out} holds another training: {'; '.join(found[:4])}",
                fix="train into another folder, or begin anew with --fresh",
            )
        if there.state == "trained" and not (self._out / ADAPTER_FOLDER).is_dir():
            there.state = "begun"  # somebody removed it
        return there

    def _train(self, save_minutes: float) -> None:
        from generation.distill.training import fit, save_adapter

        told = self._record
        watch = Watch(self._out / CHECKPOINTS, save_minutes, self._progress)
        self._load()
        train, validation = self._tokens()
        model, found = fit(
            self._model,
            self._tokenizer,
            self._options,
            train=train,
            validation=validation,
            watch=watch,
        )
        save_adapter(model, self._tokenizer, self._out / ADAPTER_FOLDER, self._name)
        for name, value in found.items():
            setattr(told, name, value)
        told.state = "trained"
        told.save(self._out)
        self._unload()

    def _tokens(self) -> tuple[Path, Path | None]:
        """Give the rows as tokens; they are written once."""
        told, folder = self._record, self._out / TOKENS
        most = self._options.max_length
        if (context := models.context_of(self._model)) is not None and context < most:
            told.note(f"the model's context of {context:,} tokens bounds the rows")
            most = context
        encoder = Encoder(self._tokenizer, models.ends_of(self._model))
        for split, source in (("train", self._data.train), ("validation", self._data.validation)):
            file = folder / f"{split}.arrow"
            if source is None or file.exists():
                continue
            self._progress("reading the rows", 0, None, "")
            fresh = file.with_suffix(".new")
            counted = write_tokens(read_conversations(source), encoder, fresh, most)
            if split == "train" and not counted.examples:
                raise _nothing(source, counted, most)
            told.data[split] = {
                name: getattr(counted, name) for name in Counted.__dataclass_fields__
            }
            if counted.too_long:
                told.note(
                    f"{counted.too_long:,} sequences to {_PURPOSE[split]} are longer than "
                    f"{most:,} tokens and left out; the longest has {counted.longest:,}"
                )
            told.save(self._out)
            fresh.replace(file)
        held = folder / "validation.arrow"
        is_there = bool(told.data.get("validation", {}).get("examples"))
        return folder / "train.arrow", held if is_there else None

    def _guard(
        self,
        when: str,
        asked: Questions,
        shots: Questions | None,
        adapter: Path | None = None,
    ) -> None:
        """Ask the guard's questions, unless the answers are known."""
        from generation.distill.guard import answers, compare, score

        told = self._record
        identity = {
            "file": asked.file,
            "sha256": asked.digest,
            "questions": len(asked.questions),
            "examples": None if shots is None else shots.digest,
        }
        if told.guard is None or any(
            told.guard[k] != v for k, v in identity.items() if k != "file"
        ):
            told.guard = dict(identity)
        if when in told.guard:
            return
        self._load(adapter)
        chosen = answers(
            self._model,
            self._tokenizer,
            asked,
            shots=shots,
            progress=self._progress,
            stage=f"guard, {when}",
        )
        told.guard[when] = {**score(asked, chosen), "chosen": chosen}
        if "before" in told.guard and "after" in told.guard:
            both = (told.guard[name]["chosen"] for name in ("before", "after"))
            told.guard |= compare(asked, *both)
        told.save(self._out)
        if adapter is None and told.state == "trained":
            self._unload()  # what comes next wants the adapter on it

    def _merge(self, adapter: Path) -> None:
        self._progress("merging", 0, None, "")
        self._load(adapter)
        beside = self._out / f"{MERGED_FOLDER}.new"
        shutil.rmtree(beside, ignore_errors=True)
        models.merge(self._model, self._tokenizer, beside)
        shutil.rmtree(self._out / MERGED_FOLDER, ignore_errors=True)
        beside.rename(self._out / MERGED_FOLDER)
        self._record.merged = True
        self._record.save(self._out)
        self._unload()

    def _load(self, adapter: Path | None = None) -> None:
        if self._tokenizer is None:
            self._tokenizer = models.load_tokenizer(self._folder)
            if ensure_template(self._tokenizer):
                self._record.note(
                    "the model has no chat template: a plain one is saved with the student"
                )
        if self._model is None:
            self._model = models.load_model(
                self._folder, dtype=self._options.dtype, device=self._device
            )
            self._has_adapter = False
        if adapter is not None and not self._has_adapter:
            self._model = models.load_adapter(self._model, adapter)
            self._has_adapter = True

    def _unload(self) -> None:
        import torch

        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def clear(out: Path) -> None:
    """Remove an earlier training; nothing else is touched."""
    for name in (ADAPTER_FOLDER, MERGED_FOLDER, CHECKPOINTS, TOKENS):
        shutil.rmtree(out / name, ignore_errors=True)
        shutil.rmtree(out / f"{name}.new", ignore_errors=True)
    (out / record.RECORD).unlink(missing_ok=True)


def _nothing(source: Path, counted: Counted, most: int) -> InputError:
    if not counted.longest:
        return InputError("holds no rows", file=str(source), fix="export from more heads")
    return InputError(
        f"no row fits into {most:,} tokens; the longest has {counted.longest:,}",
        file=str(source),
        fix="raise --max-length, as far as the model's context goes",
    )
