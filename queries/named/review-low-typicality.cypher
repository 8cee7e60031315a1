// name: review-low-typicality
// title: Which accepted intentions look least typical?
// description: Intentions that the filter accepted although their typicality is low: where a person should look first.
// param: below number default=0.5 — typicality under which an edge is listed
// param: head head default=null — only from this type of head: Post, CoBuy or Product
// param: limit integer default=50 — rows at most
// returns: head — Post, CoBuy or Product
// returns: head_id — the node it starts from
// returns: relation — how the intention relates to it
// returns: intention — its text
// returns: typicality — best over the evidence, in [0, 1]
// returns: plausibility — best over the evidence, in [0, 1], or null
// returns: assertion_id — the edge, for its evidence
MATCH (h)-[r]->(i:Intention)
WHERE r.accepted AND r.typicality < $below AND ($head IS NULL OR labels(h)[0] = $head)
RETURN labels(h)[0] AS head, h.id AS head_id, type(r) AS relation, i.text AS intention,
       r.typicality AS typicality, r.plausibility AS plausibility, r.id AS assertion_id
ORDER BY typicality, assertion_id
LIMIT $limit
