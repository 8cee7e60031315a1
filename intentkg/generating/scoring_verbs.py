"""Scores by the critic, as a verb of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.directory import Directory

if TYPE_CHECKING:
    from intentkg.generating.scoring import OnScored, Scored


class Scoring:
    """The verb that scores intentions; part of `intentkg.api.KnowledgeBase`."""

    directory: Directory

    def score(self, *, progress: OnScored | None = None, **options: Any) -> Scored:
        """Give intentions the scores that they lack, by the critic that comes with IntentKG.

        Nobody is asked, and nothing is downloaded. A second run changes nothing.

        Parameters
        ----------
        progress
            Called with how many are done, and how many there are.
        **options
            Which intentions: see :class:`intentkg.generating.scoring.Choice`.

        Returns
        -------
        Scored
            How many were scored, and what became of the rows.

        Raises
        ------
        UsageError
            If an option, a source, a head or a relation does not exist.
        CorruptError
            If the critic's weights were altered.
        """
        from intentkg.generating.scoring import choose, score

        return score(self.directory, choose(**options), progress=progress)
