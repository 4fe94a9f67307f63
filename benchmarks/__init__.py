"""Measurements side by side: each prints a table of ratios within one run."""
