"""Bits/dim of flows side by side: one protocol, real images, all in turn.

  python -m benchmarks.bits_per_dim [--compare NAME] [--help]

A comparison (`comparisons.py`) is a list of models and a protocol: as many
seconds, or as many steps, for each. Every run has a process of its own and
leaves one JSON record; the same command goes on where it was cut off.
`--report` writes docs/results.md of the records.
"""
