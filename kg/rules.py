"""What must be true of every stored row, as SQL: a commit refuses what `verify` would report.

Each rule is a condition that a bad row meets. Rules that need other tables (`REFERENCES`) ask
views ``known_posts``, ``known_products`` and ``known_cobuys``, which the caller provides.
"""

from __future__ import annotations

from dataclasses import dataclass

from kg.sql import quote
from schema.records import SCHEMAS, Table
from schema.relations import RELATIONS, NodeType


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a table.

    Attributes
    ----------
    name
        As `verify` calls it.
    bad
        SQL condition that a row breaking the rule meets; never null.
    reason
        SQL text expression: what is wrong with the row.
    fix
        What would make the row acceptable.
    """

    name: str
    bad: str
    reason: str
    fix: str


def _required(table: Table) -> list[Rule]:
    return [
        Rule(
            "required-field",
            f"{field.name} IS NULL",
            quote(f"{field.name} is missing"),
            f"give the row a value for {field.name}",
        )
        for field in SCHEMAS[table]
        if not field.nullable
    ]


def _blank(column: str) -> Rule:
    return Rule(
        "blank-field",
        f"NOT regexp_matches({column}, '\\S')",
        quote(f"{column} is empty"),
        f"give the row a value for {column}",
    )


def _between(column: str, low: int, high: int) -> Rule:
    # NaN compares as greater than every number, so it is refused here too.
    return Rule(
        "score-range",
        f"coalesce({column} NOT BETWEEN {low} AND {high}, false)",
        f"'{column} is ' || {column} || ', not between {low} and {high}'",
        f"give {column} as a number from {low} to {high}, or leave it out",
    )


def _not_negative(column: str) -> Rule:
    return Rule(
        "number-range",
        f"coalesce({column} NOT BETWEEN 0 AND 1e15, false)",
        f"'{column} is ' || {column} || ', not a number from 0 up'",
        f"give {column} as a plain number, or leave it out",
    )


_ATTRIBUTES = Rule(
    "attributes-json",
    # CASE, because the type of what is not JSON is an error.
    "attributes IS NOT NULL AND "
    "coalesce(CASE WHEN json_valid(attributes) THEN json_type(attributes) <> 'OBJECT' END, true)",
    "'attributes are not a JSON object'",
    "give attributes as a JSON object, or leave them out",
)

_LEGAL = ", ".join(
    f"({quote(head)}, {quote(relation.name)})"
    for relation in RELATIONS
    for head in relation.head_types
)

RULES: dict[Table, tuple[Rule, ...]] = {
    "posts": (*_required("posts"), _blank("external_id"), _ATTRIBUTES),
    "products": (*_required("products"), _blank("id"), _not_negative("price"), _ATTRIBUTES),
    "cobuys": (
        *_required("cobuys"),
        Rule(
            "cobuy-order",
            "a >= b",
            "'a co-buy needs two products in sorted order, here ' || a || ' and ' || b",
            "name two different products",
        ),
        *(_not_negative(column) for column in ("support", "support_ab", "support_ba")),
        _between("npmi", -1, 1),
    ),
    "images": (
        *_required("images"),
        Rule(
            "image-id",
            "NOT regexp_full_match(id, '[0-9a-f]{64}')",
            "'image id ' || id || ' is not a sha256'",
            "ingest the image again",
        ),
        *(_not_negative(column) for column in ("width", "height", "size")),
    ),
    "assertions": (
        *_required("assertions"),
        _blank("text"),
        Rule(
            "relation-legal",
            f"(head_type, relation) NOT IN ({_LEGAL})",
            "'relation ' || relation || ' cannot start from a ' || head_type",
            "use a relation of the registry that fits the head (see the documentation's table)",
        ),
        _between("plausibility", 0, 1),
        _between("typicality", 0, 1),
    ),
}

REFERENCES: dict[Table, tuple[Rule, ...]] = {
    "cobuys": (
        Rule(
            "cobuy-ends",
            "a NOT IN (SELECT id FROM known_products) OR b NOT IN (SELECT id FROM known_products)",
            "'co-buy of a product that is not known: ' || a || ', ' || b",
            "ingest the products first",
        ),
    ),
    "assertions": tuple(
        Rule(
            "head-exists",
            f"head_type = '{head}' AND head_id NOT IN (SELECT id FROM known_{table})",
            f"'the {head} it is about is not known: ' || head_id",
            f"ingest the {table.replace('cobuys', 'co-buys')} first",
        )
        for head, table in (
            (NodeType.POST, "posts"),
            (NodeType.COBUY, "cobuys"),
            (NodeType.PRODUCT, "products"),
        )
    ),
}


def rules(table: Table) -> tuple[Rule, ...]:
    """Every rule of a table; the place in this tuple is the rule's number."""
    return RULES[table] + REFERENCES.get(table, ())


def number(table: Table) -> str:
    """SQL expression: the number of the first rule that a row breaks, null for a good row."""
    cases = " ".join(f"WHEN {rule.bad} THEN {index}" for index, rule in enumerate(rules(table)))
    return f"CASE {cases} END"


def explanation(table: Table, column: str) -> str:
    """SQL expression: the reason, given a column with the rule's number."""
    cases = " ".join(f"WHEN {i} THEN {rule.reason}" for i, rule in enumerate(rules(table)))
    return f"CASE {column} {cases} END"


def remedy(table: Table, column: str) -> str:
    """SQL expression: the fix, given a column with the rule's number."""
    cases = " ".join(f"WHEN {i} THEN {quote(rule.fix)}" for i, rule in enumerate(rules(table)))
    return f"CASE {column} {cases} END"
