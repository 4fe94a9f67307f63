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

With a `lookahead` of s columns the rows above a pixel are seen up to s columns
past its own, which is still causal in raster order: the kernel [a, b, C, C] has
the pixel itself at `kernel[a-1, b-1-s]`, and what follows it in that row is not
read. The raster-order mask of Kingma et al. 2016 is a = (k + 1) / 2, b = k,
s = (k - 1) / 2.
"""

import tensorflow as tf

from tfp_cinc.internal import switches, tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import on_image_batch
from tfp_cinc.math.block_solve import block_matrices, solve_blocks
from tfp_cinc.math.linear_map import linear_map_matrix

__all__ = [
  'OPPOSITE',
  'PADDINGS',
  'causal_conv2d',
  'causal_conv2d_solve',
  'causal_conv2d_solve_matrices',
  'convolution_matrix',
]

PADDINGS = ('top_left', 'top_right', 'bottom_left', 'bottom_right')
# The padding of the transposed convolution.
OPPOSITE = dict(zip(PADDINGS, reversed(PADDINGS), strict=True))


def causal_conv2d(
  x: tf.Tensor,
  kernel: tf.Tensor,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  lookahead: int = 0,
) -> tf.Tensor:
  """Convolves images that are zero-padded on two adjacent sides.

  Args:
    x: floating `Tensor` [..., H, W, C].
    kernel: `Tensor` [k, k, C, C] (rows, columns, input and output channels) of
      the same dtype; or [a, b, C, C].
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps, at least 1.
    lookahead: columns past its own that a pixel sees of the rows before, less
      than b. It goes with a dilation of 1 alone.

  Returns:
    `Tensor` of the shape of `x`. It costs H * W * k^2 * C^2 multiplications an
    image.

  Raises:
    ValueError: if a shape, `padding`, `dilation` or `lookahead` is not so.
  """
  x, kernel = _to_tensors(x, kernel)
  kernel = _checked_kernel(kernel, padding, dilation, lookahead)
  return _on_undilated(
    lambda images: _conv(images, kernel, padding, lookahead),
    x,
    kernel,
    dilation,
  )


def causal_conv2d_solve(
  y: tf.Tensor,
  kernel: tf.Tensor,
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  lookahead: int = 0,
  corner_inverse: tf.Tensor | None = None,
  matrices: tf.Tensor | None = None,
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
  sequential steps, (H + W) / s - 1 of them. With a lookahead a block sees the
  one above to the right too, and they are (2 H + W) / s - 2, for blocks whose
  width divides W.

  The gradient is the solve of the transposed convolution (the same function
  with the opposite padding); derivatives of any order exist.

  Args:
    y: floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] whose corner block kernel[k-1, k-1] is
      invertible.
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps, at least 1.
    lookahead: as in `causal_conv2d`.
    corner_inverse: `Tensor` [C, C], the inverse of the corner block where the
      caller has it in a better way than by `tf.linalg.inv`. Gradients reach
      the corner through `kernel` alone.
    matrices: `causal_conv2d_solve_matrices` of the kernel for these images,
      where the caller has kept them. Gradients do not reach the kernel then.
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
    ValueError: if a shape, `padding`, `dilation` or `lookahead` is not so.
  """
  y, kernel = _to_tensors(y, kernel)
  kernel = _checked_kernel(kernel, padding, dilation, lookahead)
  dtype = y.dtype
  y = tf.cast(y, solve_dtype or dtype)
  kernel, corner_inverse = _to_solve(kernel, corner_inverse, y.dtype)

  def solve(images):
    if matrices is not None:
      return solve_blocks(images, matrices, kernel.shape, padding, lookahead)
    inverse = _corner_inverse(kernel, corner_inverse, lookahead)
    return _solve(images, kernel, inverse, padding, lookahead)

  x = _on_undilated(solve, y, kernel, dilation)
  if max_backward_error is not None:
    options = {
      'padding': padding,
      'dilation': dilation,
      'lookahead': lookahead,
    }
    residual = y - causal_conv2d(x, kernel, **options)
    scale = causal_conv2d(tf.abs(x), tf.abs(kernel), **options) + tf.abs(y)
    limit = max_backward_error * tf.reduce_max(scale)
    x = tf.cond(
      tf.reduce_max(tf.abs(residual)) > limit,
      lambda: x + _on_undilated(solve, residual, kernel, dilation),
      lambda: x,
    )
  return tf.cast(x, dtype)


def causal_conv2d_solve_matrices(
  kernel: tf.Tensor,
  image_size: tuple[int, int],
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  lookahead: int = 0,
  corner_inverse: tf.Tensor | None = None,
  solve_dtype: tf.DType | None = None,
) -> tf.Tensor:
  """What `causal_conv2d_solve` computes of its kernel, to be kept by a caller.

  Args:
    kernel: as of `causal_conv2d_solve`, like all that follow but `image_size`.
    image_size: (H, W) of the images.
    padding: the padded corner.
    dilation: the distance in pixels between two taps.
    lookahead: as in `causal_conv2d`.
    corner_inverse: the inverse of the corner block, or None.
    solve_dtype: dtype to solve in, or None for the kernel's.

  Returns:
    `Tensor` [1 + n, F, F] with F = s^2 * C: D^-1 and the n <= 3 matrices -A
    D^-1 of a block's neighbours; with a lookahead n is up to 3 * k - 1.

  Raises:
    ValueError: as `causal_conv2d_solve`.
  """
  kernel = _checked_kernel(
    tf.convert_to_tensor(kernel), padding, dilation, lookahead
  )
  kernel, corner_inverse = _to_solve(
    kernel, corner_inverse, solve_dtype or kernel.dtype
  )
  corner_inverse = _corner_inverse(kernel, corner_inverse, lookahead)
  phase = [None if n is None else -(-n // dilation) for n in image_size]
  return block_matrices(kernel, corner_inverse, phase, lookahead)


def convolution_matrix(
  kernel: tf.Tensor,
  image_size: tuple[int, int],
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  lookahead: int = 0,
) -> tf.Tensor:
  """The dense matrix M of a causal convolution (CInC Flow, Definition 3).

  Args:
    kernel: `Tensor` [k, k, C, C].
    image_size: (H, W). Keep them small: M has (H * W * C)^2 entries.
    padding: the padded corner, one of `PADDINGS`.
    dilation: the distance in pixels between two taps.
    lookahead: as in `causal_conv2d`.

  Returns:
    `Tensor` [H*W*C, H*W*C] with vec(y) = M vec(x), where vec takes pixels in
    raster order and the channels of a pixel together.
  """
  kernel = tf.convert_to_tensor(kernel)
  return linear_map_matrix(
    lambda images: causal_conv2d(
      images, kernel, padding=padding, dilation=dilation, lookahead=lookahead
    ),
    [*image_size, kernel.shape[-1]],
    kernel.dtype,
  )


def _to_tensors(images, kernel):
  dtype = tfp_compat.common_dtype([images, kernel], dtype_hint=tf.float32)
  return (
    tf.convert_to_tensor(images, dtype),
    tf.convert_to_tensor(kernel, dtype),
  )


def _checked_kernel(kernel, padding, dilation, lookahead):
  """The kernel without the taps that are not read."""
  check_choice('padding', padding, PADDINGS)
  shape = kernel.shape
  if shape.rank != 4 or shape[2] != shape[3] or 0 in shape:
    raise ValueError(
      f'`kernel` has shape {shape}; it must be [k, k, C, C] with k >= 1, or '
      '[a, b, C, C].'
    )
  if dilation < 1:
    raise ValueError(f'`dilation` is {dilation}; it must be at least 1.')
  if not 0 <= lookahead < shape[1]:
    raise ValueError(
      f'`lookahead` is {lookahead}; with a kernel of {shape[1]} columns it '
      f'must be from 0 to {shape[1] - 1}.'
    )
  if lookahead and dilation > 1:
    raise ValueError(
      f'`lookahead` is {lookahead} and `dilation` {dilation}; one of them must '
      'be left at its default.'
    )
  if not lookahead:
    return kernel
  after = [[shape[0] - 1, shape[1] - 1 - i] for i in range(lookahead)]
  zeros = tf.zeros([lookahead, *shape[2:]], kernel.dtype)
  return tf.tensor_scatter_nd_update(kernel, after, zeros)


def _to_solve(kernel, corner_inverse, dtype):
  """The kernel in the dtype to solve in, and its corner's inverse if of it."""
  if dtype == kernel.dtype:
    return kernel, corner_inverse
  return tf.cast(kernel, dtype), None  # the inverse has no more digits


def _corner_inverse(kernel, corner_inverse, lookahead):
  if corner_inverse is not None:
    return corner_inverse
  return tf.linalg.inv(kernel[-1, -1 - lookahead])


def _on_undilated(function, images, kernel, dilation):
  """Applies a function of undilated [N, H, W, C] to dilated [..., H, W, C].

  Pixels whose row and column agree modulo the dilation see only one another:
  each such phase is an image of its own. Images are zero-padded to a multiple
  of the dilation, which changes nothing: padding on a causal convolution's
  padded side reads as its own zeros, and on the other it comes last.
  """
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
    if None in (height, width):
      height, width = tf.unstack(tf.shape(images)[1:3])
    crops = [[0, -height % dilation], [0, -width % dilation]]
    block = [dilation, dilation]
    phases = tf.space_to_batch(images, block, paddings=crops)
    return tf.batch_to_space(function(phases), block, crops=crops)

  return tf.ensure_shape(on_image_batch(on_phases, images), images.shape)


def _conv(images, kernel, padding, lookahead):
  """`causal_conv2d` on [N, H, W, C] with dilation 1."""
  # Flipping image, convolving and flipping back is convolving with the flipped
  # kernel and the padding on the other side.
  axes = _flipped_axes(padding)
  return tf.nn.conv2d(
    images,
    tf.reverse(kernel, axes) if axes else kernel,
    strides=1,
    padding=_explicit_padding(kernel.shape, axes, lookahead),
  )


def _flipped_axes(padding):
  vertical, horizontal = padding.split('_')
  return [0] * (vertical == 'bottom') + [1] * (horizontal == 'right')


def _explicit_padding(kernel_shape, flipped_axes, lookahead):
  margins = (
    [kernel_shape[0] - 1, 0],
    [kernel_shape[1] - 1 - lookahead, lookahead],
  )
  for axis in flipped_axes:
    margins[axis].reverse()
  return [[0, 0], *margins, [0, 0]]


def _kernel_gradient(images, output_gradient, kernel_shape, padding, lookahead):
  """The gradient of sum(_conv(images, kernel) * output_gradient) by kernel."""
  axes = _flipped_axes(padding)
  gradient = tf.compat.v1.nn.conv2d_backprop_filter(
    tf.pad(images, _explicit_padding(kernel_shape, axes, lookahead)),
    kernel_shape,
    output_gradient,
    strides=[1, 1, 1, 1],
    padding='VALID',
  )
  return tf.reverse(gradient, axes) if axes else gradient


def _solve(images, kernel, corner_inverse, padding, lookahead):
  """`causal_conv2d_solve` on [N, H, W, C] with dilation 1."""

  def solve_natively(y, kernel):
    size = y.shape[1:3]
    matrices = block_matrices(kernel, corner_inverse, size, lookahead)
    return solve_blocks(y, matrices, kernel.shape, padding, lookahead)

  if switches.native_gradients.is_on:
    return solve_natively(images, kernel)

  @tf.custom_gradient
  def solve(y, kernel):
    x = solve_natively(y, kernel)

    def gradient(dx):
      dy = _solve(
        dx,
        tf.transpose(kernel, [0, 1, 3, 2]),
        tf.transpose(corner_inverse),
        OPPOSITE[padding],
        lookahead,
      )
      dkernel = _kernel_gradient(x, dy, kernel.shape, padding, lookahead)
      return dy, -dkernel

    return x, gradient

  return solve(images, kernel)
