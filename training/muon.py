"""Muon: steps that are orthogonal matrices, for the kernels of networks."""

import math
from collections.abc import Iterable

import tensorflow as tf
import tf_keras

from tfp_cinc.networks import Conv2D

__all__ = ['Muon', 'network_kernels']

_MOMENTUM = 0.95
# Of x -> a x + b x^3 + c x^5, which takes all of (0, 1] to about 1 when it is
# applied so often: the less the last digits matter, the steeper it is at 0.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(tf_keras.optimizers.legacy.Adam):
  """Steps that are orthogonal matrices for some kernels, Adam for all else.

  A kernel [k, k, C_in, C_out], as a matrix of k * k * C_in rows, moves by

  ```
  -rate * 0.2 * sqrt(max(rows, columns)) * U V^T,  U S V^T = g + 0.95 m
  ```

  where g is the gradient and m <- 0.95 m + g its momentum: in all directions
  alike, where Adam goes along the few that the gradient is large in. The factor
  makes steps about as large as Adam's of the same rate. U V^T is computed by
  products of matrices alone, and roughly: in place of ones it has singular
  values between 0.7 and 1.2, and less where S is less than 1/200 of its norm.

  Jordan et al. 2024 (Muon: an optimizer for hidden layers in neural networks);
  the factor is of Liu et al. 2025 (Muon is scalable for LLM training), section
  2.2.

  Cost: five times three products of matrices for a kernel and step.
  """

  def __init__(
    self,
    learning_rate,
    kernels: Iterable[tf.Variable],
    name: str = 'Muon',
  ):
    """Creates the optimizer.

    Args:
      learning_rate: a number or a `LearningRateSchedule`.
      kernels: what it does not leave to Adam, [k, k, C_in, C_out] each.
      name: name of the optimizer.
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
  """The kernels of all convolutions of a module's networks.

  Those of invertible convolutions are not among them: they are held in parts,
  or must stay away from singular ones.

  Args:
    module: a flow, say.

  Returns:
    A list of Variables [k, k, C_in, C_out].
  """
  found = [part for part in module.submodules if isinstance(part, Conv2D)]
  return [conv.kernel for conv in found]


def _orthogonal(matrix):
  """About U V^T, of the singular value decomposition U S V^T of a matrix."""
  rows, columns = matrix.shape
  x = matrix / (tf.norm(matrix) + 1e-7)
  if rows > columns:
    x = tf.transpose(x)
  a, b, c = _COEFFICIENTS
  for _ in range(_ITERATIONS):
    square = tf.matmul(x, x, transpose_b=True)
    x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
  return tf.transpose(x) if rows > columns else x
