// name: why-bought-together
// title: Why are these two products bought together?
// description: Every intention of the pair, in either order of the two products, the most typical first.
// param: a product — one product's id
// param: b product — the other product's id
// param: rejected boolean default=false — also show what the filter rejected
// param: limit integer default=20 — rows at most
// returns: relation — how the intention relates to the pair
// returns: intention — its text
// returns: plausibility — best over the evidence, in [0, 1], or null
// returns: typicality — best over the evidence, in [0, 1], or null
// returns: accepted — the filter's verdict, or null
// returns: models — who wrote it
// returns: intention_id — the intention
// returns: assertion_id — the edge, for its evidence
MATCH (:Product {id: $a})<-[:OF]-(c:CoBuy)-[:OF]->(:Product {id: $b})
MATCH (c)-[r]->(i:Intention)
WHERE $rejected OR coalesce(r.accepted, true)
RETURN type(r) AS relation, i.text AS intention, r.plausibility AS plausibility,
       r.typicality AS typicality, r.accepted AS accepted, r.models AS models,
       i.id AS intention_id, r.id AS assertion_id
ORDER BY coalesce(r.typicality, -1.0) DESC, coalesce(r.plausibility, -1.0) DESC, assertion_id
LIMIT $limit
