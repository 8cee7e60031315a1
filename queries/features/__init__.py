"""Features for models: intentions of posts, products, pairs or any text, as arrays and tables.

::

    with Features(directory) as features:
        found = features.of("Post", ids, k=8)         # own edges first, else nearest by meaning
        found.pooled("weighted")                      # (n, dimension) float32
        found.mask                                    # (n, 8) bool: where there is an intention
        found.shuffled(seed=0)                        # the control: as many, but random ones
        found.write_parquet(path, key="post_id")      # for a feature store
        features.of_texts(["so tired of mondays"])    # nearest by meaning
        features.of_pairs([("B001", "B002")])         # what two products share

Every model in :mod:`benchmarks.downstream` takes its intentions from here, and only from here.
"""

from __future__ import annotations

from queries.features.pairs import PAIR_FEATURES, PairFeatures
from queries.features.retrieved import NEAREST, NONE, OWN, POOLINGS, Retrieved
from queries.features.retrieving import Features

__all__ = [
    "NEAREST",
    "NONE",
    "OWN",
    "PAIR_FEATURES",
    "POOLINGS",
    "Features",
    "PairFeatures",
    "Retrieved",
]
