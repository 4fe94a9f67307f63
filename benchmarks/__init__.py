"""Benchmarks: each one prints a table that compares flows within one run."""
