// name: posts-and-cobuys
// title: Which intentions do people both post about and buy for?
// description: Intentions with at least one post and one pair: where social and shopping behaviour meet.
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: posts — number of posts with it
// returns: cobuys — number of pairs with it
// returns: intention_id — the intention
MATCH (h)-[]->(i:Intention)
WITH i, count(DISTINCT CASE WHEN h:Post THEN h.id END) AS posts,
     count(DISTINCT CASE WHEN h:CoBuy THEN h.id END) AS cobuys
WHERE posts > 0 AND cobuys > 0
RETURN i.text AS intention, posts, cobuys, i.id AS intention_id
ORDER BY posts + cobuys DESC, intention, intention_id
LIMIT $limit
