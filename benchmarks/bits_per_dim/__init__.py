"""Compares the bits/dim of flows on real images under one protocol.

  python -m benchmarks.bits_per_dim [--compare NAME] [--help]

A comparison (`comparisons.py`) is a list of models and a protocol, by which all
models train for the same time or the same number of steps. A time is converted
into steps by the step time of each model. Step times are measured first, and
nothing else may run then (`--rates` measures only them). Every job has its own
process and writes one JSON record. After an interruption the same command runs
what is missing. `--report` writes docs/results.md from the records.
"""
