"""The folder of a run: configuration, lock, status, checkpoints, pictures."""
