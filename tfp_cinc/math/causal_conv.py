"""Causal 2-D convolution, its exact inverse and its dense matrix.

A causal convolution pads the image with (k - 1) * dilation zeros on two
adjacent sides only. For 'top_left' padding, in row-vector notation with
C-vectors `x[i, j]`,

  y[i, j] = sum_{a, b < k} x[i - d*(k-1-a), j - d*(k-1-b)] @ kernel[a, b]

where d is the dilation. In raster order the matrix of this map is block lower
triangular. Every block on its diagonal is the corner block of the kernel,
`kernel[k-1, k-1]`: the C x C matrix that multiplies the pixel itself. We call
it the diagonal block. The convolution is therefore invertible if and only if
the diagonal block is (Theorem 2). The three other paddings are the same map
between flipped images: 'bottom_right' flips rows and columns, and so on. They
all have the same diagonal block.

With a `lookahead` of s columns, a pixel also sees up to s columns to its right
in the rows above it. This is still causal in raster order. The diagonal block
of the kernel [a, b, C, C] is then `kernel[a-1, b-1-s]`, and the entries after
it in that row are ignored. The raster-order mask of Kingma et al. 2016 has
a = (k + 1) / 2, b = k and s = (k - 1) / 2.

More than 300 lines: the convolution and its solve share padding, flips and
dilation, and each is part of the gradient of the other.

#### References

Nagar, Dufraisse and Varma 2021, [CInC Flow](https://arxiv.org/abs/2107.01358),
Definition 2, Theorem 2 and section 3.2.2; Kingma et al. 2016, [Improved
Variational Inference with Inverse Autoregressive Flow](
https://arxiv.org/abs/1606.04934).
"""

import functools
from collections.abc import Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
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
  'check_kernel',
  'convolution_matrix',
  'raster_kernel',
]

PADDINGS = ('top_left', 'top_right', 'bottom_left', 'bottom_right')
# The padding of the transposed convolution.
OPPOSITE = dict(zip(PADDINGS, reversed(PADDINGS), strict=True))


def raster_kernel(blocks: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
  """Returns a kernel whose last taps are zero.

  Args:
    blocks: `Tensor` [n, C, C], the first taps in raster order.
    shape: [a, b, C, C], n <= a * b.

  Returns:
    `Tensor` [a, b, C, C].
  """
  missing = shape[0] * shape[1] - blocks.shape[0]
  blocks = tf.pad(blocks, [[0, missing], [0, 0], [0, 0]])
  return tf.reshape(blocks, shape)


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
    x: Floating `Tensor` [..., H, W, C].
    kernel: `Tensor` [k, k, C, C] (rows, columns, input and output channels), or
      [a, b, C, C], of the same dtype.
    padding: Padded sides of the image, one of `PADDINGS`.
    dilation: Distance in pixels between two taps, at least 1.
    lookahead: Number of columns to the right of a pixel that it sees in the
      rows above, less than b. It must be 0 if `dilation` is not 1.

  Returns:
    `Tensor` of the shape of `x`. It costs H * W * k^2 * C^2 multiplications per
    image.

  Raises:
    ValueError: If a shape, `padding`, `dilation` or `lookahead` is invalid.
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
  diagonal_inverse: tf.Tensor | None = None,
  matrices: tf.Tensor | None = None,
  solve_dtype: tf.DType | None = None,
  max_backward_error: float | None = None,
) -> tf.Tensor:
  """Solves `causal_conv2d(x, kernel) == y` for `x`, exactly.

  The image is divided into blocks of s x s pixels, s = max(2, k - 1). A block
  then sees only itself and its neighbors to the left, above and above left (for
  'top_left' padding). Let blocks be row vectors, D the matrix of a block on
  itself, and A_l, A_a and A_al the matrices of its neighbors. Then

    x = y D^-1 - (left A_l + above A_a + above_left A_al) D^-1

  The first product is computed for all blocks of all images at once, the second
  one for all blocks of an anti-diagonal at once. Only the (H + W) / s - 1
  anti-diagonals are computed sequentially; they are traced one by one, or as a
  loop if the image is large.

  With 48 or more channels, blocks are single pixels, which see k^2 - 1
  neighbors. There are twice as many steps, but fewer multiplications, and
  nothing besides the inverse of the C x C matrix of a pixel is computed from
  the kernel.

  With a lookahead l, a block also sees blocks above right. Blocks then have one
  row and w columns, where w divides W, and there are at most 2 H + W / w - 2
  sequential steps; for single pixels, (l + 1) (H - 1) + W.

  The gradient is the solve of the transposed convolution, which is the same
  function with the opposite padding. Derivatives of any order exist.

  Args:
    y: Floating `Tensor` [..., H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C] with an invertible diagonal block
      kernel[k-1, k-1]; or [a, b, C, C], as in `causal_conv2d`.
    padding: Padded sides of the image, one of `PADDINGS`.
    dilation: Distance in pixels between two taps, at least 1.
    lookahead: As in `causal_conv2d`.
    diagonal_inverse: `Tensor` [C, C], the inverse of the diagonal block, if the
      caller has a better way to compute it than `tf.linalg.inv`. Gradients flow
      to the diagonal block only through `kernel`.
    matrices: Precomputed result of `causal_conv2d_solve_matrices` for this
      kernel and image size. No gradients then flow to the kernel.
    solve_dtype: Dtype of the solve, such as tf.float64. None means the dtype of
      `y`.
    max_backward_error: Maximum of the backward error,
      max|y - conv(x)| / max(conv(|x|) + |y|), where conv(|x|) uses the absolute
      values of the kernel. If the error is larger, one step of iterative
      refinement follows: x + solve(y - conv(x)). In float32 the backward error
      is about 1e-7 for any taps, but larger if the diagonal block is close to
      singular. None skips this check, which costs two convolutions.

  Returns:
    `Tensor` x of the shape of `y`. It costs 4 * H * W * s^2 * C^2
    multiplications per image and memory for 4 * (s^2 * C)^2 numbers; for single
    pixels, H * W * k^2 * C^2 and k^2 * C^2.

  Raises:
    ValueError: If a shape, `padding`, `dilation` or `lookahead` is invalid.
  """
  y, kernel = _to_tensors(y, kernel)
  kernel = _checked_kernel(kernel, padding, dilation, lookahead)
  dtype = y.dtype
  y = tf.cast(y, solve_dtype or dtype)
  kernel, diagonal_inverse = _to_solve(kernel, diagonal_inverse, y.dtype)

  def solve(images):
    if matrices is not None:
      return solve_blocks(images, matrices, kernel.shape, padding, lookahead)
    inverse = _diagonal_inverse(kernel, diagonal_inverse, lookahead)
    return _solve(images, kernel, inverse, padding, lookahead)

  x = _on_undilated(solve, y, kernel, dilation)
  if max_backward_error is not None:
    apply = functools.partial(
      causal_conv2d, padding=padding, dilation=dilation, lookahead=lookahead
    )
    residual = y - apply(x, kernel)
    scale = apply(tf.abs(x), tf.abs(kernel)) + tf.abs(y)
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
  diagonal_inverse: tf.Tensor | None = None,
  solve_dtype: tf.DType | None = None,
) -> tf.Tensor:
  """Returns the matrices that `causal_conv2d_solve` computes from its kernel.

  If the kernel is constant, they can be computed once and passed as `matrices`.

  Args:
    kernel: As in `causal_conv2d_solve`.
    image_size: Height and width of the images, (H, W).
    padding: Padded sides of the image, one of `PADDINGS`.
    dilation: Distance in pixels between two taps, at least 1.
    lookahead: As in `causal_conv2d`.
    diagonal_inverse: The inverse of the diagonal block, or None.
    solve_dtype: Dtype of the solve. None means the dtype of the kernel.

  Returns:
    `Tensor` [1 + n, F, F]: D^-1 and the matrices -A D^-1 of the n neighbors of
    a block of F numbers. F = s^2 * C and n <= 3 without a lookahead; with one,
    F = w * C and n <= 3 * a - 2.

  Raises:
    ValueError: If an argument is invalid, or H or W is not static.
  """
  kernel = _checked_kernel(
    tf.convert_to_tensor(kernel), padding, dilation, lookahead
  )
  kernel, diagonal_inverse = _to_solve(
    kernel, diagonal_inverse, solve_dtype or kernel.dtype
  )
  diagonal_inverse = _diagonal_inverse(kernel, diagonal_inverse, lookahead)
  phase = [None if n is None else -(-n // dilation) for n in image_size]
  return block_matrices(kernel, diagonal_inverse, phase, lookahead)


def convolution_matrix(
  kernel: tf.Tensor,
  image_size: tuple[int, int],
  *,
  padding: str = 'top_left',
  dilation: int = 1,
  lookahead: int = 0,
) -> tf.Tensor:
  """Returns the dense matrix M of a causal convolution.

  Args:
    kernel: `Tensor` [k, k, C, C].
    image_size: Height and width of the images, (H, W). Keep them small: M has
      (H * W * C)^2 entries.
    padding: Padded sides of the image, one of `PADDINGS`.
    dilation: Distance in pixels between two taps, at least 1.
    lookahead: As in `causal_conv2d`.

  Returns:
    `Tensor` [H*W*C, H*W*C] with vec(y) = M vec(x), where vec takes pixels in
    raster order and keeps the channels of a pixel together.

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), Definition 3.
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


def check_kernel(kernel, is_square: bool = True) -> None:
  """Raises `ValueError` unless a kernel is [k, k, C, C] with k, C >= 1.

  Args:
    kernel: Array or `Tensor`.
    is_square: Whether the kernel must be square. If False, [a, b, C, C] is also
      valid.
  """
  shape = tuple(kernel.shape)
  if (
    len(shape) != 4
    or shape[2] != shape[3]
    or 0 in shape
    or (is_square and shape[0] != shape[1])
  ):
    raise ValueError(
      f'`kernel` has shape {shape}; it must be [k, k, C, C] with k, C >= 1'
      f'{"" if is_square else ", or [a, b, C, C]"}: an invertible convolution '
      'has as many input as output channels.'
    )


def _checked_kernel(kernel, padding, dilation, lookahead):
  """Returns the kernel with zeros in place of the taps that are not read."""
  if padding not in PADDINGS:
    check_choice('padding', padding, PADDINGS)
  check_kernel(kernel, is_square=False)
  shape = kernel.shape
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
  read = tf.reshape(kernel, [-1, *shape[2:]])[:-lookahead]
  return raster_kernel(read, shape)


def _to_solve(kernel, diagonal_inverse, dtype):
  """Returns the kernel and its diagonal inverse in the dtype of the solve.

  The inverse is None if the dtype changes.
  """
  if dtype == kernel.dtype:
    return kernel, diagonal_inverse
  return tf.cast(kernel, dtype), None  # the given inverse is not precise enough


def _diagonal_inverse(kernel, diagonal_inverse, lookahead):
  if diagonal_inverse is not None:
    return diagonal_inverse
  return tf.linalg.inv(kernel[-1, -1 - lookahead])


def _on_undilated(function, images, kernel, dilation):
  """Applies a function of undilated [N, H, W, C] to dilated [..., H, W, C].

  A pixel sees only pixels whose row and column equal its own modulo the
  dilation, so each such phase is a separate image. Images are zero-padded to a
  multiple of the dilation. This does not change the result: zeros on a padded
  side equal the convolution's own padding, and zeros on another side come last
  in the causal order.
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
    if images.shape.rank == 4 and images.shape[0]:
      return function(images)
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
  # Flipping the image, convolving and flipping back is the same as convolving
  # with the flipped kernel and the padding on the other side.
  axes = _flipped_axes(padding)
  # `tf.vectorized_map` cannot vectorize a convolution with explicit padding.
  return tf.nn.conv2d(
    tf.pad(images, _margins(kernel.shape, axes, lookahead)),
    tf.reverse(kernel, axes) if axes else kernel,
    strides=1,
    padding='VALID',
  )


def _flipped_axes(padding):
  vertical, horizontal = padding.split('_')
  return [0] * (vertical == 'bottom') + [1] * (horizontal == 'right')


def _margins(kernel_shape, flipped_axes, lookahead):
  margins = (
    [kernel_shape[0] - 1, 0],
    [kernel_shape[1] - 1 - lookahead, lookahead],
  )
  for axis in flipped_axes:
    margins[axis].reverse()
  return [[0, 0], *margins, [0, 0]]


def _kernel_gradient(images, output_gradient, kernel_shape, padding, lookahead):
  """Returns d sum(_conv(images, kernel) * output_gradient) / d kernel."""
  axes = _flipped_axes(padding)
  gradient = tf.compat.v1.nn.conv2d_backprop_filter(
    tf.pad(images, _margins(kernel_shape, axes, lookahead)),
    kernel_shape,
    output_gradient,
    strides=[1, 1, 1, 1],
    padding='VALID',
  )
  return tf.reverse(gradient, axes) if axes else gradient


@tfp_compat.freed_with_graph()
def _solve(images, kernel, diagonal_inverse, padding, lookahead):
  """`causal_conv2d_solve` on [N, H, W, C] with dilation 1."""

  # `diagonal_inverse` is an argument, although its gradient is not needed: TF1
  # does not allow that a custom gradient captures what depends on Variables.
  @tf.custom_gradient
  def solve(y, kernel, diagonal_inverse):
    matrices = block_matrices(kernel, diagonal_inverse, y.shape[1:3], lookahead)
    x = solve_blocks(y, matrices, kernel.shape, padding, lookahead)

    def gradient(dx):
      dy = _solve(
        dx,
        tf.transpose(kernel, [0, 1, 3, 2]),
        tf.transpose(diagonal_inverse),
        OPPOSITE[padding],
        lookahead,
      )
      dkernel = _kernel_gradient(x, dy, kernel.shape, padding, lookahead)
      return dy, -dkernel, None

    return x, gradient

  return solve(images, kernel, diagonal_inverse)
