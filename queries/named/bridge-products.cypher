// name: bridge-products
// title: Which products link categories?
// description: Products by the number of categories, not their own, that the products bought with them belong to.
// param: min_categories integer default=2 — other categories at least
// param: limit integer default=50 — rows at most
// returns: product — the product's id
// returns: title — its title, or null
// returns: categories — number of other categories reached
// returns: partners — number of products in them that it is bought with
MATCH (p:Product)<-[:OF]-(:CoBuy)-[:OF]->(q:Product)
UNWIND q.categories AS category
WITH p, q, category
WHERE NOT category IN coalesce(p.categories, [])
WITH p, count(DISTINCT category) AS categories, count(DISTINCT q) AS partners
WHERE categories >= $min_categories
RETURN p.id AS product, p.title AS title, categories, partners
ORDER BY categories DESC, partners DESC, product
LIMIT $limit
