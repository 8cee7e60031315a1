// name: intentions-of-concept
// title: Which intentions speak of something?
// description: Intentions that mention the concept, or something that is a kind of it, by the number of posts, pairs and products with them; needs intentkg analyse KB hypernyms --write.
// param: concept concept — the concept's name, such as food
// param: rejected boolean default=false — also count what the filter rejected
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: mentions — the concepts through which it was found
// returns: heads — number of posts, pairs and products with it
// returns: intention_id — the intention
MATCH (c:Concept {id: $concept})<-[:HYPERNYM*0..1]-(m:Concept)<-[:MENTIONS]-(i:Intention)<-[r]-(h)
WHERE $rejected OR coalesce(r.accepted, true)
WITH i, m, h ORDER BY m.name
WITH i, collect(DISTINCT m.name) AS mentions, count(DISTINCT h) AS heads
RETURN i.text AS intention, mentions, heads, i.id AS intention_id
ORDER BY heads DESC, intention, intention_id
LIMIT $limit
