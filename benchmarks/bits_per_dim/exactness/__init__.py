"""Measures how exact the bits/dim of a trained run are."""
