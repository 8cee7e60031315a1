"""What a record, a relation and an identity are. No I/O, nothing heavy."""
