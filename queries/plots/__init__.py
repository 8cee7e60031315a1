"""Pictures of what the analyses find; one file per kind of picture."""
