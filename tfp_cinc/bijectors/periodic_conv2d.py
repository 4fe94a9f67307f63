"""The periodic convolution."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_bias, check_sizes
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.math import periodic_conv

__all__ = ['PeriodicConv2D', 'trainable_periodic_conv2d']


class PeriodicConv2D(ConstantJacobianBijector):
  """A k x k convolution with circular padding.

  ```
  forward(x) = periodic_conv2d(x, kernel) + bias
  inverse(y) = periodic_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = sum_{u, v} log|det M[u, v]|
  ```

  M[u, v] is the C x C matrix of the kernel's Fourier transform at each of the
  H * W frequencies of an [H, W] image. `x` is [..., H, W, C] with static H and
  W. Forward costs H * W * k^2 * C^2. The inverse is exact and uses the FFT. The
  inverse and the log-det also cost H * W * C^3, for any number of images.

  Unlike in `CInCConv2D`, all k^2 C^2 entries of the kernel are free. Some
  kernels, such as a blur, are singular at a frequency, and training may reach
  them. `validate_args` detects them. XLA can compile only `forward`, because it
  has no LU factorization of complex matrices.

  #### Example

  >>> layer = trainable_periodic_conv2d(channels=4, kernel_size=3, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for
  Generative Normalizing Flows](https://arxiv.org/abs/1901.11137), section
  "Invertible Periodic Convolutions".
  """

  def __init__(
    self,
    kernel: TensorLike,
    bias: TensorLike | None = None,
    *,
    solve_matrices: tf.Tensor | None = None,
    validate_args: bool = False,
    name: str = 'periodic_conv2d',
  ):
    """Creates the layer.

    Args:
      kernel: Floating `Tensor` or `Variable` [k, k, C, C]: rows, columns, input
        and output channels. The tap `kernel[(k-1) // 2, (k-1) // 2]` multiplies
        the pixel itself.
      bias: Floating `Tensor` or `Variable` [C], or None.
      solve_matrices: Precomputed matrices of the solve for one image size, as
        set by `tfp_cinc.freeze`. None computes them at each call.
      validate_args: Whether to check that inputs are finite and that the kernel
        is not singular at any frequency of the images, to the precision of its
        dtype. The smallest singular value of all M[u, v] must be more than
        k^2 * C machine epsilons times the largest one. The check computes the
        singular values at each call.
      name: Name of the layer.

    Raises:
      ValueError: If a shape does not match those above.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      dtype = tfp_compat.common_dtype([kernel, bias], dtype_hint=tf.float32)
      convert = tfp_compat.convert_nonref_to_tensor
      self._kernel = convert(kernel, dtype=dtype, name='kernel')
      self._bias = convert(bias, dtype=dtype, name='bias')
      self._solve_matrices = convert(solve_matrices)
      periodic_conv.check_periodic_kernel(self._kernel)
      check_bias(self._bias, self._kernel.shape[-1])
      super().__init__(
        forward_min_event_ndims=3,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'kernel': tfp_compat.ParameterProperties(event_ndims=4),
      'bias': tfp_compat.ParameterProperties(event_ndims=1),
    }

  @property
  def kernel(self) -> tf.Tensor:
    """The kernel, [k, k, C, C]."""
    return self._kernel

  @property
  def bias(self) -> tf.Tensor | None:
    """The bias of each channel, [C], or None."""
    return self._bias

  def _forward(self, x):
    y = periodic_conv.periodic_conv2d(x, self._regular_kernel(x))
    return y if self.bias is None else y + self.bias

  def freeze(self, event_shape: Sequence[int]) -> 'PeriodicConv2D':
    """Freezes the layer and precomputes the matrices of the solve."""
    kernel = tf.convert_to_tensor(self._kernel)
    height, width = event_shape[-3:-1]
    constants = {
      'kernel': kernel,
      'bias': None if self._bias is None else tf.convert_to_tensor(self._bias),
    }
    if None not in (height, width):
      constants['solve_matrices'] = (
        periodic_conv.periodic_conv2d_solve_matrices(kernel, (height, width))
      )
    return self.copy(**constants)

  def _inverse(self, y):
    return periodic_conv.periodic_conv2d_solve(
      y if self.bias is None else y - self.bias,
      self._regular_kernel(y),
      self._solve_matrices,
    )

  def _forward_log_det_jacobian(self, x):
    return periodic_conv.periodic_log_abs_det(
      self._regular_kernel(x), x.shape[-3:-1]
    )

  def _regular_kernel(self, images):
    """Returns the kernel, after checking its spectrum if `validate_args`."""
    periodic_conv.check_shapes(images, self.kernel)
    if not self.validate_args:
      return self.kernel
    size = images.shape[-3:-1]
    ratio, frequency = periodic_conv.periodic_reciprocal_condition(
      self.kernel, size
    )
    terms = int(np.prod(self.kernel.shape[:3]))
    limit = terms * np.finfo(self.dtype.as_numpy_dtype).eps
    message = tf.strings.format(
      f'{self.name}: the kernel is singular at frequency (u, v) = {{}} of '
      f'images of size {tuple(size)}: the ratio of the smallest to the largest '
      f'singular value is {{}}; it must be more than {limit:.3g}.',
      [frequency, ratio],
    )
    regular = tf.debugging.Assert(ratio > limit, [message])
    with tf.control_dependencies([] if regular is None else [regular]):
      return tf.identity(self.kernel)


def trainable_periodic_conv2d(
  channels: int,
  kernel_size: int = 3,
  *,
  use_bias: bool = False,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'periodic_conv2d',
) -> PeriodicConv2D:
  """Returns a trainable `PeriodicConv2D`, initialized close to the identity.

  Args:
    channels: Number of channels, C.
    kernel_size: Rows and columns of the kernel, k, at least 1.
    use_bias: Whether the layer has a bias.
    seed: Seed of the initial kernel. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `PeriodicConv2D` with k^2 C^2 parameters, plus C with a bias.

  Raises:
    ValueError: If `channels` or `kernel_size` is less than 1.
  """
  check_sizes(channels=channels, kernel_size=kernel_size)
  rng = np.random.default_rng(seed)
  kernel = rng.normal(size=[kernel_size, kernel_size, channels, channels])
  # Small entries keep the matrix of every frequency close to the identity.
  kernel *= 0.05 / (kernel_size * np.sqrt(channels))
  centre = (kernel_size - 1) // 2
  kernel[centre, centre] += np.eye(channels)
  with tf.name_scope(name):
    return PeriodicConv2D(
      tf.Variable(tf.cast(kernel, dtype), name='kernel'),
      tf.Variable(tf.zeros([channels], dtype), name='bias')
      if use_bias
      else None,
      name=name,
    )
