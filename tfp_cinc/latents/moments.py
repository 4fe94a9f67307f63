"""Moments of two variables, from batches."""

import numpy as np

__all__ = ['Moments']


class Moments:
  """The means and covariances of attributes a and latents z, batch by batch.

  The sums of a batch are taken around its own means and then merged with those
  of all batches before (Chan, Golub and LeVeque 1983, eq. 1.5), in float64: the
  square of a mean is never subtracted from a mean square.

  Attributes:
    count: N, how many have been added.
    mean_a: float64 [A].
    mean_z: float64 [D].
  """

  def __init__(self):
    self.count = 0
    self.mean_a = self.mean_z = None
    self._sum_zz = self._sum_az = None

  @property
  def variance_z(self) -> np.ndarray:
    """The variance of each latent, float64 [D]."""
    return self._sum_zz / self.count

  @property
  def covariance(self) -> np.ndarray:
    """The covariance of each attribute and latent, float64 [A, D]."""
    return self._sum_az / self.count

  def add(self, a: np.ndarray, z: np.ndarray) -> None:
    """Adds a batch.

    Args:
      a: float64 [n, A].
      z: floating [n, D].

    Raises:
      ValueError: if A or D are not those of the batches before.
    """
    if not len(a):
      return
    number = len(a)
    mean_a, mean_z = a.mean(0), z.mean(0, dtype=np.float64)
    z = z - mean_z
    sum_zz, sum_az = np.einsum('nd,nd->d', z, z), (a - mean_a).T @ z
    if not self.count:
      self.count, self.mean_a, self.mean_z = number, mean_a, mean_z
      self._sum_zz, self._sum_az = sum_zz, sum_az
      return
    if sum_az.shape != self._sum_az.shape:
      raise ValueError(
        f'a batch has {sum_az.shape[0]} attributes and {sum_az.shape[1]} '
        f'latents; the batches before have {self._sum_az.shape[0]} and '
        f'{self._sum_az.shape[1]}.'
      )
    total = self.count + number
    step_a, step_z = mean_a - self.mean_a, mean_z - self.mean_z
    weight = self.count * number / total
    self._sum_zz += sum_zz + weight * step_z**2
    self._sum_az += sum_az
    self._sum_az += weight * np.outer(step_a, step_z)
    self.mean_a = self.mean_a + step_a * (number / total)
    self.mean_z = self.mean_z + step_z * (number / total)
    self.count = total
