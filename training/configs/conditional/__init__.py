"""Configurations of conditional flows, one per file."""
