"""Periodic 2-D convolution, its exact inverse and its log-det.

A periodic convolution continues the image beyond its edges by the image itself.
In row-vector notation, with C-vectors `x[i, j]` and o = (k - 1) // 2,

  y[i, j] = sum_{a, b < k} x[(i+a-o) mod H, (j+b-o) mod W] @ kernel[a, b]

The discrete Fourier transform takes it apart: with X, Y the transforms of x, y
over H and W, and with one C x C matrix a frequency,

  Y[u, v] = X[u, v] @ M[u, v]
  M[u, v] = sum_{a, b < k} kernel[a, b] * exp(2 pi i (u (a-o)/H + v (b-o)/W))

so that the convolution is invertible if and only if all H * W matrices are, and
log|det| is the sum of theirs ("Invertible Periodic Convolutions" in Emerging
Convolutions, Hoogeboom et al. 2019). Images and kernel are real: M[-u, -v] is
the conjugate of M[u, v], and the frequencies v <= W / 2 tell all.
"""

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import on_image_batch

__all__ = [
  'check_kernel',
  'check_shapes',
  'periodic_conv2d',
  'periodic_conv2d_solve',
  'periodic_conv2d_solve_matrices',
  'periodic_log_abs_det',
  'periodic_reciprocal_condition',
]

_COMPLEX = {tf.float32: tf.complex64, tf.float64: tf.complex128}


def periodic_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Convolves images that go on periodically beyond their edges.

  Args:
    x: floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] (rows, columns, input and output channels) of
      the same dtype; k may be even, and more than H or W.

  Returns:
    `Tensor` of the shape of `x`. It costs H * W * k^2 * C^2 multiplications an
    image.

  Raises:
    ValueError: if a shape is not as above.
  """
  x, kernel = _to_tensors(x, kernel)
  reach = kernel.shape[0] - 1

  def convolve(images):
    shape = [-1, *images.shape[1:]]
    if reach:
      images = _wrap(images, reach // 2, reach - reach // 2)
    images = tf.nn.conv2d(images, kernel, strides=1, padding='VALID')
    # TensorFlow's float32 convolution of no images has the shape of its input.
    return tf.reshape(images, shape)

  return on_image_batch(convolve, x)


def periodic_conv2d_solve(
  y: tf.Tensor, kernel: tf.Tensor, matrices: tf.Tensor | None = None
) -> tf.Tensor:
  """Solves `periodic_conv2d(x, kernel) == y` for `x`, exactly.

  It solves X[u, v] @ M[u, v] = Y[u, v] by LU factors, between a fast Fourier
  transform and its inverse.

  Args:
    y: floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] whose matrix is invertible at all frequencies
      of [H, W] images; `periodic_reciprocal_condition` tells.
    matrices: `periodic_conv2d_solve_matrices(kernel, [H, W])`, where they are
      kept.

  Returns:
    `Tensor` x of the shape of `y`. An image costs about 2 * H * W * C^2
    multiplications and H * W * C * log(H * W) for the transforms; without
    `matrices`, the factors cost about 2/3 * H * W * C^3 for all images.

  Raises:
    ValueError: if a shape is not as above.
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
  """What `periodic_conv2d_solve` needs of a kernel, for many calls with it.

  Args:
    kernel: as in `periodic_conv2d_solve`.
    image_size: (H, W).

  Returns:
    The inverses of the transposes of M[u, v], v <= W / 2, a complex `Tensor`
    [H, W // 2 + 1, C, C].

  Raises:
    ValueError: if a shape is not as above.
  """
  kernel = tf.convert_to_tensor(kernel)
  return tf.linalg.inv(
    tf.linalg.matrix_transpose(_spectrum(kernel, image_size))
  )


def periodic_log_abs_det(
  kernel: tf.Tensor, image_size: tuple[int, int]
) -> tf.Tensor:
  """log|det| of a periodic convolution: the sum of log|det M[u, v]|.

  Args:
    kernel: floating `Tensor` [k, k, C, C].
    image_size: (H, W).

  Returns:
    Scalar `Tensor`, -inf (or close, by rounding) where a matrix is singular.
    Whatever the number of images, it costs about 2/3 * H * W * C^3
    multiplications for LU factors and 2 * H * W * k * C^2 for the matrices.

  Raises:
    ValueError: if a shape is not as above.
  """
  kernel = tf.convert_to_tensor(kernel)
  # It comes as a complex number of imaginary part 0. Its gradient in TensorFlow
  # is M^-H, that of the real log|det M|.
  _, log_abs_det = tf.linalg.slogdet(_spectrum(kernel, image_size))
  width = image_size[1]
  column = np.arange(width // 2 + 1)
  is_own_conjugate = (2 * column) % width == 0
  weights = tf.constant(np.where(is_own_conjugate, 1, 2), kernel.dtype)
  return tf.reduce_sum(tf.math.real(log_abs_det) * weights)


def periodic_reciprocal_condition(
  kernel: tf.Tensor, image_size: tuple[int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
  """How close to singular a periodic convolution is, and at which frequency.

  The singular values of the convolution are those of all M[u, v] together.

  #### Example

  The sum of four neighbours cannot see a pattern that alternates by columns.

  >>> ratio, frequency = periodic_reciprocal_condition(
  ...   tf.ones([2, 2, 1, 1]), image_size=(3, 8)
  ... )
  >>> bool(ratio < 1e-7), int(frequency[1])
  (True, 4)

  Args:
    kernel: floating `Tensor` [k, k, C, C].
    image_size: (H, W).

  Returns:
    (the least singular value over the largest, a scalar `Tensor` from 0 for a
    singular convolution to 1 for a multiple of a rotation; the frequency (u, v)
    of the least, an int64 `Tensor` [2]: u cycles over the height and
    v <= W / 2 over the width).

  Raises:
    ValueError: if a shape is not as above.
  """
  kernel = tf.convert_to_tensor(kernel)
  values = tf.linalg.svd(_spectrum(kernel, image_size), compute_uv=False)
  least = tf.reduce_min(values, axis=-1)
  place = tf.argmin(tf.reshape(least, [-1]))
  columns = image_size[1] // 2 + 1
  ratio = tf.math.divide_no_nan(tf.reduce_min(least), tf.reduce_max(values))
  return ratio, tf.stack([place // columns, place % columns])


def check_kernel(kernel: tf.Tensor) -> None:
  """Raises `ValueError` where `kernel` is not real [k, k, C, C], k, C >= 1."""
  shape = kernel.shape
  if (
    shape.rank != 4
    or shape[0] != shape[1]
    or shape[2] != shape[3]
    or not shape[0]
    or not shape[2]
  ):
    raise ValueError(
      f'`kernel` has shape {shape}; it must be [k, k, C, C] with k, C >= 1.'
    )
  if kernel.dtype not in _COMPLEX:
    raise ValueError(
      f'`kernel` has dtype {kernel.dtype.name}; there is a Fourier transform '
      'of float32 and float64.'
    )


def check_shapes(images: tf.Tensor, kernel: tf.Tensor) -> None:
  """Raises `ValueError` where `kernel` is not for these images [..., H, W, C].

  Or where H, W or C is not known before the program runs.
  """
  check_kernel(kernel)
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
  """Continues images periodically, as many times over as it takes.

  It is one gather of pixels: slices joined along one axis and then along the
  other take longer, forward and back.
  """
  height, width, channels = images.shape[1:]
  rows = np.arange(-before, height + after) % height
  columns = np.arange(-before, width + after) % width
  pixels = tf.reshape(images, [-1, height * width, channels])
  return tf.gather(pixels, np.add.outer(rows * width, columns), axis=1)


def _spectrum(kernel, image_size):
  """The matrices M[u, v], v <= W / 2, complex [H, W // 2 + 1, C, C].

  With k^2 taps their sum is cheaper than an FFT of the kernel padded to [H, W].
  """
  check_kernel(kernel)
  height, width = image_size
  if height is None or width is None or height < 1 or width < 1:
    raise ValueError(
      f'`image_size` is {tuple(image_size)}; it must be (H, W), both known and '
      'at least 1.'
    )
  dtype = _COMPLEX[kernel.dtype]
  taps = np.arange(kernel.shape[0]) - (kernel.shape[0] - 1) // 2

  def waves(size, count):
    # Whole periods taken off first, the angles are exact to rounding.
    turns = np.outer(np.arange(count), taps) % size / size
    return tf.constant(np.exp(2j * np.pi * turns), dtype)

  return tf.einsum(
    'ua,vb,abcd->uvcd',
    waves(height, height),
    waves(width, width // 2 + 1),
    tf.complex(kernel, tf.zeros_like(kernel)),
  )
