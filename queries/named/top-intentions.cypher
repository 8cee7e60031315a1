// name: top-intentions
// title: Which intentions are most frequent?
// description: Intentions by the number of posts, pairs and products with them; for one relation or one type of head if asked.
// param: relation relation default=null — only this relation
// param: head head default=null — only from this type of head: Post, CoBuy or Product
// param: rejected boolean default=false — also count what the filter rejected
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: heads — number of posts, pairs and products with it
// returns: best_typicality — the highest typicality among the edges, or null
// returns: intention_id — the intention
MATCH (h)-[r]->(i:Intention)
WHERE ($relation IS NULL OR type(r) = $relation) AND ($head IS NULL OR labels(h)[0] = $head)
  AND ($rejected OR coalesce(r.accepted, true))
RETURN i.text AS intention, count(DISTINCT h) AS heads, max(r.typicality) AS best_typicality,
       i.id AS intention_id
ORDER BY heads DESC, intention, intention_id
LIMIT $limit
