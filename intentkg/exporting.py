"""``kb.export``: files for other tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.directory import Directory

if TYPE_CHECKING:
    from kg.exports.registry import ExportReport

Progress = Callable[[str, int, int | None], None]


class Exporting:
    """The part of a knowledge base that writes files for other tools."""

    directory: Directory

    def export(
        self,
        out: str | Path,
        *,
        to: str,
        progress: Progress | None = None,
        **options: Any,
    ) -> ExportReport:
        """Write the whole graph, as the truth has it, into a folder.

        Parameters
        ----------
        out
            A folder that is not there yet, or an empty one. An error leaves none.
        to
            The format: ``neo4j-admin``.
        progress
            Called with a stage, how much of it is done, and its total where that is known.
        **options
            Of the format: ``prefix``, ``database`` and ``gzip`` of ``neo4j-admin``.

        Returns
        -------
        ExportReport
            What was written, and the command that loads it.

        Raises
        ------
        UnknownFormatError, UsageError
            If there is no such format, it has no such option, or `out` holds something.
        StoreError
            If there is nothing to export, or the disk is full.
        """
        from kg.exports.registry import export

        return export(self.directory, Path(out), format=to, progress=progress, **options)
