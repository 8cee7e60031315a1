// name: top-cobuys
// title: What is most often bought with this product, and why?
// description: Its pairs by support, each with its best intention where it has one.
// param: product product — the product's id
// param: rejected boolean default=false — also count what the filter rejected
// param: limit integer default=20 — rows at most
// returns: product — the other product's id
// returns: title — its title, or null
// returns: support — how often the two were bought together
// returns: intentions — number of edges from the pair to an intention
// returns: relation — relation of the best one, or null
// returns: intention — text of the best one, or null
MATCH (:Product {id: $product})<-[:OF]-(c:CoBuy)-[:OF]->(q:Product)
CALL {
  WITH c
  MATCH (c)-[r]->(i:Intention)
  WHERE $rejected OR coalesce(r.accepted, true)
  WITH r, i
  ORDER BY coalesce(r.typicality, -1.0) DESC, coalesce(r.plausibility, -1.0) DESC, r.id
  RETURN collect(type(r)) AS relations, collect(i.text) AS texts
}
RETURN q.id AS product, q.title AS title, c.support AS support, size(texts) AS intentions,
       relations[0] AS relation, texts[0] AS intention
ORDER BY support DESC, product
LIMIT $limit
