"""Causal 2-D convolution, its exact inverse and its dense matrix.

A causal convolution pads the image by (k - 1) * dilation zeros on two adjacent
sides only (CInC Flow, Definition 2 and section 3.2.2). For 'top_left' padding,
in row-vector notation and with C-vectors `x[i, j]`,

  y[i, j] = sum_{a, b < k} x[i - d*(k-1-a), j - d*(k-1-b)] @ kernel[a, b]

Taken in raster order its matrix is block lower triangular with the corner
block `kernel[k-1, k-1]` on the diagonal, so that it is invertible if and only
if this block is (Theorem 2). The three other paddings are the same map between
flipped images: 'bottom_right' flips rows and columns, and so on. The corner
block is `kernel[k-1, k-1]` for all of them.
"""

import tensorflow as tf

from tfp_cinc.internal import switches, tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import on_image_batch
from tfp_cinc.math.block_solve import solve_blocks

__all__ = [
  'PADDINGS',
  'causal_conv2d',
  'causal_conv2d_solve',
  'convolution_matrix',
]

PADDINGS = ('top_left', 'top_right', 'bottom_left', 'bottom_right')
_OPPOSITE = dict(zip(PADDINGS, reversed(PADDINGS), strict=True))


def causal_conv2d(
  x: tf.Tensor,
  kernel: tf.Tensor,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
) -> tf.Tensor:
  """Convolves images that are zero-padded on two adjacent sides.

  Args:
    x: floating `Tensor` [..., H, W, C].
    kernel: `Tensor` [k, k, C, C] (rows, columns, input and output channels) of
      the same dtype.
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps, at least 1.

  Returns:
    `Tensor` of the shape of `x`. It costs H * W * k^2 * C^2 multiplications an
    image.

  Raises:
    ValueError: if a shape, `padding` or `dilation` is not as above.
  """
  check_choice('padding', padding, PADDINGS)
  x, kernel = _to_tensors(x, kernel)
  return _on_undilated(
    lambda images: _conv(images, kernel, padding), x, kernel, dilation
  )


def causal_conv2d_solve(
  y: tf.Tensor,
  kernel: tf.Tensor,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  corner_inverse: tf.Tensor | None = None,
  solve_dtype: tf.DType | None = None,
  max_backward_error: float | None = None,
) -> tf.Tensor:
  """Solves `causal_conv2d(x, kernel) == y` for `x`, exactly.

  The image is cut into blocks of s x s pixels, s = max(2, k - 1), so that a
  block sees only itself and its neighbours to the left, above and above left
  (for 'top_left' padding). With D the matrix of a block on itself and
  A_l, A_a, A_al those of its neighbours, taken as row vectors,

    x = y D^-1 - (left A_l + above A_a + above_left A_al) D^-1

  The first product is one for all the blocks of all the images. The second is
  done for all the blocks of an anti-diagonal at once: these are the only
  sequential steps, (H + W) / s - 1 of them.

  The gradient is the solve of the transposed convolution (the same function
  with the opposite padding); derivatives of any order exist.

  Args:
    y: floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] whose corner block kernel[k-1, k-1] is
      invertible.
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps, at least 1.
    corner_inverse: `Tensor` [C, C], the inverse of the corner block where the
      caller has it in a better way than by `tf.linalg.inv`. Gradients reach
      the corner through `kernel` alone.
    solve_dtype: dtype to solve in, where it is not that of `y`: tf.float64.
    max_backward_error: where max|y - conv(x)| / max(conv(|x|) + |y|) is more,
      with conv(|x|) of the kernel's absolute values, one step of iterative
      refinement follows: x + solve(y - conv(x)). It is about 1e-7 in float32,
      whatever the taps, and more with a corner block that is close to singular.
      By default it is not measured, which costs two convolutions.

  Returns:
    `Tensor` x of the shape of `y`. It costs 4 * H * W * s^2 * C^2
    multiplications an image and 4 * (s^2 * C)^2 numbers of memory.

  Raises:
    ValueError: if a shape, `padding` or `dilation` is not as above.
  """
  check_choice('padding', padding, PADDINGS)
  y, kernel = _to_tensors(y, kernel)
  dtype = y.dtype
  if solve_dtype is not None and solve_dtype != dtype:
    y, kernel = tf.cast(y, solve_dtype), tf.cast(kernel, solve_dtype)
    corner_inverse = None  # of no more digits than `dtype` has

  def solve(images):
    inverse = corner_inverse
    if inverse is None:
      inverse = tf.linalg.inv(kernel[-1, -1])
    return _solve(images, kernel, inverse, padding)

  x = _on_undilated(solve, y, kernel, dilation)
  if max_backward_error is not None:
    options = {'padding': padding, 'dilation': dilation}
    residual = y - causal_conv2d(x, kernel, **options)
    scale = causal_conv2d(tf.abs(x), tf.abs(kernel), **options) + tf.abs(y)
    limit = max_backward_error * tf.reduce_max(scale)
    x = tf.cond(
      tf.reduce_max(tf.abs(residual)) > limit,
      lambda: x + _on_undilated(solve, residual, kernel, dilation),
      lambda: x,
    )
  return tf.cast(x, dtype)


def convolution_matrix(
  kernel: tf.Tensor,
  image_size: tuple[int, int],
  *,
  padding: str = 'top_left',
  dilation: int = 1,
) -> tf.Tensor:
  """The dense matrix M of a causal convolution (CInC Flow, Definition 3).

  Args:
    kernel: `Tensor` [k, k, C, C].
    image_size: (H, W). Keep them small: M has (H * W * C)^2 entries.
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps.

  Returns:
    `Tensor` [H*W*C, H*W*C] with vec(y) = M vec(x), where vec takes pixels in
    raster order and the channels of a pixel together.
  """
  kernel = tf.convert_to_tensor(kernel)
  height, width = image_size
  size = height * width * kernel.shape[-1]
  basis = tf.reshape(
    tf.eye(size, dtype=kernel.dtype), [size, height, width, kernel.shape[-1]]
  )
  columns = causal_conv2d(basis, kernel, padding=padding, dilation=dilation)
  return tf.transpose(tf.reshape(columns, [size, size]))


def _to_tensors(images, kernel):
  dtype = tfp_compat.common_dtype([images, kernel], dtype_hint=tf.float32)
  return (
    tf.convert_to_tensor(images, dtype),
    tf.convert_to_tensor(kernel, dtype),
  )


def _on_undilated(function, images, kernel, dilation):
  """Applies a function of undilated [N, H, W, C] to dilated [..., H, W, C].

  Pixels whose row and column agree modulo the dilation see only one another:
  each such phase is an image of its own. Images are zero-padded to a multiple
  of the dilation, which changes nothing: padding on a causal convolution's
  padded side reads as its own zeros, and on the other it comes last.
  """
  kernel_size = kernel.shape[0]
  if (
    kernel.shape.rank != 4
    or kernel.shape[1] != kernel_size
    or kernel.shape[2] != kernel.shape[3]
    or not kernel_size
  ):
    raise ValueError(
      f'`kernel` has shape {kernel.shape}; it must be [k, k, C, C] with k >= 1.'
    )
  if dilation < 1:
    raise ValueError(f'`dilation` is {dilation}; it must be at least 1.')
  if images.shape.rank is not None and images.shape.rank < 3:
    raise ValueError(
      f'images have shape {images.shape}; they must be [..., H, W, C].'
    )
  if images.shape[-1] != kernel.shape[-1]:
    raise ValueError(
      f'images have {images.shape[-1]} channels and `kernel` is for '
      f'{kernel.shape[-1]}: shapes {images.shape} and {kernel.shape}.'
    )
  if dilation == 1:
    return on_image_batch(function, images)

  def on_phases(images):
    height, width = images.shape[1:3]
    crops = [[0, -height % dilation], [0, -width % dilation]]
    block = [dilation, dilation]
    phases = tf.space_to_batch(images, block, paddings=crops)
    return tf.batch_to_space(function(phases), block, crops=crops)

  return tf.ensure_shape(on_image_batch(on_phases, images), images.shape)


def _conv(images, kernel, padding):
  """`causal_conv2d` on [N, H, W, C] with dilation 1."""
  vertical, horizontal = padding.split('_')
  reach = kernel.shape[0] - 1
  # Flipping image, convolving and flipping back is convolving with the flipped
  # kernel and the padding on the other side.
  axes = [0] * (vertical == 'bottom') + [1] * (horizontal == 'right')
  return tf.nn.conv2d(
    images,
    tf.reverse(kernel, axes) if axes else kernel,
    strides=1,
    padding=_explicit_padding(reach, vertical, horizontal),
  )


def _explicit_padding(reach, vertical, horizontal):
  return [
    [0, 0],
    [reach, 0] if vertical == 'top' else [0, reach],
    [reach, 0] if horizontal == 'left' else [0, reach],
    [0, 0],
  ]


def _kernel_gradient(images, output_gradient, kernel_shape, padding):
  """The gradient of sum(_conv(images, kernel) * output_gradient) by kernel."""
  vertical, horizontal = padding.split('_')
  axes = [0] * (vertical == 'bottom') + [1] * (horizontal == 'right')
  reach = kernel_shape[0] - 1
  gradient = tf.compat.v1.nn.conv2d_backprop_filter(
    tf.pad(images, _explicit_padding(reach, vertical, horizontal)),
    kernel_shape,
    output_gradient,
    strides=[1, 1, 1, 1],
    padding='VALID',
  )
  return tf.reverse(gradient, axes) if axes else gradient


def _solve(images, kernel, corner_inverse, padding):
  """`causal_conv2d_solve` on [N, H, W, C] with dilation 1."""
  if switches.native_gradients.is_on:
    return solve_blocks(images, kernel, corner_inverse, padding)

  @tf.custom_gradient
  def solve(y, kernel):
    x = solve_blocks(y, kernel, corner_inverse, padding)

    def gradient(dx):
      dy = _solve(
        dx,
        tf.transpose(kernel, [0, 1, 3, 2]),
        tf.transpose(corner_inverse),
        _OPPOSITE[padding],
      )
      return dy, -_kernel_gradient(x, dy, kernel.shape, padding)

    return x, gradient

  return solve(images, kernel)
