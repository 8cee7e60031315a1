"""Measured speed, memory and growth, each against a named peer."""
