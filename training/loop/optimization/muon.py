"""The Muon optimizer: orthogonal steps for the kernels of networks."""

import math
from collections.abc import Iterable

import tensorflow as tf
import tf_keras

from tfp_cinc.networks import Conv2D

__all__ = ['Muon', 'network_kernels']

_MOMENTUM = 0.95
# Coefficients of x -> a x + b x^3 + c x^5. Iterated this often, it maps (0, 1]
# to values near 1. Only rough accuracy is needed, which allows a steep slope at
# 0 and thus few iterations.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(tf_keras.optimizers.legacy.Adam):
  """Orthogonal steps for some kernels, and Adam for all other weights.

  The step of a kernel [k, k, C_in, C_out], as a matrix of k * k * C_in rows, is

  ```
  -rate * 0.2 * sqrt(max(rows, columns)) * U V^T,  U S V^T = g + 0.95 m
  ```

  where g is the gradient and m <- 0.95 m + g its momentum. The step has the
  same size in all directions, while Adam mostly follows the few directions in
  which the gradient is large. The factor makes steps about as large as those of
  Adam with the same learning rate. U V^T is approximated with only matrix
  products: its singular values are between 0.7 and 1.2 instead of 1, and
  smaller if S is less than 1/200 of its norm.

  Cost: 15 matrix products per kernel and step.

  #### References

  Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks.
  The factor is from Liu et al. 2025, Muon is scalable for LLM training, section
  2.2.
  """

  def __init__(
    self,
    learning_rate,
    kernels: Iterable[tf.Variable],
    name: str = 'Muon',
  ):
    """Creates the optimizer.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      kernels: Kernels with orthogonal steps, [k, k, C_in, C_out] each. Adam
        trains all other Variables.
      name: Name of the optimizer.
    """
    super().__init__(learning_rate, name=name)
    self._kernels = {kernel.ref() for kernel in kernels}

  def _create_slots(self, var_list):
    for variable in var_list:
      self.add_slot(variable, 'm')
    for variable in var_list:
      if variable.ref() not in self._kernels:
        self.add_slot(variable, 'v')

  def _resource_apply_dense(self, grad, var, apply_state=None):
    if var.ref() not in self._kernels:
      return super()._resource_apply_dense(grad, var, apply_state)
    rate = apply_state[(var.device, var.dtype.base_dtype)]['lr_t']
    momentum = self.get_slot(var, 'm')
    sum_ = momentum.assign(_MOMENTUM * momentum + grad)
    matrix = tf.reshape(grad + _MOMENTUM * sum_, [-1, var.shape[-1]])
    factor = 0.2 * math.sqrt(max(matrix.shape))
    step = rate * factor * _orthogonal(matrix)
    return var.assign_sub(tf.reshape(step, var.shape))


def network_kernels(module: tf.Module) -> list[tf.Variable]:
  """Returns the kernels of all convolutions of the networks of a module.

  The kernels of invertible convolutions are not included, because they are
  parametrized in parts or must stay invertible.

  Args:
    module: Module, such as a flow.

  Returns:
    A list of Variables [k, k, C_in, C_out].
  """
  found = [part for part in module.submodules if isinstance(part, Conv2D)]
  return [conv.kernel for conv in found]


def _orthogonal(matrix):
  """Approximates U V^T of the singular value decomposition U S V^T."""
  rows, columns = matrix.shape
  x = matrix / (tf.norm(matrix) + 1e-7)
  if rows > columns:
    x = tf.transpose(x)
  a, b, c = _COEFFICIENTS
  for _ in range(_ITERATIONS):
    square = tf.matmul(x, x, transpose_b=True)
    x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
  return tf.transpose(x) if rows > columns else x
