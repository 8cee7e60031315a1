"""What a knowledge base can do for a student: the verb of the Python API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.directory import Directory

if TYPE_CHECKING:
    from generation.distill.export import Exported
    from intentkg.distilling.exporting import OnProgress


class Distilling:
    """The verb that makes lessons of intentions; part of `intentkg.api.KnowledgeBase`."""

    directory: Directory

    def export_instructions(
        self, out: str | Path, *, progress: OnProgress | None = None, **options: Any
    ) -> Exported:
        """Write instruction data for a student, in the layouts of Alpaca and ShareGPT.

        `generation.distill.run.train` trains a model on it.

        Parameters
        ----------
        out
            A folder that does not exist yet, is empty, or holds an earlier export.
        progress
            Called with what is worked on, the pieces of evidence done and those in all.
        **options
            Which heads, which of their intentions, and how they are asked for: see
            :class:`intentkg.distilling.exporting.Export`.

        Returns
        -------
        Exported
            Heads, rows and tails by split, and what was left out, by reason.

        Raises
        ------
        UsageError
            If an option is wrong, the folder holds something else, or there is nothing to write.
        """
        from intentkg.distilling.exporting import export, settle_export

        return export(self.directory, Path(out), settle_export(**options), progress=progress)
