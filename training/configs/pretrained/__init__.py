"""Configurations of the trained flows that come with the package."""
