"""What intentions speak of, and what that is a kind of: taxonomies, diversity, concepts."""
