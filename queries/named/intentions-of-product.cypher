// name: intentions-of-product
// title: What is this product bought for?
// description: Intentions of the product from any head: of its pairs, and its own where a source states them for one product, as BundleRec does for the members of a bundle.
// param: product product — the product's id
// param: head head default=null — only from this type of head: CoBuy or Product
// param: rejected boolean default=false — also show what the filter rejected
// param: limit integer default=50 — rows at most
// returns: intention — its text
// returns: head — CoBuy or Product
// returns: relations — number of different relations
// returns: heads — number of pairs (or 1 for the product itself)
// returns: best_typicality — the highest typicality among them, or null
// returns: intention_id — the intention
MATCH (:Product {id: $product})<-[:OF*0..1]-(h)-[r]->(i:Intention)
WHERE ($head IS NULL OR labels(h)[0] = $head) AND ($rejected OR coalesce(r.accepted, true))
RETURN i.text AS intention, labels(h)[0] AS head, count(DISTINCT type(r)) AS relations,
       count(DISTINCT h) AS heads, max(r.typicality) AS best_typicality, i.id AS intention_id
ORDER BY heads DESC, relations DESC, intention, intention_id, head
LIMIT $limit
