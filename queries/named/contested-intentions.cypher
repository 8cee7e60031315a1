// name: contested-intentions
// title: Which intentions does the filter accept for one head and reject for another?
// description: Intentions with both verdicts, the most evenly judged first: what depends on the pair or post, not on the intention.
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: accepted — number of edges accepted
// returns: rejected — number of edges rejected
// returns: intention_id — the intention
MATCH ()-[r]->(i:Intention)
WHERE r.accepted IS NOT NULL
WITH i, sum(CASE WHEN r.accepted THEN 1 ELSE 0 END) AS accepted,
     sum(CASE WHEN r.accepted THEN 0 ELSE 1 END) AS rejected
WHERE accepted > 0 AND rejected > 0
WITH i, accepted, rejected,
     CASE WHEN accepted < rejected THEN accepted ELSE rejected END AS fewer
RETURN i.text AS intention, accepted, rejected, i.id AS intention_id
ORDER BY fewer DESC, accepted + rejected DESC, intention, intention_id
LIMIT $limit
