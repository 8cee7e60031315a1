// name: models-agree
// title: On which pairs do two models agree?
// description: Pairs for which both models wrote the same intention with the same relation.
// param: model string — one model's name
// param: other string — the other model's name
// param: relation relation default=null — only this relation
// param: limit integer default=50 — rows at most
// returns: a — the pair's first product
// returns: b — the pair's second product
// returns: relation — how the intention relates to the pair
// returns: intention — its text
// returns: typicality — best over the evidence, in [0, 1], or null
// returns: models — everybody who wrote it
// returns: assertion_id — the edge, for its evidence
MATCH (c:CoBuy)-[r]->(i:Intention)
WHERE $model IN r.models AND $other IN r.models AND ($relation IS NULL OR type(r) = $relation)
RETURN c.a AS a, c.b AS b, type(r) AS relation, i.text AS intention,
       r.typicality AS typicality, r.models AS models, r.id AS assertion_id
ORDER BY coalesce(r.typicality, -1.0) DESC, assertion_id
LIMIT $limit
