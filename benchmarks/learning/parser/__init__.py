"""Train the parser that finds noun phrases, on UD English EWT, with spaCy's own commands."""
