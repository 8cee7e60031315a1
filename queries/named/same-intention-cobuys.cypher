// name: same-intention-cobuys
// title: What else is bought for the same intention?
// description: Pairs without this product that share an intention with one of its pairs, by the number of intentions shared.
// param: product product — the product's id
// param: rejected boolean default=false — also follow what the filter rejected
// param: limit integer default=20 — rows at most
// returns: a — the pair's first product
// returns: b — the pair's second product
// returns: support — how often the pair was bought
// returns: shared — number of intentions shared
// returns: example — one of them (the first by alphabet)
MATCH (p:Product {id: $product})<-[:OF]-(c:CoBuy)-[r]->(i:Intention)<-[s]-(d:CoBuy)
WHERE d.a <> $product AND d.b <> $product
  AND ($rejected OR (coalesce(r.accepted, true) AND coalesce(s.accepted, true)))
RETURN d.a AS a, d.b AS b, d.support AS support, count(DISTINCT i) AS shared,
       min(i.text) AS example
ORDER BY shared DESC, support DESC, a, b
LIMIT $limit
