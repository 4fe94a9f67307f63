"""Solution of causal convolutions by blocks of pixels.

This is the core of `causal_conv2d_solve`, whose docstring explains the method.
"""

import numpy as np
import tensorflow as tf

__all__ = ['block_matrices', 'solve_blocks']

# Maximum number of entries of a block that has a single row. Up to this size,
# fewer and larger products are faster on a CPU.
_ROW_BLOCK = 64


class _Grid:
  """The division of an image into blocks, and the order of their solution.

  Attributes:
    shape: Rows and columns of pixels in a block.
    rows: Number of rows of blocks.
    columns: Number of columns of blocks.
    neighbours: The neighbors that a block sees, each as (rows up, columns
      left), counted in blocks.
    slope: Block (i, j) is solved at time slope * i + j, after its neighbors.
  """

  def __init__(self, kernel_shape, image_size, lookahead):
    height, width = image_size
    self.shape = side, breadth = _block_shape(kernel_shape, width, lookahead)
    self.rows, self.columns = -(-height // side), -(-width // breadth)
    neighbours = [(0, 1), (1, 0), (1, 1)]
    self.slope = 1
    if lookahead:
      neighbours = [
        (up, left) for up in range(kernel_shape[0]) for left in (0, 1)
      ]
      neighbours += [(up, -1) for up in range(1, kernel_shape[0])]
      neighbours.remove((0, 0))
      self.slope = 2 if self.columns > 1 else 1
    self.neighbours = [
      n for n in neighbours if n[0] < self.rows and abs(n[1]) < self.columns
    ]


def block_matrices(kernel, diagonal_inverse, image_size, lookahead=0):
  """Returns the matrices that `solve_blocks` multiplies by.

  They depend only on the kernel and the image size.

  Args:
    kernel: `Tensor` [a, b, C, C].
    diagonal_inverse: `Tensor` [C, C], the inverse of
      kernel[-1, -1 - lookahead].
    image_size: Height and width of the images, (H, W).
    lookahead: Number of columns to the right of a pixel that it sees in the
      rows above.

  Returns:
    `Tensor` [1 + n, F, F] for blocks of F numbers with n neighbors.

  Raises:
    ValueError: If H or W is not static.
  """
  if None in tuple(image_size):
    raise ValueError(
      f'images have the size {tuple(image_size)}; the solve needs static H and '
      'W.'
    )
  if kernel.shape[0] == kernel.shape[1] == 1:
    return diagonal_inverse[tf.newaxis]
  grid = _Grid(kernel.shape, image_size, lookahead)
  # taps[r, lookahead + s] is the C x C matrix of the pixel r rows up and s
  # columns to the left, normalized so that the pixel's own is the identity.
  taps = tf.reverse(kernel, [0, 1]) @ diagonal_inverse
  return _block_weights(
    taps, diagonal_inverse, grid.shape, grid.neighbours, lookahead
  )


def solve_blocks(y, matrices, kernel_shape, padding, lookahead=0):
  """Solves an undilated causal convolution; see `causal_conv2d_solve`.

  Args:
    y: `Tensor` [N, H, W, C] with static H, W and C.
    matrices: Result of `block_matrices` for the kernel and (H, W).
    kernel_shape: Shape of the kernel, [a, b, C, C].
    padding: Padded sides of the image, as in `causal_conv2d`.
    lookahead: As in `block_matrices`.

  Returns:
    `Tensor` x of the shape of `y`.

  Raises:
    ValueError: If H, W or C is not static.
  """
  height, width, channels = y.shape[1:]
  if None in (height, width, channels):
    raise ValueError(
      f'images have shape {y.shape}; the solve needs static H, W and C.'
    )
  if kernel_shape[0] == kernel_shape[1] == 1:
    flat = tf.reshape(y, [-1, channels]) @ matrices[0]
    return tf.reshape(flat, tf.shape(y))
  grid = _Grid(kernel_shape, (height, width), lookahead)
  (side, breadth), slope = grid.shape, grid.slope
  rows, columns = grid.rows, grid.columns
  size = side * breadth * channels
  vertical, horizontal = padding.split('_')
  flips = [1] * (vertical == 'bottom') + [2] * (horizontal == 'right')

  # [N, H, W, C] -> [rows * columns, N, size], in the order of the wavefronts. A
  # strip is one pixel row of a block: breadth * C numbers that are contiguous
  # in memory. A gather of strips was faster than a transposition.
  images = tf.reverse(y, flips) if flips else y
  if height % side or width % breadth:
    margins = [0, rows * side - height], [0, columns * breadth - width]
    images = tf.pad(images, [[0, 0], *margins, [0, 0]])
  wavefronts = _wavefronts(rows, columns, slope)
  counts = [len(i) for i, _ in wavefronts]
  i, j = np.concatenate(wavefronts, axis=1)
  strip = (side * i[:, np.newaxis] + np.arange(side)) * columns
  strip += j[:, np.newaxis]
  image = tf.range(tf.shape(y)[0])[:, tf.newaxis] * (rows * side * columns)
  places = image + strip[:, np.newaxis]  # strips, [rows * columns, N, side]
  blocks = tf.reshape(images, [-1, breadth * channels])
  blocks = tf.gather(blocks, places)
  blocks = tf.reshape(blocks, [rows * columns, -1, size])

  def product(blocks, matrix):
    result = tf.reshape(blocks, [-1, size]) @ matrix
    return tf.reshape(result, tf.shape(blocks))

  from_known, *from_neighbours = tf.unstack(matrices)
  known = tf.split(product(blocks, from_known), counts)
  solved = []
  for time, ((rows_now, _), term) in enumerate(
    zip(wavefronts, known, strict=True)
  ):
    terms = [term]
    for (up, left), matrix in zip(
      grid.neighbours, from_neighbours, strict=True
    ):
      before = time - slope * up - left
      seen = before >= 0 and solved[before].rows(
        rows_now[0] - up, rows_now[-1] + 1 - up
      )
      if seen is not False:
        terms.append(product(seen, matrix))
    solved.append(_Wavefront(tf.add_n(terms), rows_now[0], rows_now[-1] + 1))

  # `tf.dynamic_stitch` would save the concatenation, which takes little time,
  # but cannot be vectorized by `tf.vectorized_map`.
  blocks = tf.concat([wavefront.blocks for wavefront in solved], axis=0)
  position = np.empty([rows, columns], np.int32)
  position[i, j] = np.arange(rows * columns)
  image = tf.range(tf.shape(y)[0])[:, tf.newaxis, tf.newaxis, tf.newaxis]
  strip = position[:, np.newaxis] * tf.shape(y)[0] + image
  strip = side * strip + np.arange(side)[:, np.newaxis]
  images = tf.gather(tf.reshape(blocks, [-1, breadth * channels]), strip)
  images = tf.reshape(images, [-1, rows * side, columns * breadth, channels])
  images = images[:, :height, :width]
  return tf.reverse(images, flips) if flips else images


def _block_shape(kernel_shape, width, lookahead):
  """Returns the rows and columns of a block.

  A block must see only itself and its neighbors. Without lookahead, blocks of
  2 x 2 pixels were the fastest in measurements; they are larger if the kernel
  requires it. With lookahead, a block has one row, because a second row would
  see the block to the right. Its width must divide the image width. The image
  cannot be padded with columns, because the rows below would have to read zeros
  there, but the solution is not zero there.
  """
  if not lookahead:
    return max(2, kernel_shape[0] - 1), max(2, kernel_shape[1] - 1)
  reach = max(1, kernel_shape[1] - 1 - lookahead, lookahead)
  divisors = [b for b in range(reach, width + 1) if width % b == 0] or [width]
  small = [b for b in divisors if b * kernel_shape[2] <= _ROW_BLOCK]
  return 1, small[-1] if small else divisors[0]


def _wavefronts(rows, columns, slope):
  """Returns index arrays (rows, columns) for each time slope * row + column."""
  wavefronts = []
  for time in range(slope * (rows - 1) + columns):
    first = max(0, -((columns - 1 - time) // slope))
    i = np.arange(first, min(time // slope, rows - 1) + 1)
    wavefronts.append((i, time - slope * i))
  return wavefronts


class _Wavefront:
  """The solved blocks [last - first, N, F] of a wavefront, by grid row."""

  def __init__(self, blocks, first, last):
    self.blocks, self.first, self.last = blocks, first, last
    self._padded = {}

  def rows(self, first, last):
    """Returns the blocks of rows first to last - 1, with zeros outside.

    Returns False if all of these rows are outside the wavefront.
    """
    if last <= self.first or self.last <= first:
      return False
    if self.first <= first and last <= self.last:
      return self.blocks[first - self.first : last - self.first]
    margin = max(self.first - first, last - self.last)
    if margin not in self._padded:
      margins = [[margin, margin], [0, 0], [0, 0]]
      self._padded[margin] = tf.pad(self.blocks, margins)
    start = first - (self.first - margin)
    return self._padded[margin][start : start + last - first]


def _block_weights(taps, diagonal_inverse, shape, neighbours, lookahead):
  """Returns the matrices that solve a block of pixels.

  Args:
    taps: `Tensor` [a, b, C, C], by distance in rows and columns, with
      taps[0, lookahead] = I.
    diagonal_inverse: `Tensor` [C, C].
    shape: Rows and columns of a block, as `_block_shape` returns them.
    neighbours: The n neighbors of a block, as in `_Grid`.
    lookahead: As in `solve_blocks`.

  Returns:
    `Tensor` M [1 + n, F, F] with F = rows * columns * C. With blocks as row
    vectors of F numbers, x = y @ M[0] + sum_n neighbor_n @ M[1 + n].
  """
  tap_rows, tap_columns, channels = taps.shape[:3]
  pixels, zero = shape[0] * shape[1], tap_rows * tap_columns
  size = pixels * channels
  pixel = np.stack(np.divmod(np.arange(pixels), shape[1]))
  distance = pixel[:, np.newaxis, :] - pixel[:, :, np.newaxis]  # [2, in, out]
  index = []
  for offset in ((0, 0), *neighbours):
    r, s = distance + np.reshape(np.multiply(offset, shape), [2, 1, 1])
    seen = (r >= 0) & (r < tap_rows) & ((r > 0) | (s >= 0))
    seen &= (s >= -lookahead) & (s < tap_columns - lookahead)
    index.append(np.where(seen, r * tap_columns + s + lookahead, zero))
  taps = tf.reshape(taps, [zero, channels, channels])
  taps = tf.pad(taps, [[0, 1], [0, 0], [0, 0]])
  matrices = tf.transpose(tf.gather(taps, np.stack(index)), [0, 1, 3, 2, 4])
  matrices = tf.reshape(matrices, [len(index), size, size])
  # The block's own matrix is I - power. Each step within a block, from a pixel
  # to one that sees it, adds at least 1 to (lookahead + 1) * row + column.
  # Therefore power^(steps + 1) = 0, and the inverse is the product of all
  # I + power^(2^n).
  steps = (lookahead + 1) * (shape[0] - 1) + shape[1] - 1
  identity = tf.eye(size, dtype=taps.dtype)
  power = identity - matrices[0]
  inverse = identity + power
  for _ in range(1, steps.bit_length()):
    power = power @ power
    inverse += power @ inverse
  known = diagonal_inverse @ tf.reshape(inverse, [pixels, channels, size])
  known = tf.reshape(known, [1, size, size])
  return tf.concat([known, -matrices[1:] @ inverse], axis=0)
