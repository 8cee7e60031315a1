"""A local model through transformers: for small machines, and to try things out.

Takes language models and vision-language models (``AutoModelForCausalLM``,
``AutoModelForImageTextToText``) that have a chat template. Requests that wait are answered in
batches. Replies are not held to a schema: the parser takes what comes. With a temperature above
zero, what a request gets depends on the batch that it was in.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from generation.backends import Capabilities
from generation.backends.adapters import Adapter, find_adapter, merged
from generation.pricing import reply_room
from generation.requests import Image, Reply, Request, dumps
from schema.errors import (
    MissingExtraError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
)

type Entry = tuple[Request, Sequence[Image]]

# Parameters by their OpenAI names, and what transformers calls them.
_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "stop": "stop_strings",
}


class TransformersBackend:
    """A model in this process.

    Parameters
    ----------
    model
        Folder or name of the model, or folder of a LoRA adapter; requests have to name it so too.
    base
        The model that the adapter is for, where that is no longer where it was.
    device
        ``cpu``, ``cuda``...; None: a GPU if there is one.
    dtype
        ``auto`` (as the weights are), ``float32``, ``bfloat16``...
    batch_size
        Most requests answered at once.
    """

    def __init__(
        self,
        *,
        model: str | Path,
        base: str | None = None,
        device: str | None = None,
        dtype: str = "auto",
        batch_size: int = 16,
    ) -> None:
        self._name = str(model)
        self.batch_size = batch_size
        self._model: Any = None
        self._processor: Any = None
        self._tokenizer: Any = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="transformers")
        self._load(find_adapter(self._name, base), device, dtype)

    @property
    def name(self) -> str:
        """The model, as it was named."""
        return f"transformers ({self._name})"

    def capabilities(self) -> Capabilities:
        """All is known once the model is loaded."""
        return Capabilities(
            images=self._sees, reply_schema=False, tokenizer=True, concurrency=4 * self.batch_size
        )

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Answer one request; see `generation.backends.Backend`."""
        (answer,) = await self.complete_many([(request, images)])
        if isinstance(answer, RequestFailedError):
            raise answer
        return answer

    async def complete_many(self, batch: Sequence[Entry]) -> Sequence[Reply | RequestFailedError]:
        """Answer several; those with the same parameters go through the model together."""
        for request, images in batch:
            self._check(request, images)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._answer, batch)

    async def count_tokens(self, request: Request) -> int | None:
        """Count with the model's own template and tokenizer; None with images."""
        if request.images:
            return None
        loop = asyncio.get_running_loop()
        encoded = await loop.run_in_executor(self._worker, self._encode, [(request, ())])
        count: int = encoded["input_ids"].shape[1]
        return count

    async def aclose(self) -> None:
        """Free the model."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._model = self._processor = None

    def _load(self, adapter: Adapter | None, device: str | None, dtype: str) -> None:
        try:
            import torch
            import transformers as library
        except ImportError:
            raise MissingExtraError(
                "the transformers backend needs transformers and torch",
                fix="pip install transformers torch",
            ) from None
        model = adapter.base if adapter else self._name
        try:
            config = library.AutoConfig.from_pretrained(model)
            seeing = library.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            self._sees = type(config) in seeing
            kind: Any = library.AutoModelForCausalLM
            reader: Any = library.AutoTokenizer
            if self._sees:
                kind, reader = library.AutoModelForImageTextToText, library.AutoProcessor
            self._model = kind.from_pretrained(model, dtype=dtype).eval()
            self._processor = reader.from_pretrained(
                self._name if adapter and adapter.speaks else model
            )
            if adapter:
                self._model = merged(self._model, adapter)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())[:300]
            raise ModelNotFoundError(
                f"{self._name} cannot be loaded by transformers: {said}",
                fix="give the folder of a model, or the name of one that is downloaded already",
            ) from None
        tokenizer: Any = getattr(self._processor, "tokenizer", self._processor)
        if not getattr(self._processor, "chat_template", None):
            raise UnsupportedError(
                f"{self._name} has no chat template", fix="use a model made for chat (-Instruct)"
            )
        tokenizer.padding_side = "left"  # the reply follows the prompt's last token
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._tokenizer = tokenizer
        text = config.get_text_config()
        self._context = int(getattr(text, "max_position_embeddings", None) or 1 << 30)
        gpu = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(device or gpu)

    def _check(self, request: Request, images: Sequence[Image]) -> None:
        if request.model != self._name:
            raise ModelNotFoundError(
                f"the model that is loaded is {self._name!r}, not {request.model!r}",
                fix=f"--model {self._name}",
            )
        if images and not self._sees:
            raise UnsupportedError(
                f"model {self._name!r} does not take images",
                fix="use a vision-language model for the stages with images, or leave them out",
            )

    def _answer(self, batch: Sequence[Entry]) -> list[Reply | RequestFailedError]:
        found: dict[int, Reply | RequestFailedError] = {}
        groups: dict[bytes, list[int]] = {}
        for number, (request, images) in enumerate(batch):
            seed = request.sample if "seed" in request.parameters else None
            group = dumps([request.parameters, seed, bool(images)])
            groups.setdefault(group, []).append(number)
        for numbers in groups.values():
            for some in _pieces(numbers, self.batch_size):
                answers = self._generate([batch[number] for number in some])
                found.update(zip(some, answers, strict=True))
        return [found[number] for number in range(len(batch))]

    def _generate(self, entries: list[Entry]) -> list[Reply | RequestFailedError]:
        """Answer requests that have the same parameters."""
        import torch

        began = time.perf_counter()
        request = entries[0][0]
        room = reply_room(request)
        lengths = [self._encode([entry])["input_ids"].shape[1] for entry in entries]
        long = [number for number, size in enumerate(lengths) if size + room > self._context]
        if long:
            rest = [entry for number, entry in enumerate(entries) if number not in long]
            answers = iter(self._generate(rest) if rest else [])
            return [
                self._too_long(size, room) if number in long else next(answers)
                for number, size in enumerate(lengths)
            ]
        if "seed" in request.parameters:
            torch.manual_seed(request.parameters["seed"] + request.sample)
        encoded = self._encode(entries).to(self._model.device)
        width = encoded["input_ids"].shape[1]
        try:
            with torch.inference_mode():
                ids = self._model.generate(**encoded, **self._options(request, room))[:, width:]
        except (RuntimeError, ValueError) as error:  # out of memory, an impossible parameter
            said = " ".join(str(error).split())[:300]
            failed = RequestFailedError(f"the model failed: {said}", reason="server")
            return [failed for _ in entries]
        latency = (time.perf_counter() - began) / len(entries)
        return [
            self._reply(row.tolist(), prompt, room, latency)
            for row, prompt in zip(ids, lengths, strict=True)
        ]

    def _reply(self, ids: list[int], prompt: int, room: int, latency: float) -> Reply:
        ends = self._model.generation_config.eos_token_id
        stops = {ends} if isinstance(ends, int) else set(ends or ())
        end = next((place for place, token in enumerate(ids) if token in stops), None)
        count = len(ids) if end is None else end + 1
        text = self._tokenizer.decode(ids[:count], skip_special_tokens=True)
        # Without an end, a reply shorter than its room was ended by a stop string.
        pads = self._tokenizer.pad_token_id
        shown = [token for token in ids[:count] if token != pads]
        finish = "length" if end is None and len(shown) >= room else "stop"
        return Reply(text, finish, prompt, 0, len(shown), latency, None, self._name)

    def _options(self, request: Request, room: int) -> dict[str, Any]:
        given = request.parameters
        options: dict[str, Any] = {
            name: given[ours] for ours, name in _NAMES.items() if given.get(ours) is not None
        }
        options["do_sample"] = options.get("temperature", 1.0) > 0
        if not options["do_sample"]:
            for name in ("temperature", "top_p", "top_k", "min_p"):
                options.pop(name, None)
        if "stop_strings" in options:
            options["tokenizer"] = self._tokenizer
        return {**options, "max_new_tokens": room, "pad_token_id": self._tokenizer.pad_token_id}

    def _encode(self, entries: Sequence[Entry]) -> Any:
        chats = [_chat(request, images, parts=self._sees) for request, images in entries]
        return self._processor.apply_chat_template(
            chats,
            add_generation_prompt=True,
            tokenize=True,
            padding=True,
            return_dict=True,
            return_tensors="pt",
        )

    def _too_long(self, size: int, room: int) -> RequestFailedError:
        return RequestFailedError(
            f"{size} tokens and {room} for the reply are more than the model's "
            f"context of {self._context}",
            reason="too_long",
            fix="use a model with a longer context, or shorten the text",
        )


def _chat(request: Request, images: Sequence[Image], *, parts: bool) -> list[dict[str, Any]]:
    """Write messages as a chat template wants them: in parts for a model that sees."""
    from PIL import Image as Picture

    rest = iter(images)
    found: list[dict[str, Any]] = []
    for message in request.messages:
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}] if parts else content
        else:
            content = [
                {"type": "image", "image": Picture.open(io.BytesIO(next(rest).data)).convert("RGB")}
                if part["type"] == "image"
                else part
                for part in content
            ]
            if not parts:
                content = "".join(part["text"] for part in content)
        found.append({"role": message["role"], "content": content})
    return found


def _pieces(numbers: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
