"""How good a graph is: analyses as verbs of the Python API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.directory import Directory

if TYPE_CHECKING:
    from queries.duplicates.finding import Duplicates
    from queries.features import Features
    from queries.hypernyms.diversity import Diversity
    from queries.robustness.measuring import Axis, Robustness
    from queries.statistics.shapes import Statistics

Progress = Callable[[str, int, int | None], None]


class Analysing:
    """The verbs that measure a graph; part of `intentkg.api.KnowledgeBase`.

    Each takes ``relations``, ``head_type``, ``model``, ``source`` and ``accepted`` by name, to say
    which assertions count (:class:`queries.corpus.Chosen`), and returns figures with ``to_dict()``.
    """

    directory: Directory

    def statistics(self, *, seed: int = 0, **chosen: Any) -> Statistics:
        """Count intentions by relation, with preserve rate, plausibility and typicality."""
        from queries.corpus import Chosen
        from queries.statistics.measuring import statistics

        return statistics(self.directory, Chosen.make(**chosen), seed=seed)

    def hypernyms(
        self,
        *,
        sample: int | None = 30_000,
        seed: int = 0,
        taxonomy: str | Path = "wordnet",
        layout: Any = None,
        parser: str | None = None,
        progress: Progress | None = None,
        **chosen: Any,
    ) -> Diversity:
        """Count what the nouns of intentions are kinds of (MIND section 5.4.2).

        Parameters
        ----------
        sample, seed
            How many intentions are drawn; None: all.
        taxonomy, layout
            ``wordnet``, or a file of is-a counts and its layout, ``probase`` or ``hearst``.
        parser
            A spaCy model in place of the one that is shipped.
        """
        from queries.corpus import Chosen, Corpus
        from queries.hypernyms import mentions
        from queries.hypernyms.diversity import measure
        from queries.hypernyms.taxonomy import Taxonomy
        from queries.statistics import label

        known = Taxonomy.open(taxonomy, layout, progress=progress)
        corpus = Corpus(self.directory, Chosen.make(**chosen), sample=sample, seed=seed)
        read = mentions.read(corpus, known, parser=parser, progress=progress)
        return measure(read, known, label=label(self.directory.root))

    def features(
        self,
        *,
        before: datetime | None = None,
        progress: Progress | None = None,
        **chosen: Any,
    ) -> Features:
        """Open the door through which models take intentions (:mod:`queries.features`).

        ::

            with kb.features() as features:
                features.of("Product", ids, k=8).write_parquet(path, key="product_id")

        Parameters
        ----------
        before
            Only evidence from before this moment.
        """
        from queries.corpus import Chosen
        from queries.features import Features

        return Features(
            self.directory, chosen=Chosen.make(**chosen), before=before, progress=progress
        )

    def duplicates(
        self,
        *,
        threshold: float | None = None,
        merge: bool = False,
        progress: Progress | None = None,
        **chosen: Any,
    ) -> Duplicates:
        """Find intentions that mean the same; with `merge` join them at the next build.

        Parameters
        ----------
        threshold
            Least cosine; by default the one that was chosen on labelled pairs.
        merge
            Write the groups as a layer, ``SAME_AS`` in the graph. Nothing is lost.
        """
        from queries.corpus import Chosen, Corpus
        from queries.duplicates import layer
        from queries.duplicates.finding import THRESHOLD, find

        found = find(
            Corpus(self.directory, Chosen.make(**chosen)),
            threshold=THRESHOLD if threshold is None else threshold,
            progress=progress,
        )
        if merge:
            layer.merge(self.directory, found)
        return found

    def robustness(self, across: Axis = "prompt", **options: Any) -> Robustness:
        """Compare intentions for the same head and relation (MIND section 5.4.4).

        Parameters
        ----------
        across
            ``prompt``, ``model``, ``run`` or ``sample``: what the two have different.
        **options
            As :func:`queries.robustness.measuring.measure` has them.
        """
        from queries.robustness.measuring import measure

        return measure(self.directory, across, **options)

    def report(
        self,
        out: str | Path | None = None,
        *,
        against: Sequence[str | Path] = (),
        **options: Any,
    ) -> list[Path]:
        """Write a page on the graph, and the same as Markdown; returns the files.

        Parameters
        ----------
        out
            A folder, or a name that ends in ``.html``; by default the knowledge base's name with
            ``-report``.
        against
            Other knowledge bases to put beside it.
        **options
            As :class:`queries.report.Options` has them.
        """
        from queries import report
        from queries.statistics import label

        root = self.directory.root
        others = [Directory(path) for path in against]
        made = report.make(self.directory, others, report.Options(**options), kb=str(root))
        return report.write(made, Path(out) if out else Path(f"{label(root)}-report"))
