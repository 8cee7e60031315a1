// name: category-intentions
// title: What are the most frequent intentions of a category?
// description: Intentions of pairs with a product of the category, by the number of such pairs.
// param: category category — the category, as the products spell it
// param: rejected boolean default=false — also count what the filter rejected
// param: limit integer default=20 — rows at most
// returns: intention — its text
// returns: cobuys — number of pairs with it
// returns: best_typicality — the highest typicality among them, or null
// returns: intention_id — the intention
MATCH (p:Product)<-[:OF]-(c:CoBuy)-[r]->(i:Intention)
WHERE $category IN p.categories AND ($rejected OR coalesce(r.accepted, true))
RETURN i.text AS intention, count(DISTINCT c) AS cobuys, max(r.typicality) AS best_typicality,
       i.id AS intention_id
ORDER BY cobuys DESC, intention, intention_id
LIMIT $limit
