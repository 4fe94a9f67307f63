"""A check that a matrix is invertible."""

import numpy as np

__all__ = ['check_regular']


def check_regular(matrix) -> np.ndarray:
  """Checks that a concrete matrix is invertible, and returns it as an array.

  Args:
    matrix: Array [C, C].

  Returns:
    Array [C, C] of float32 or float64.

  Raises:
    ValueError: If the matrix is not square, not finite, or singular to the
      precision of its dtype. It counts as singular if its smallest singular
      value is at most C machine epsilons times its largest one.
  """
  matrix = np.asarray(matrix)
  if matrix.dtype not in (np.float32, np.float64):
    matrix = matrix.astype(np.float32)
  if matrix.ndim != 2 or len({*matrix.shape} | {0}) != 2:
    raise ValueError(
      f'the matrix has shape {matrix.shape}; it must be [C, C], C >= 1.'
    )
  if not np.all(np.isfinite(matrix)):
    raise ValueError('the matrix has entries that are not finite.')
  values = np.linalg.svd(matrix, compute_uv=False)
  if values[-1] <= np.finfo(matrix.dtype).eps * len(matrix) * values[0]:
    raise ValueError(
      'the matrix is singular: its singular values range from '
      f'{values[0]:.3g} down to {values[-1]:.3g}.'
    )
  return matrix
