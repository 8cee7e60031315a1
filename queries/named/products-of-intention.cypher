// name: products-of-intention
// title: Which products are bought for an intention?
// description: Products in a pair with the intention, and products that have it themselves, by the number of such edges.
// param: intention intention — the intention's id, or its text
// param: rejected boolean default=false — also follow what the filter rejected
// param: limit integer default=50 — rows at most
// returns: product — the product's id
// returns: title — its title, or null
// returns: edges — number of edges from it, or from its pairs, to the intention
// returns: best_typicality — the highest typicality among them, or null
MATCH (:Intention {id: $intention})<-[r]-(h)-[:OF*0..1]->(p:Product)
WHERE $rejected OR coalesce(r.accepted, true)
RETURN p.id AS product, p.title AS title, count(r) AS edges, max(r.typicality) AS best_typicality
ORDER BY edges DESC, product
LIMIT $limit
