"""Independent seeds from one seed."""

from collections.abc import Iterator

import numpy as np

__all__ = ['seed_stream', 'split_seed']


def split_seed(seed: int | None, count: int) -> list[int]:
  """Returns independent seeds for the parts of a model.

  Args:
    seed: Seed of the whole model. None draws new seeds at each call.
    count: Number of parts.

  Returns:
    A list of `count` integers.
  """
  return np.random.SeedSequence(seed).generate_state(count).tolist()


def seed_stream(seed: int | None) -> Iterator[int]:
  """Yields independent seeds for parts whose number is not known in advance.

  Args:
    seed: Seed of the whole model. None draws new seeds at each call.
  """
  generator = np.random.default_rng(seed)
  while True:
    yield int(generator.integers(2**31))
