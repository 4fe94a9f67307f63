"""Writes docs/results.md from the records."""
