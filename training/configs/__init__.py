"""Configurations, one per file: each defines `get_config()`."""
