"""Builds Horovod, whose published sources need a change, and checks it."""
