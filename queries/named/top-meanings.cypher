// name: top-meanings
// title: Which groups of intentions that mean the same are most frequent?
// description: Groups by the number of posts, pairs and products with any of their members; needs intentkg analyse KB duplicates --merge.
// param: rejected boolean default=false — also count what the filter rejected
// param: limit integer default=50 — rows at most
// returns: intention — the text that stands for the group
// returns: members — number of intentions in the group
// returns: heads — number of posts, pairs and products with any of them
// returns: best_typicality — the highest typicality among the edges, or null
// returns: intention_id — the intention that stands for the group
MATCH (h)-[r]->(:Intention)-[:SAME_AS]->(c:CanonicalIntention)
WHERE $rejected OR coalesce(r.accepted, true)
RETURN c.text AS intention, c.members AS members, count(DISTINCT h) AS heads,
       max(r.typicality) AS best_typicality, c.id AS intention_id
ORDER BY heads DESC, intention, intention_id
LIMIT $limit
