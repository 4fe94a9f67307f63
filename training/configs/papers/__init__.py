"""Configurations of the experiments of the papers."""
