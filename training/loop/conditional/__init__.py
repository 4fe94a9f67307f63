"""Conditional flows: densities, classification and samples."""
