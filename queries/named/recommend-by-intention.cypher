// name: recommend-by-intention
// title: Which products could be offered with this one?
// description: Products never bought with this one that are bought for an intention which it is bought for. A candidate list for a recommender: what co-buy counts alone cannot see.
// param: product product — the product's id
// param: rejected boolean default=false — also follow what the filter rejected
// param: limit integer default=20 — rows at most
// returns: product — the candidate's id
// returns: title — its title, or null
// returns: shared — number of intentions shared
// returns: example — one of them (the first by alphabet)
MATCH (p:Product {id: $product})
CALL {
  WITH p
  MATCH (p)-[:CO_BUY]-(o:Product)
  RETURN collect(o.id) AS bought
}
MATCH (p)<-[:OF]-(c:CoBuy)-[r]->(i:Intention)<-[s]-(d:CoBuy)-[:OF]->(q:Product)
WHERE q.id <> $product AND NOT q.id IN bought
  AND ($rejected OR (coalesce(r.accepted, true) AND coalesce(s.accepted, true)))
RETURN q.id AS product, q.title AS title, count(DISTINCT i) AS shared, min(i.text) AS example
ORDER BY shared DESC, product
LIMIT $limit
