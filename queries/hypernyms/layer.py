"""Concepts as a layer of the graph: what intentions mention, and what that is a kind of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from kg import layers
from kg.directory import Directory
from queries.hypernyms.mentions import Mentions
from queries.hypernyms.taxonomy import Taxonomy
from schema.identity import concept_id
from schema.layers import LAYER_SCHEMAS, Layer

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 0.1
"""Typicality from which on a concept becomes a hypernym in the graph."""

MOST = 5
"""Hypernyms of a concept at most, the most typical ones."""

_ROWS = 65_536


def write_concepts(
    directory: Directory,
    mentions: Mentions,
    taxonomy: Taxonomy,
    *,
    least: float = LEAST,
    most: int = MOST,
) -> dict[Layer, int]:
    """Write concepts, mentions and hypernyms in place of those that were there.

    Parameters
    ----------
    directory
        The knowledge base that `mentions` is of.
    mentions, taxonomy
        What was found, and with what.
    least, most
        Which concepts of an instance become its hypernyms.

    Returns
    -------
    dict
        Rows by layer.

    Notes
    -----
    An edge leads from a narrower to a broader concept, of which more is said to be a kind; the
    reverse of such an edge, or a longer way back, is left out. So no chain leads back to where
    it began, whatever circles the taxonomy has.
    """
    edges = hypernyms(mentions.instances(), taxonomy, least=least, most=most)
    ends = {end for narrower, broader, _ in edges for end in (narrower, broader)}
    names = sorted(ends | set(filter(None, mentions.matched.values())))
    ids = {name: concept_id(name) for name in names}
    mentioned = (
        (intention, ids[name]) for intention, found in mentions.by_intention() for name in found
    )
    return layers.replace(
        directory,
        {
            "concepts": _batches("concepts", ((ids[name], name) for name in names)),
            "mentions": _batches("mentions", mentioned),
            "hypernyms": _batches("hypernyms", ((ids[a], ids[b], w) for a, b, w in edges)),
        },
        made_by={
            "taxonomy": taxonomy.name,
            "least": least,
            "most": most,
            "intentions": mentions.intentions,
            "sample": mentions.corpus.sample,
            "seed": mentions.corpus.seed,
        },
    )


def hypernyms(
    instances: Iterable[str], taxonomy: Taxonomy, *, least: float = LEAST, most: int = MOST
) -> list[tuple[str, str, float]]:
    """Edges (narrower, broader, P(broader | narrower)) of some instances, sorted."""
    known = taxonomy.look_up(instances)
    chosen = [
        (instance, sense.concept, sense.given_instance)
        for instance, senses in known.items()
        for sense in senses[:most]
        if sense.given_instance >= least
    ]
    breadth = taxonomy.breadth({end for a, b, _ in chosen for end in (a, b)})

    def order(name: str) -> tuple[int, str]:
        return breadth.get(name, 0), name

    return sorted(edge for edge in chosen if order(edge[0]) < order(edge[1]))


def _batches(layer: Layer, rows: Iterable[tuple[Any, ...]]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = LAYER_SCHEMAS[layer]
    coming = iter(rows)
    while some := list(islice(coming, _ROWS)):
        columns = zip(*some, strict=True)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
