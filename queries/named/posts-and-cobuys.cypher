// name: posts-and-cobuys
// title: Which intentions do people both post about and buy for?
// description: Intentions with at least one post and one pair: where social and shopping behaviour meet.
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: posts — number of posts with it
// returns: cobuys — number of pairs with it
// returns: intention_id — the intention
MATCH (p:Post)-[]->(i:Intention)
WITH i, count(DISTINCT p) AS posts
MATCH (c:CoBuy)-[]->(i)
WITH i, posts, count(DISTINCT c) AS cobuys
RETURN i.text AS intention, posts, cobuys, i.id AS intention_id
ORDER BY posts + cobuys DESC, intention, intention_id
LIMIT $limit
