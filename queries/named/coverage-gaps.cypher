// name: coverage-gaps
// title: Which products have many co-buys but no intention?
// description: Where generation would tell most: products none of whose pairs leads to an intention.
// param: min_cobuys integer default=2 — pairs at least
// param: limit integer default=50 — rows at most
// returns: product — the product's id
// returns: title — its title, or null
// returns: cobuys — number of its pairs
// returns: support — how often they were bought, all pairs together
MATCH (p:Product)<-[:OF]-(c:CoBuy)
WITH p, count(c) AS cobuys, sum(c.support) AS support
WHERE cobuys >= $min_cobuys
  AND NOT EXISTS { MATCH (p)<-[:OF]-(d:CoBuy)-[]->(:Intention) }
RETURN p.id AS product, p.title AS title, cobuys, support
ORDER BY cobuys DESC, support DESC, product
LIMIT $limit
