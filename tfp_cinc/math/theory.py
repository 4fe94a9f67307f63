"""Invertibility of kernels and parameter counts, after CInC Flow."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.types import TensorLike
from tfp_cinc.math.causal_conv import PADDINGS
from tfp_cinc.math.linear_map import linear_map_matrix
from tfp_cinc.math.periodic_conv import periodic_reciprocal_condition
from tfp_cinc.math.regular_matrix import check_regular

__all__ = ['Invertibility', 'is_invertible', 'parameter_count']


@dataclasses.dataclass(frozen=True)
class Invertibility:
  """Whether a map is invertible, and why.

  `bool()` returns `invertible` and `str()` returns `reason`.

  Attributes:
    invertible: Whether the map is invertible.
    reason: The reason, as a sentence.
  """

  invertible: bool
  reason: str

  def __bool__(self) -> bool:
    return self.invertible

  def __str__(self) -> str:
    return self.reason


def is_invertible(
  kernel: TensorLike,
  padding: str = 'top_left',
  *,
  image_size: tuple[int, int] | None = None,
) -> Invertibility:
  """Returns whether the convolution with a kernel is invertible.

  With zeros on two adjacent sides (the `PADDINGS` of `causal_conv2d`), the
  matrix of the convolution is block triangular, and all blocks on its diagonal
  are kernel[k-1, k-1]. Only this diagonal block matters, for every image size
  and dilation. With one channel the convolution is invertible if and only if
  kernel[k-1, k-1] != 0 (Theorem 1), with several channels if and only if
  det kernel[k-1, k-1] != 0 (Theorem 2). The theorems do not cover the other
  paddings:

  - 'valid': never invertible for k > 1, because the image shrinks.
  - 'same': zeros on all sides. The answer depends on the image size. It is
    computed from the dense matrix, at a cost of (H * W * C)^3 multiplications.
  - 'circular': the answer depends on the image size. It is computed from the
    C x C matrix of each frequency; see `periodic_reciprocal_condition`.

  A matrix counts as singular if its smallest singular value is at most n
  machine epsilons of the kernel's dtype times its largest one. n is the number
  of rows, as in `CInCConv2D.from_kernel`; for 'circular' it is k^2 * C, as in
  `PeriodicConv2D`. An invertible convolution may still amplify rounding errors:
  if distant taps are large relative to the diagonal block, the inverse grows
  with the distance.

  Args:
    kernel: Concrete array or `Tensor` [k, k, C, C] (rows, columns, input and
      output channels).
    padding: One of `PADDINGS`, 'valid', 'same' or 'circular'.
    image_size: Height and width of the images, (H, W). Required only for 'same'
      and 'circular' with k > 1.

  Returns:
    `Invertibility`, the answer with its reason.

  Raises:
    ValueError: If `padding` is unknown, the kernel is not [k, k, C, C'] or not
      finite, or `image_size` is required and not given.

  #### Example

  >>> kernel = np.ones([3, 3, 1, 1])
  >>> bool(is_invertible(kernel))
  True
  >>> kernel[-1, -1] = 0.0
  >>> print(is_invertible(kernel))
  Theorem 1: kernel[2, 2] is 0.

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), section 3.2.2.
  """
  check_choice('padding', padding, [*PADDINGS, 'valid', 'same', 'circular'])
  kernel = _concrete_kernel(kernel)
  size, channels = kernel.shape[0], kernel.shape[2:]
  if channels[0] != channels[1]:
    return Invertibility(
      False,
      f'{channels[0]} input and {channels[1]} output channels: images and '
      'their convolutions have different numbers of entries.',
    )
  if padding in PADDINGS or size == 1:  # k = 1 pads nothing
    return _by_theorem(kernel)
  if padding == 'valid':
    return Invertibility(
      False,
      f"'valid' padding with k = {size}: the image loses {size - 1} rows and "
      'columns.',
    )
  if image_size is None or len(image_size) != 2 or min(image_size) < 1:
    raise ValueError(
      f'`image_size` is {image_size}; with {padding!r} padding the answer '
      'depends on it: give (H, W), both at least 1.'
    )
  if padding == 'same':
    return _by_dense_matrix(kernel, image_size)
  return _by_frequencies(kernel, image_size)


def parameter_count(module: tf.Module) -> int:
  """Returns the number of trainable parameters of a bijector, network or flow.

  A Variable that several layers share counts once. The poster of CInC Flow
  counts in the same way: 9 n^2 - n (n - 1) / 2 for a 3 x 3 convolution of n
  channels.

  Args:
    module: Any `tf.Module`: a bijector, a distribution, a tf_keras layer or
      model.

  Returns:
    The sum of the sizes of its trainable Variables.

  Raises:
    ValueError: If `module` is not a `tf.Module`, or contains a Keras layer that
      has not yet created its Variables.

  #### Example

  >>> parameter_count(tfp_cinc.bijectors.trainable_cinc_conv2d(channels=12))
  1230

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), poster.
  """
  if not isinstance(module, tf.Module):
    raise ValueError(
      f'`module` is of type {type(module).__name__}; it must be a tf.Module, '
      'such as a bijector, a network or a flow.'
    )
  for part in (module, *module.submodules):
    if getattr(part, 'built', True) is False:
      raise ValueError(
        f'`module` contains the Keras layer {part.name!r}, which creates its '
        'Variables at its first call: call it once before counting.'
      )
  return sum(math.prod(v.shape) for v in module.trainable_variables)


def _concrete_kernel(kernel):
  kernel = np.asarray(kernel)
  if kernel.dtype not in (np.float32, np.float64):
    kernel = kernel.astype(np.float32)
  if kernel.ndim != 4 or kernel.shape[0] != kernel.shape[1] or not kernel.size:
    raise ValueError(
      f'`kernel` has shape {kernel.shape}; it must be [k, k, C, C], k >= 1.'
    )
  if not np.all(np.isfinite(kernel)):
    raise ValueError('`kernel` has entries that are not finite.')
  return kernel


def _by_theorem(kernel):
  last, corner = len(kernel) - 1, kernel[-1, -1]
  if corner.size == 1:
    return Invertibility(
      bool(corner), f'Theorem 1: kernel[{last}, {last}] is {corner.item():.3g}.'
    )
  return _by_matrix(corner, f'Theorem 2, for kernel[{last}, {last}]')


def _by_dense_matrix(kernel, image_size):
  matrix = linear_map_matrix(
    lambda x: tf.nn.conv2d(x, kernel, strides=1, padding='SAME'),
    [*image_size, kernel.shape[-1]],
    kernel.dtype,
  )
  height, width = image_size
  return _by_matrix(
    matrix, f"the dense matrix for 'same' padding of {height} x {width} images"
  )


def _by_matrix(matrix, subject):
  try:
    check_regular(matrix)
  except ValueError as error:
    return Invertibility(False, f'{subject}: {error}')
  return Invertibility(True, f'{subject}: the matrix is invertible.')


def _by_frequencies(kernel, image_size):
  ratio, (u, v) = periodic_reciprocal_condition(kernel, image_size)
  limit = math.prod(kernel.shape[:3]) * np.finfo(kernel.dtype).eps
  height, width = image_size
  return Invertibility(
    bool(ratio > limit),
    f"'circular' padding of {height} x {width} images: the smallest singular "
    f'value, at frequency ({u}, {v}), is {ratio:.3g} times the largest.',
  )
