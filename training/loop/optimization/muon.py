"""The Muon optimizer: orthogonal steps for the kernels of networks."""

import math
from collections.abc import Iterable

import tensorflow as tf

from tfp_cinc.networks import Conv2D, Dense
from tfp_cinc.networks.precision import resolve_network_dtype

from .adamw import AdamW

__all__ = ['Muon', 'network_kernels']

_MOMENTUM = 0.95
# Coefficients of x -> a x + b x^3 + c x^5. Iterated this often, it maps (0, 1]
# to values near 1. Only rough accuracy is needed, which allows a steep slope at
# 0 and thus few iterations.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


class Muon(AdamW):
  """Orthogonal steps for some kernels, and Adam for all other weights.

  The step of a kernel [k, k, C_in, C_out], as a matrix of k * k * C_in rows, or
  of a kernel [C_in, C_out] is

  ```
  -rate * 0.2 * sqrt(max(rows, columns)) * U V^T,  U S V^T = g + 0.95 m
  ```

  where g is the gradient and m <- 0.95 m + g its momentum. The step has the
  same size in all directions, while Adam mostly follows the few directions in
  which the gradient is large. The factor makes steps about as large as those of
  Adam with the same learning rate. U V^T is approximated with only matrix
  products: its singular values are between 0.7 and 1.2 instead of 1, and
  smaller if S is less than 1/200 of its norm. The weights decay as in `AdamW`.

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
    beta_2: float = 0.999,
    weight_decay: float = 0.0,
    name: str = 'Muon',
  ):
    """Creates the optimizer.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      kernels: Kernels with orthogonal steps, [k, k, C_in, C_out] or [C_in,
        C_out] each. Adam trains all other Variables.
      beta_2: See `AdamW`.
      weight_decay: See `AdamW`.
      name: Name of the optimizer.
    """
    super().__init__(learning_rate, beta_2, weight_decay, name=name)
    self._kernels = {kernel.ref() for kernel in kernels}

  def _create_slots(self, var_list):
    for variable in var_list:
      self.add_slot(variable, 'm')
    for variable in var_list:
      if variable.ref() not in self._kernels:
        self.add_slot(variable, 'v')

  def _transform_gradients(self, grads_and_vars):
    """Replaces the gradients of the kernels by their orthogonal matrices."""
    kernels, matrices = [], []
    for gradient, variable in grads_and_vars:
      if variable.ref() in self._kernels:
        momentum = self.get_slot(variable, 'm')
        sum_ = momentum.assign(_MOMENTUM * momentum + gradient)
        matrix = gradient + _MOMENTUM * sum_
        kernels.append(variable.ref())
        matrices.append(tf.reshape(matrix, [-1, variable.shape[-1]]))
    found = dict(zip(kernels, _orthogonal(matrices), strict=True))
    return [(found.get(v.ref(), gradient), v) for gradient, v in grads_and_vars]

  def _resource_apply_dense(self, grad, var, apply_state=None):
    if var.ref() not in self._kernels:
      return super()._resource_apply_dense(grad, var, apply_state)
    self._decay(var, apply_state)
    rate = apply_state[(var.device, var.dtype.base_dtype)]['lr_t']
    factor = 0.2 * math.sqrt(max(grad.shape))
    return var.assign_sub(tf.reshape(rate * factor * grad, var.shape))


def network_kernels(module: tf.Module) -> list[tf.Variable]:
  """Returns the kernels of all networks of a module.

  These are the kernels of their convolutions, and of the linear layers of their
  transformers, including the first and the last layer. The kernels of
  invertible convolutions are not included, because they are parametrized in
  parts or must stay invertible.

  Args:
    module: Module, such as a flow.

  Returns:
    A list of Variables [k, k, C_in, C_out] or [C_in, C_out].
  """
  layers = (Conv2D, Dense)
  return [x.kernel for x in module.submodules if isinstance(x, layers)]


def _orthogonal(matrices):
  """Approximates U V^T of the singular value decompositions U S V^T.

  Matrices of the same shape are processed together, which is faster than one by
  one. The products are computed in bfloat16 if the processor multiplies it.

  Args:
    matrices: List of `Tensor`s [rows, columns].

  Returns:
    List of `Tensor`s of the same shapes and dtypes.
  """
  by_shape = {}
  for i, matrix in enumerate(matrices):
    by_shape.setdefault(tuple(matrix.shape), []).append(i)
  found = {}
  for (rows, columns), places in by_shape.items():
    x = tf.stack([matrices[i] for i in places])
    dtype = x.dtype
    x /= tf.norm(x, axis=[-2, -1], keepdims=True) + 1e-7
    x = tf.cast(x, resolve_network_dtype(dtype, 'auto'))
    if rows > columns:
      x = tf.linalg.matrix_transpose(x)
    a, b, c = (
      coefficient * tf.eye(min(rows, columns), dtype=x.dtype)
      for coefficient in _COEFFICIENTS
    )
    for _ in range(_ITERATIONS):
      square = tf.matmul(x, x, transpose_b=True)
      x = tf.matmul(a + tf.matmul(square, b + c[0, 0] * square), x)
    if rows > columns:
      x = tf.linalg.matrix_transpose(x)
    found.update(zip(places, tf.unstack(tf.cast(x, dtype)), strict=True))
  return [found[i] for i in range(len(matrices))]
