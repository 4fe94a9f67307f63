"""The periodic convolution."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector
from tfp_cinc.internal import switches, tfp_compat
from tfp_cinc.internal.derived import derived
from tfp_cinc.internal.shapes import check_bias
from tfp_cinc.math import periodic_conv

__all__ = ['PeriodicConv2D', 'trainable_periodic_conv2d']


class PeriodicConv2D(ConstantJacobianBijector):
  """A k x k convolution with circular padding.

  ```
  forward(x) = periodic_conv2d(x, kernel) + bias
  inverse(y) = periodic_conv2d_solve(y - bias, kernel)
  forward_log_det_jacobian(x) = sum_{u, v} log|det M[u, v]|
  ```

  M[u, v] is the C x C matrix that the Fourier transform of the kernel has at
  each of the H * W frequencies of an [H, W] image. `x` is [..., H, W, C] with
  static H and W. Forward costs H * W * k^2 * C^2; the inverse is exact, by the
  FFT; it and the log-det also cost H * W * C^3, whatever the number of images.

  Unlike that of `CInCConv2D`, the kernel is free in all its k^2 C^2 entries.
  There are kernels that are singular at a frequency, such as a blur, and
  nothing keeps training away from them; `validate_args` finds them. XLA
  compiles `forward` alone: it has no LU factors of complex matrices.

  Emerging Convolutions (Hoogeboom, van den Berg and Welling 2019), section
  "Invertible Periodic Convolutions".

  #### Example

  >>> layer = trainable_periodic_conv2d(channels=4, kernel_size=3, seed=1)
  >>> x = tf.random.normal([2, 8, 8, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True
  """

  def __init__(
    self,
    kernel,
    bias=None,
    *,
    validate_args: bool = False,
    name: str = 'periodic_conv2d',
  ):
    """Creates the layer.

    Args:
      kernel: floating `Tensor` or `Variable` [k, k, C, C]: rows, columns, input
        and output channels. Its tap `kernel[(k-1) // 2, (k-1) // 2]` is that of
        the pixel itself.
      bias: floating `Tensor` or `Variable` [C], or None.
      validate_args: whether to check that inputs are finite and that the kernel
        is not singular, to its dtype's precision, at any frequency of the
        images: that the least singular value of all M[u, v] is more than
        k^2 * C machine epsilons times the largest. It costs their singular
        values at each call.
      name: name of the layer.

    Raises:
      ValueError: if a shape is not as above.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      dtype = tfp_compat.common_dtype([kernel, bias], dtype_hint=tf.float32)
      convert = tfp_compat.convert_nonref_to_tensor
      self._kernel = convert(kernel, dtype=dtype, name='kernel')
      self._bias = convert(bias, dtype=dtype, name='bias')
      periodic_conv.check_kernel(self._kernel)
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
    """What is added to each channel, [C], or None."""
    return self._bias

  def _forward(self, x):
    y = periodic_conv.periodic_conv2d(x, self._regular_kernel(x))
    return y if self.bias is None else y + self.bias

  def _inverse(self, y):
    kernel, size, matrices = self._regular_kernel(y), y.shape[-3:-1], None
    if switches.frozen.is_on:
      matrices = derived(
        self,
        f'solve_matrices_{size[0]}_{size[1]}',
        lambda: periodic_conv.periodic_conv2d_solve_matrices(kernel, size),
      )
    return periodic_conv.periodic_conv2d_solve(
      y if self.bias is None else y - self.bias, kernel, matrices
    )

  def _forward_log_det_jacobian(self, x):
    return periodic_conv.periodic_log_abs_det(
      self._regular_kernel(x), x.shape[-3:-1]
    )

  def _regular_kernel(self, images):
    """The kernel, with `validate_args` once it is known not to be singular."""
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
      f'images of size {tuple(size)}: there a singular value is {{}} times the '
      f'largest, and it must be more than {limit:.3g} times.',
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
  dtype=tf.float32,
  name: str = 'periodic_conv2d',
) -> PeriodicConv2D:
  """A `PeriodicConv2D` of new Variables that starts close to the identity.

  Args:
    channels: C.
    kernel_size: k, any integer from 1 on.
    use_bias: whether to have a bias.
    seed: of the initial kernel; None draws another one each time.
    dtype: floating dtype.
    name: name of the layer.

  Returns:
    `PeriodicConv2D` with k^2 C^2 parameters, and C more with a bias.

  Raises:
    ValueError: if `channels` or `kernel_size` is less than 1.
  """
  if channels < 1 or kernel_size < 1:
    raise ValueError(
      f'`channels` is {channels} and `kernel_size` {kernel_size}; both must be '
      'at least 1.'
    )
  rng = np.random.default_rng(seed)
  kernel = rng.normal(size=[kernel_size, kernel_size, channels, channels])
  # A small spread keeps every frequency's matrix close to the identity.
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
