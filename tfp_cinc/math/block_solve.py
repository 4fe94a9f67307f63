"""Solution of causal convolutions by blocks of pixels.

This is the core of `causal_conv2d_solve`, whose docstring explains the method.
More than 300 lines: the order of the blocks, their matrices and the two ways of
the solve describe one division of an image.
"""

import itertools

import numpy as np
import tensorflow as tf

__all__ = ['block_matrices', 'solve_blocks']

# Maximum number of entries of a block that has a single row. Up to this size,
# fewer and larger products are faster on a CPU.
_ROW_BLOCK = 64
# From this number of channels on, blocks are single pixels. This takes fewer
# multiplications, and no matrices of blocks have to be computed.
_PIXEL_CHANNELS = 48
# From this number of products on, wavefronts are computed in a `tf.while_loop`.
# It is traced at once, but takes about twice as long to run.
_LOOP_PRODUCTS = 150


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
    self.neighbours = [
      (up, left)
      for up, left in _neighbours(kernel_shape, self.shape, lookahead)
      if up < self.rows and abs(left) < self.columns
    ]
    self.slope = max(
      [1, *(-((left - 1) // up) for up, left in self.neighbours if up)]
    )

  @property
  def is_by_pixel(self) -> bool:
    """Whether a block is a single pixel."""
    return self.shape == (1, 1)

  @property
  def num_steps(self) -> int:
    """Number of wavefronts."""
    return self.slope * (self.rows - 1) + self.columns

  def delay(self, neighbour) -> int:
    """Returns how many steps before a block its neighbor is solved."""
    up, left = neighbour
    return self.slope * up + left


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
    `Tensor` M [1 + n, F, F] for blocks of F numbers with n neighbors. With
    blocks as row vectors, x = y @ M[0] + sum_n neighbor_n @ M[1 + n]. For
    blocks of one pixel, x = (y + sum_n neighbor_n @ M[1 + n]) @ M[0], as
    products of the kernel and M[0] would cost more than they save.

  Raises:
    ValueError: If H or W is not static.
  """
  if None in tuple(image_size):
    raise ValueError(
      f'images have the size {tuple(image_size)}; the solve needs static H and '
      'W.'
    )
  grid = _Grid(kernel.shape, image_size, lookahead)
  own = _own_inverse(kernel, diagonal_inverse, grid.shape, lookahead)
  if not grid.neighbours:
    return own[tf.newaxis]
  others = -_block_weights(kernel, grid.shape, grid.neighbours, lookahead)
  if not grid.is_by_pixel:
    others @= own
  return tf.concat([own[tf.newaxis], others], axis=0)


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
  (side, breadth), rows, columns = grid.shape, grid.rows, grid.columns
  vertical, horizontal = padding.split('_')
  flips = [1] * (vertical == 'bottom') + [2] * (horizontal == 'right')
  images = tf.reverse(y, flips) if flips else y
  if height % side or width % breadth:
    margins = [0, rows * side - height], [0, columns * breadth - width]
    images = tf.pad(images, [[0, 0], *margins, [0, 0]])

  products = grid.num_steps * len(grid.neighbours)
  solve = _solve_in_loop if products >= _LOOP_PRODUCTS else _solve_in_turn
  # A strip is one pixel row of a block: breadth * C numbers that are contiguous
  # in memory. A gather of strips was faster than a transposition.
  strips = tf.reshape(images, [-1, breadth * channels])
  solved, position = solve(strips, matrices, grid, tf.shape(y)[0])
  # `tf.dynamic_stitch` cannot be vectorized by `tf.vectorized_map`.
  image = tf.range(tf.shape(y)[0])[:, tf.newaxis, tf.newaxis, tf.newaxis]
  strip = position[:, np.newaxis] * tf.shape(y)[0] + image
  strip = side * strip + np.arange(side)[:, np.newaxis]
  images = tf.gather(tf.reshape(solved, [-1, breadth * channels]), strip)
  images = tf.reshape(images, [-1, rows * side, columns * breadth, channels])
  images = images[:, :height, :width]
  return tf.reverse(images, flips) if flips else images


def _gather_blocks(strips, i, j, grid, count):
  """Returns the blocks [K, N, F] at the grid positions (i[k], j[k])."""
  side, columns = grid.shape[0], grid.columns
  strip = (side * i[:, np.newaxis] + np.arange(side)) * columns
  strip += j[:, np.newaxis]
  image = tf.range(count)[:, tf.newaxis] * (grid.rows * side * columns)
  blocks = tf.gather(strips, image + strip[:, np.newaxis])
  return tf.reshape(blocks, [len(i), -1, side * strips.shape[-1]])


def _product(blocks, matrix):
  """Returns the products of row vectors [K, N, F] and a matrix [F, G]."""
  flat = tf.reshape(blocks, [-1, blocks.shape[-1]]) @ matrix
  shape = [blocks.shape[0], -1, matrix.shape[-1]]
  return tf.reshape(flat, shape)


def _solve_in_turn(strips, matrices, grid, count):
  """Solves one wavefront of blocks after the other.

  Args:
    strips: `Tensor` [N * H * columns, F / side], the image.
    matrices: As in `solve_blocks`.
    grid: `_Grid`.
    count: Number of images, N.

  Returns:
    (the solved blocks [rows * columns, N, F], an array [rows, columns] of their
    positions).
  """
  wavefronts = [_wavefront(grid, time) for time in range(grid.num_steps)]
  i, j = np.concatenate(wavefronts, axis=1)
  blocks = _gather_blocks(strips, i, j, grid, count)
  own, *others = tf.unstack(matrices)
  if not grid.is_by_pixel:
    blocks = _product(blocks, own)
  blocks = tf.split(blocks, [len(rows) for rows, _ in wavefronts])
  solved = []
  for time, ((rows, _), known) in enumerate(
    zip(wavefronts, blocks, strict=True)
  ):
    terms = [known]
    for neighbour, matrix in zip(grid.neighbours, others, strict=True):
      before, up = time - grid.delay(neighbour), neighbour[0]
      seen = before >= 0 and solved[before].rows(
        rows[0] - up, rows[-1] + 1 - up
      )
      if seen is not False:
        terms.append(_product(seen, matrix))
    x = tf.add_n(terms)
    if grid.is_by_pixel:
      x = _product(x, own)
    solved.append(_Wavefront(x, rows[0], rows[-1] + 1))
  position = np.empty([grid.rows, grid.columns], np.int32)
  position[i, j] = np.arange(len(i))
  return tf.concat([wavefront.blocks for wavefront in solved], 0), position


def _solve_in_loop(strips, matrices, grid, count):
  """As `_solve_in_turn`, with all wavefronts of equal size in one loop.

  Wavefront t has a block of each row, at column t - slope * row. Blocks outside
  of the image are zero.
  """
  rows, columns, steps = grid.rows, grid.columns, grid.num_steps
  i = np.tile(np.arange(rows), steps)
  j = np.repeat(np.arange(steps), rows) - grid.slope * i
  is_inside = (j >= 0) & (j < columns)
  blocks = _gather_blocks(strips, i, np.where(is_inside, j, 0), grid, count)
  own, *others = tf.unstack(matrices)
  if not grid.is_by_pixel:
    blocks = _product(blocks, own)
  blocks = tf.reshape(blocks, [steps, rows, -1, blocks.shape[-1]])
  mask = tf.constant(is_inside.reshape([steps, rows, 1, 1]), blocks.dtype)
  most_up = max(up for up, _ in grid.neighbours)
  depth = max(map(grid.delay, grid.neighbours))
  above = [[most_up, 0], [0, 0], [0, 0]]

  def solve(time, history, solved):
    terms = [blocks[time]]
    for neighbour, matrix in zip(grid.neighbours, others, strict=True):
      start = most_up - neighbour[0]
      seen = history[grid.delay(neighbour) - 1][start : start + rows]
      terms.append(_product(seen, matrix))
    x = tf.add_n(terms)
    if grid.is_by_pixel:
      x = _product(x, own)
    x = tf.ensure_shape(x * mask[time], blocks.shape[1:])
    history = [tf.pad(x, above), *history[:-1]]
    return time + 1, history, solved.write(time, x)

  zero = tf.pad(tf.zeros_like(blocks[0]), above)
  _, _, solved = tf.while_loop(
    lambda time, *_: time < steps,
    solve,
    (
      0,
      [zero] * depth,
      tf.TensorArray(blocks.dtype, steps, element_shape=blocks.shape[1:]),
    ),
    parallel_iterations=1,
    maximum_iterations=steps,
  )
  row = np.arange(rows)[:, np.newaxis]
  position = (grid.slope * row + np.arange(columns)) * rows + row
  blocks = tf.reshape(solved.stack(), [steps * rows, -1, blocks.shape[-1]])
  return blocks, position


def _block_shape(kernel_shape, width, lookahead):
  """Returns the rows and columns of a block.

  Without lookahead, blocks of 2 x 2 pixels were the fastest in measurements
  with few channels; they are larger if the kernel requires it. With lookahead,
  a block has one row, because a second row would see the block to the right.
  Its width must divide the image width. The image cannot be padded with
  columns, because the rows below would have to read zeros there, but the
  solution is not zero there.
  """
  if kernel_shape[2] >= _PIXEL_CHANNELS or tuple(kernel_shape[:2]) == (1, 1):
    return 1, 1
  if not lookahead:
    return max(2, kernel_shape[0] - 1), max(2, kernel_shape[1] - 1)
  reach = max(1, kernel_shape[1] - 1 - lookahead, lookahead)
  divisors = [b for b in range(reach, width + 1) if width % b == 0] or [width]
  small = [b for b in divisors if b * kernel_shape[2] <= _ROW_BLOCK]
  return 1, small[-1] if small else divisors[0]


def _neighbours(kernel_shape, block_shape, lookahead):
  """Returns the other blocks that a block sees, as (rows up, columns left)."""
  (tap_rows, tap_columns), (side, breadth) = kernel_shape[:2], block_shape
  found = {
    ((r - i + side - 1) // side, (s - j + breadth - 1) // breadth)
    for r in range(tap_rows)
    for s in range(-lookahead if r else 1, tap_columns - lookahead)
    for i, j in itertools.product(range(side), range(breadth))
  }
  return sorted(found - {(0, 0)})


def _wavefront(grid, time):
  """Returns the index arrays (rows, columns) of the blocks of a time."""
  first = max(0, -((grid.columns - 1 - time) // grid.slope))
  i = np.arange(first, min(time // grid.slope, grid.rows - 1) + 1)
  return i, time - grid.slope * i


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


def _block_weights(kernel, shape, blocks, lookahead):
  """Returns the weights between pixels of a block and of blocks before it.

  Args:
    kernel: `Tensor` [a, b, C, C].
    shape: Rows and columns of a block.
    blocks: List of n other blocks, each as (rows up, columns left). (0, 0) is
      the block itself.
    lookahead: As in `solve_blocks`.

  Returns:
    `Tensor` [n, F, F]. Entry [n, p, q] is the weight from number p of block n
    to number q of the block itself.
  """
  tap_rows, tap_columns, channels = kernel.shape[:3]
  pixels, zero = shape[0] * shape[1], tap_rows * tap_columns
  pixel = np.stack(np.divmod(np.arange(pixels), shape[1]))
  distance = pixel[:, np.newaxis, :] - pixel[:, :, np.newaxis]  # [2, in, out]
  index = []
  for offset in blocks:
    r, s = distance + np.reshape(np.multiply(offset, shape), [2, 1, 1])
    seen = (r >= 0) & (r < tap_rows) & ((r > 0) | (s >= 0))
    seen &= (s >= -lookahead) & (s < tap_columns - lookahead)
    index.append(np.where(seen, r * tap_columns + s + lookahead, zero))
  # taps[r, lookahead + s] is the C x C matrix of the pixel r rows up and s
  # columns to the left.
  taps = tf.reshape(tf.reverse(kernel, [0, 1]), [zero, channels, channels])
  taps = tf.pad(taps, [[0, 1], [0, 0], [0, 0]])
  matrices = tf.transpose(tf.gather(taps, np.stack(index)), [0, 1, 3, 2, 4])
  return tf.reshape(matrices, [len(index), pixels * channels, -1])


def _own_inverse(kernel, diagonal_inverse, shape, lookahead):
  """Returns the inverse of the weights within a block, [F, F]."""
  pixels = shape[0] * shape[1]
  if pixels == 1:
    return diagonal_inverse
  # Normalized, so that the weight of a pixel on itself is the identity.
  matrix = _block_weights(
    kernel @ diagonal_inverse, shape, [(0, 0)], lookahead
  )[0]
  size = pixels * kernel.shape[-1]
  identity = tf.eye(size, dtype=kernel.dtype)
  # `matrix` is I - power. Each step within a block, from a pixel to one that
  # sees it, adds at least 1 to (lookahead + 1) * row + column. Therefore
  # power^(steps + 1) = 0, and the inverse is the product of all
  # I + power^(2^n).
  steps = (lookahead + 1) * (shape[0] - 1) + shape[1] - 1
  power = identity - matrix
  inverse = identity + power
  for _ in range(1, steps.bit_length()):
    power = power @ power
    inverse += power @ inverse
  inverse = tf.reshape(inverse, [pixels, kernel.shape[-1], size])
  return tf.reshape(diagonal_inverse @ inverse, [size, size])
