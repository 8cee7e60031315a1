"""What a knowledge base can do with models: the verbs of the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.directory import Directory

if TYPE_CHECKING:
    from generation.batch import Exported, Imported
    from intentkg.generating.report import Report
    from intentkg.generating.running import OnProgress


class Generating:
    """The verbs that ask models, or get ready to; part of `intentkg.api.KnowledgeBase`."""

    directory: Directory

    def generate(
        self,
        pipeline: str,
        *,
        model: str | None = None,
        backend: str | None = None,
        models: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
        **options: Any,
    ) -> Report:
        """Write intentions with models: records → requests → assertions.

        What is in the request store already costs nothing; a run that was broken off goes on
        where it stopped.

        Parameters
        ----------
        pipeline
            ``miko`` (posts) or ``mind`` (co-buys).
        model, models
            The model, and by stage where another one is to be asked. Where none is named, the
            student that comes with IntentKG writes.
        backend
            ``student``, ``openai``, ``vllm``, ``transformers`` or ``replay``; None: the student
            if no model is named, else ``openai``.
        progress
            Called with the figures so far, the heads done and the heads in all.
        **options
            Everything else: see :class:`intentkg.generating.settings.Settings`.

        Returns
        -------
        Report
            What was done; `stopped` tells if the budget or a person ended the run early.

        Raises
        ------
        UsageError
            If the options are wrong.
        IntentKGError
            What kept the run from beginning or broke it off. Replies are never lost by it.
        """
        from intentkg.generating.running import generate, is_planned
        from intentkg.generating.settings import settle

        settings = settle(pipeline, model=model, backend=backend, models=models or {}, **options)
        report = generate(self.directory, settings, progress=progress)
        if report.stopped and not is_planned(report.stopped):
            raise report.stopped
        return report

    def estimate(
        self,
        pipeline: str,
        *,
        model: str,
        rate: float | None = None,
        tokenizer: str | Path | None = None,
        sample: int | None = 2000,
        **options: Any,
    ) -> dict[str, Any]:
        """Say what :meth:`generate` would ask and cost, and ask nobody.

        Parameters
        ----------
        rate, tokenizer, sample
            See :func:`intentkg.generating.estimating.dry_run`.
        **options
            As for :meth:`generate`.
        """
        from intentkg.generating.estimating import dry_run
        from intentkg.generating.settings import settle

        settings = settle(pipeline, model=model, **options)
        return dry_run(self.directory, settings, rate=rate, tokenizer=tokenizer, sample=sample)

    def export_requests(
        self, out: str | Path, pipeline: str, *, model: str, **options: Any
    ) -> Exported:
        """Write what :meth:`generate` would ask now to batch files in OpenAI's form."""
        from intentkg.generating.batches import export
        from intentkg.generating.settings import settle

        return export(self.directory, settle(pipeline, model=model, **options), Path(out))[0]

    def import_requests(self, file: str | Path, **options: Any) -> Imported:
        """Store the answers of a batch: see :func:`intentkg.generating.batches.take_back`."""
        from intentkg.generating.batches import take_back

        return take_back(self.directory, Path(file), **options)
