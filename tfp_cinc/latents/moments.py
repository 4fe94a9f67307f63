"""Means and covariances of two variables, computed from batches."""

import numpy as np

__all__ = ['Moments']


class Moments:
  """The means and covariances of attributes a and latents z, batch by batch.

  The sums of a batch are taken around its own means, in float64, and then
  merged with those of all previous batches. This avoids subtracting a squared
  mean from a mean square, which would lose precision.

  #### References

  Chan, Golub and LeVeque 1983, Algorithms for Computing the Sample Variance,
  equation 1.5.

  Attributes:
    count: Number N of examples so far.
    mean_a: Mean of the attributes, float64 [A].
    mean_z: Mean of the latents, float64 [D].
  """

  def __init__(self):
    self.count = 0
    self.mean_a = self.mean_z = None
    self._sum_zz = self._sum_az = None

  @property
  def variance_z(self) -> np.ndarray:
    """Variance of each latent, float64 [D]."""
    return self._sum_zz / self.count

  @property
  def covariance(self) -> np.ndarray:
    """Covariance of each attribute and each latent, float64 [A, D]."""
    return self._sum_az / self.count

  def add(self, a: np.ndarray, z: np.ndarray) -> None:
    """Adds a batch.

    Args:
      a: Attributes, float64 [n, A].
      z: Latents, floating [n, D].

    Raises:
      ValueError: If A or D differs from that of the previous batches.
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
        f'latents; the previous batches have {self._sum_az.shape[0]} and '
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
