"""Configurations of flows that are trained once, to be loaded by name."""
