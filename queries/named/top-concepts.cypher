// name: top-concepts
// title: What do intentions speak of?
// description: Concepts by the number of intentions that mention them or something that is a kind of them; needs intentkg analyse KB hypernyms --write.
// param: limit integer default=50 — rows at most
// returns: concept — its name
// returns: intentions — number of intentions that mention it or a kind of it
// returns: mentioned — number of those that mention it itself
// returns: concept_id — the concept
MATCH (i:Intention)-[:MENTIONS]->(m:Concept)-[:HYPERNYM*0..1]->(c:Concept)
RETURN c.name AS concept, count(DISTINCT i) AS intentions,
       count(DISTINCT CASE WHEN m.id = c.id THEN i.id END) AS mentioned, c.id AS concept_id
ORDER BY intentions DESC, concept, concept_id
LIMIT $limit
