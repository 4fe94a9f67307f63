"""Periodic 2-D convolution, its exact inverse and its log-det.

A periodic convolution extends the image periodically beyond its edges. In
row-vector notation, with C-vectors `x[i, j]` and o = (k - 1) // 2,

  y[i, j] = sum_{a, b < k} x[(i+a-o) mod H, (j+b-o) mod W] @ kernel[a, b]

The discrete Fourier transform separates it into one C x C matrix M[u, v] per
frequency. With X and Y the transforms of x and y over H and W,

  Y[u, v] = X[u, v] @ M[u, v]
  M[u, v] = sum_{a, b < k} kernel[a, b] * exp(2 pi i (u (a-o)/H + v (b-o)/W))

The convolution is invertible if and only if all H * W matrices are, and its
log|det| is the sum of theirs. Images and kernel are real, so M[-u, -v] is the
conjugate of M[u, v], and the frequencies v <= W / 2 determine all others.

#### References

Hoogeboom, van den Berg and Welling 2019, [Emerging Convolutions for Generative
Normalizing Flows](https://arxiv.org/abs/1901.11137), section "Invertible
Periodic Convolutions".
"""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import on_image_batch
from tfp_cinc.math.causal_conv import check_kernel

__all__ = [
  'check_periodic_kernel',
  'check_shapes',
  'periodic_conv2d',
  'periodic_conv2d_solve',
  'periodic_conv2d_solve_matrices',
  'periodic_log_abs_det',
  'periodic_reciprocal_condition',
]

_COMPLEX = {tf.float32: tf.complex64, tf.float64: tf.complex128}


def periodic_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Convolves images that are extended periodically beyond their edges.

  Args:
    x: Floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] (rows, columns, input and output channels) of
      the same dtype. k may be even, and larger than H or W.

  Returns:
    `Tensor` of the shape of `x`. It costs H * W * k^2 * C^2 multiplications per
    image.

  Raises:
    ValueError: If a shape does not match those above.
  """
  x, kernel = _to_tensors(x, kernel)
  reach = kernel.shape[0] - 1

  def convolve(images):
    shape = [-1, *images.shape[1:]]
    if reach:
      images = _wrap(images, reach // 2, reach - reach // 2)
    images = tf.nn.conv2d(images, kernel, strides=1, padding='VALID')
    # For an empty batch, TensorFlow's float32 convolution returns the shape of
    # its input.
    return tf.reshape(images, shape)

  return on_image_batch(convolve, x)


def periodic_conv2d_solve(
  y: tf.Tensor, kernel: tf.Tensor, matrices: tf.Tensor | None = None
) -> tf.Tensor:
  """Solves `periodic_conv2d(x, kernel) == y` for `x`, exactly.

  It solves X[u, v] @ M[u, v] = Y[u, v] by LU factors, between a fast Fourier
  transform and its inverse.

  Args:
    y: Floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] whose matrix is invertible at all frequencies
      of [H, W] images. `periodic_reciprocal_condition` checks this.
    matrices: Precomputed result of
      `periodic_conv2d_solve_matrices(kernel, [H, W])`.

  Returns:
    `Tensor` x of the shape of `y`. An image costs about 2 * H * W * C^2
    multiplications, and H * W * C * log(H * W) for the transforms. Without
    `matrices`, the factors add about 2/3 * H * W * C^3 for all images together.

  Raises:
    ValueError: If a shape does not match those above.
  """
  y, kernel = _to_tensors(y, kernel)
  size = [*y.shape[-3:-1]]
  shape = [size[0], size[1] // 2 + 1, *kernel.shape[2:]]
  if matrices is not None and matrices.shape != shape:
    raise ValueError(
      f'`matrices` has shape {matrices.shape}; for images of {size} and a '
      f'kernel of {kernel.shape[-1]} channels it must be {shape}.'
    )
  if matrices is None:
    spectrum = tf.linalg.matrix_transpose(_spectrum(kernel, size))

  def solve(images):
    spectra = tf.signal.rfft2d(tf.transpose(images, [0, 3, 1, 2]))
    spectra = tf.transpose(spectra, [2, 3, 1, 0])
    if matrices is None:
      solved = tf.linalg.solve(spectrum, spectra)
    else:
      solved = tf.matmul(matrices, spectra)
    solved = tf.transpose(solved, [3, 2, 0, 1])
    solved = tf.signal.irfft2d(solved, fft_length=size)
    return tf.ensure_shape(tf.transpose(solved, [0, 2, 3, 1]), images.shape)

  return on_image_batch(solve, y)


def periodic_conv2d_solve_matrices(
  kernel: tf.Tensor, image_size: tuple[int, int]
) -> tf.Tensor:
  """Returns the matrices that `periodic_conv2d_solve` computes from its kernel.

  If the kernel is constant, they can be computed once and passed as `matrices`.

  Args:
    kernel: As in `periodic_conv2d_solve`.
    image_size: Height and width of the images, (H, W).

  Returns:
    Complex `Tensor` [H, W // 2 + 1, C, C], the inverses of the transposes of
    M[u, v], v <= W / 2.

  Raises:
    ValueError: If a shape does not match those above.
  """
  kernel = tf.convert_to_tensor(kernel)
  return tf.linalg.inv(
    tf.linalg.matrix_transpose(_spectrum(kernel, image_size))
  )


def periodic_log_abs_det(
  kernel: tf.Tensor, image_size: tuple[int, int]
) -> tf.Tensor:
  """Returns log|det| of a periodic convolution: the sum of log|det M[u, v]|.

  Args:
    kernel: Floating `Tensor` [k, k, C, C].
    image_size: Height and width of the images, (H, W).

  Returns:
    Scalar `Tensor`. If a matrix is singular, it is -inf or, because of
    rounding, close to it. It costs about 2/3 * H * W * C^3 multiplications for
    LU factors and 2 * H * W * k * C^2 for the matrices, for any number of
    images.

  Raises:
    ValueError: If a shape does not match those above.
  """
  kernel = tf.convert_to_tensor(kernel)
  # The result is complex with imaginary part 0. Its gradient in TensorFlow is
  # M^-H, which is the gradient of the real log|det M|.
  _, log_abs_det = tf.linalg.slogdet(_spectrum(kernel, image_size))
  width = image_size[1]
  column = np.arange(width // 2 + 1)
  is_own_conjugate = (2 * column) % width == 0
  weights = tf.constant(np.where(is_own_conjugate, 1, 2), kernel.dtype)
  return tf.reduce_sum(tf.math.real(log_abs_det) * weights)


def periodic_reciprocal_condition(
  kernel: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
  """Returns the reciprocal condition number of a periodic convolution.

  It also returns the frequency of the smallest singular value. The singular
  values of the convolution are those of all M[u, v].

  Args:
    kernel: Floating `Tensor` [k, k, C, C].
    image_size: Height and width of the images, (H, W).

  Returns:
    (ratio, frequency). The ratio is the smallest singular value divided by the
    largest one, a scalar `Tensor` from 0 for a singular convolution to 1 for a
    multiple of a rotation. The frequency is that of the smallest singular
    value, an int64 `Tensor` [2] of (u, v): u cycles over the height and
    v <= W / 2 over the width.

  Raises:
    ValueError: If a shape does not match those above.

  #### Example

  The sum of four neighbors maps a pattern of alternating columns to zero.

  >>> ratio, frequency = periodic_reciprocal_condition(
  ...   tf.ones([2, 2, 1, 1]), image_size=(3, 8)
  ... )
  >>> bool(ratio < 1e-7), int(frequency[1])
  (True, 4)
  """
  kernel = tf.convert_to_tensor(kernel)
  values = tf.linalg.svd(_spectrum(kernel, image_size), compute_uv=False)
  least = tf.reduce_min(values, axis=-1)
  place = tf.argmin(tf.reshape(least, [-1]))
  columns = image_size[1] // 2 + 1
  ratio = tf.math.divide_no_nan(tf.reduce_min(least), tf.reduce_max(values))
  return ratio, tf.stack([place // columns, place % columns])


def check_periodic_kernel(kernel: tf.Tensor) -> None:
  """Raises `ValueError` if `kernel` is not real [k, k, C, C] with k, C >= 1."""
  check_kernel(kernel)
  if kernel.dtype not in _COMPLEX:
    raise ValueError(
      f'`kernel` has dtype {kernel.dtype.name}; the Fourier transform supports '
      'only float32 and float64.'
    )


def check_shapes(images: tf.Tensor, kernel: tf.Tensor) -> None:
  """Raises `ValueError` if `kernel` does not fit images [..., H, W, C].

  H, W and C must be static.
  """
  check_periodic_kernel(kernel)
  shape = images.shape
  if shape.rank is None or shape.rank < 3 or None in shape[-3:]:
    raise ValueError(
      f'images have shape {shape}; they must be [..., H, W, C] with H, W and C '
      'known.'
    )
  if shape[-1] != kernel.shape[-1]:
    raise ValueError(
      f'images have {shape[-1]} channels and `kernel` is for '
      f'{kernel.shape[-1]}: shapes {shape} and {kernel.shape}.'
    )


def _to_tensors(images, kernel):
  dtype = tfp_compat.common_dtype([images, kernel], dtype_hint=tf.float32)
  images = tf.convert_to_tensor(images, dtype)
  kernel = tf.convert_to_tensor(kernel, dtype)
  check_shapes(images, kernel)
  return images, kernel


def _wrap(images, before, after):
  """Extends images periodically, more than once if necessary.

  A single gather of pixels is faster, forward and backward, than concatenating
  slices along one axis and then along the other.
  """
  height, width, channels = images.shape[1:]
  rows = np.arange(-before, height + after) % height
  columns = np.arange(-before, width + after) % width
  pixels = tf.reshape(images, [-1, height * width, channels])
  return tf.gather(pixels, np.add.outer(rows * width, columns), axis=1)


def _spectrum(kernel, image_size):
  """Returns M[u, v] for v <= W / 2, complex [H, W // 2 + 1, C, C].

  The sum over k^2 taps is cheaper than an FFT of the kernel padded to [H, W].
  """
  check_periodic_kernel(kernel)
  height, width = image_size
  if height is None or width is None or height < 1 or width < 1:
    raise ValueError(
      f'`image_size` is {tuple(image_size)}; it must be (H, W), both known and '
      'at least 1.'
    )
  dtype = _COMPLEX[kernel.dtype]
  taps = np.arange(kernel.shape[0]) - (kernel.shape[0] - 1) // 2

  def waves(size, count):
    # Removing whole periods first keeps the angles exact up to rounding.
    turns = np.outer(np.arange(count), taps) % size / size
    return tf.constant(np.exp(2j * np.pi * turns), dtype)

  return tf.einsum(
    'ua,vb,abcd->uvcd',
    waves(height, height),
    waves(width, width // 2 + 1),
    tf.complex(kernel, tf.zeros_like(kernel)),
  )
