"""What analyses add to the graph: layers, each computed from the truth and replaced as a whole.

Three groups, each committed together: concepts that intentions mention, and their hypernyms
(Probase's is-a, Wu et al. 2012; MIND section 5.1); intentions that mean the same; abstract
intentions in which a word gave way to its concept (FolkScope, Yu et al. 2023, section 3.4).
"""

from __future__ import annotations

from typing import Literal, get_args

import pyarrow as pa

Layer = Literal["concepts", "mentions", "hypernyms", "same_as", "abstractions", "instances"]

LAYERS: tuple[Layer, ...] = get_args(Layer)

GROUPS: dict[str, tuple[Layer, ...]] = {
    "concepts": ("concepts", "mentions", "hypernyms"),
    "same_as": ("same_as",),
    "abstractions": ("abstractions", "instances"),
}
"""Layers that make no sense one without the other."""


def _text(name: str) -> pa.Field:
    return pa.field(name, pa.string(), nullable=False)


def _number(name: str) -> pa.Field:
    return pa.field(name, pa.float64(), nullable=False)


LAYER_SCHEMAS: dict[Layer, pa.Schema] = {
    "concepts": pa.schema([_text("id"), _text("name")]),
    "mentions": pa.schema([_text("intention_id"), _text("concept_id")]),
    # weight: P(broader | narrower), in (0, 1]
    "hypernyms": pa.schema([_text("narrower_id"), _text("broader_id"), _number("weight")]),
    # similarity: of the two texts, in [-1, 1]; the canonical intention is no row's first
    "same_as": pa.schema([_text("intention_id"), _text("canonical_id"), _number("similarity")]),
    "abstractions": pa.schema([_text("id"), _text("text")]),
    # score: P(concept | word) of the word that was replaced, in (0, 1]
    "instances": pa.schema([_text("intention_id"), _text("abstraction_id"), _number("score")]),
}

LAYER_KEYS: dict[Layer, tuple[str, ...]] = {
    "concepts": ("id",),
    "mentions": ("intention_id", "concept_id"),
    "hypernyms": ("narrower_id", "broader_id"),
    "same_as": ("intention_id",),
    "abstractions": ("id",),
    "instances": ("intention_id", "abstraction_id"),
}
"""The columns that identify a row: two rows with the same are refused."""

REFERENCES: dict[Layer, tuple[tuple[str, Layer | Literal["assertions"]], ...]] = {
    "concepts": (),
    "mentions": (("intention_id", "assertions"), ("concept_id", "concepts")),
    "hypernyms": (("narrower_id", "concepts"), ("broader_id", "concepts")),
    "same_as": (("intention_id", "assertions"), ("canonical_id", "assertions")),
    "abstractions": (),
    "instances": (("intention_id", "assertions"), ("abstraction_id", "abstractions")),
}
"""What each column names: intentions of the truth, or rows of another layer of the group."""
