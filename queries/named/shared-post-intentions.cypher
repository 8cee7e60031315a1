// name: shared-post-intentions
// title: Which intentions do two posts share?
// description: Intentions that both posts lead to, whatever the relation on either side.
// param: a post — one post's id, source:external
// param: b post — the other post's id
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: relation_a — its relation to the first post
// returns: relation_b — its relation to the second post
// returns: intention_id — the intention
MATCH (:Post {id: $a})-[r]->(i:Intention)<-[s]-(:Post {id: $b})
RETURN i.text AS intention, type(r) AS relation_a, type(s) AS relation_b, i.id AS intention_id
ORDER BY intention, intention_id, relation_a, relation_b
LIMIT $limit
