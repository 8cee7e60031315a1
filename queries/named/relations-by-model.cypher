// name: relations-by-model
// title: How many intentions has each model written, by relation?
// description: Edges by model, type of head and relation. An edge that two models wrote counts for both.
// param: limit integer default=500 — rows at most
// returns: model — who wrote them
// returns: head — Post, CoBuy or Product
// returns: relation — the relation
// returns: edges — number of edges
MATCH (h)-[r]->(:Intention)
UNWIND r.models AS model
RETURN model, labels(h)[0] AS head, type(r) AS relation, count(r) AS edges
ORDER BY model, head, edges DESC, relation
LIMIT $limit
