"""Importers of intentions that somebody else has generated, one file for each format."""
