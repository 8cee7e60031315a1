// name: similar-posts
// title: Which posts have the same intentions as this post?
// description: Other posts by the number of intentions they share with it.
// param: post post — the post's id, source:external
// param: limit integer default=20 — rows at most
// returns: post — the other post's id
// returns: text — its text
// returns: shared — number of intentions shared
// returns: example — one of them (the first by alphabet)
MATCH (p:Post {id: $post})-[r]->(i:Intention)<-[s]-(q:Post)
WHERE q.id <> $post
RETURN q.id AS post, q.text AS text, count(DISTINCT i) AS shared, min(i.text) AS example
ORDER BY shared DESC, post
LIMIT $limit
