// name: relations-by-source
// title: How many intentions has each source given, by relation?
// description: Edges by source, type of head and relation, with how many the filter judged. An edge that two sources gave counts for both.
// param: limit integer default=500 — rows at most
// returns: source — where they come from
// returns: head — Post, CoBuy or Product
// returns: relation — the relation
// returns: edges — number of edges
// returns: judged — how many of them have a verdict
MATCH (h)-[r]->(:Intention)
UNWIND r.sources AS source
RETURN source, labels(h)[0] AS head, type(r) AS relation, count(r) AS edges,
       count(r.accepted) AS judged
ORDER BY source, head, edges DESC, relation
LIMIT $limit
