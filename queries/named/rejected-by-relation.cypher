// name: rejected-by-relation
// title: Which relations does the filter reject most?
// description: Judged edges by relation and type of head. The reasons lie in the evidence.
// param: model string default=null — only edges that this model wrote
// param: limit integer default=100 — rows at most
// returns: head — Post, CoBuy or Product
// returns: relation — the relation
// returns: rejected — number of edges rejected
// returns: judged — number of edges judged
// returns: share — rejected / judged
MATCH (h)-[r]->(:Intention)
WHERE r.accepted IS NOT NULL AND ($model IS NULL OR $model IN r.models)
WITH labels(h)[0] AS head, type(r) AS relation, count(r) AS judged,
     sum(CASE WHEN r.accepted THEN 0 ELSE 1 END) AS rejected
RETURN head, relation, rejected, judged, toFloat(rejected) / judged AS share
ORDER BY rejected DESC, head, relation
LIMIT $limit
