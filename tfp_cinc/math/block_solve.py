"""The solve of a causal convolution over blocks of pixels.

How it works is told in `causal_conv2d_solve`, of which this is the core.
"""

import numpy as np
import tensorflow as tf

__all__ = ['solve_blocks']


def solve_blocks(y, kernel, corner_inverse, padding):
  """Solves an undilated causal convolution; see `causal_conv2d_solve`.

  Args:
    y: `Tensor` [N, H, W, C] with static H, W and C.
    kernel: `Tensor` [k, k, C, C].
    corner_inverse: `Tensor` [C, C], the inverse of kernel[k-1, k-1].
    padding: the padded corner.

  Returns:
    `Tensor` x of the shape of `y`.

  Raises:
    ValueError: if H, W or C is not static.
  """
  height, width, channels = y.shape[1:]
  if None in (height, width, channels):
    raise ValueError(
      f'images have shape {y.shape}; the solve needs static H, W and C.'
    )
  kernel_size = kernel.shape[0]
  if kernel_size == 1:
    flat = tf.reshape(y, [-1, channels]) @ corner_inverse
    return tf.reshape(flat, tf.shape(y))
  side = max(2, kernel_size - 1)
  size = side * side * channels
  rows, columns = -(-height // side), -(-width // side)
  vertical, horizontal = padding.split('_')
  flips = [1] * (vertical == 'bottom') + [2] * (horizontal == 'right')

  # [N, H, W, C] -> [rows * columns, N, size], in the order of the diagonals. A
  # pixel row of a block stays together: s * C numbers that lie side by side.
  images = tf.reverse(y, flips) if flips else y
  margins = [0, rows * side - height], [0, columns * side - width]
  if height % side or width % side:
    images = tf.pad(images, [[0, 0], *margins, [0, 0]])
  blocks = tf.reshape(images, [-1, rows, side, columns, side * channels])
  blocks = tf.transpose(blocks, [1, 3, 0, 2, 4])
  blocks = tf.reshape(blocks, [rows * columns, -1, size])
  diagonals = _anti_diagonals(rows, columns)
  places = [i * columns + j for i, j in diagonals]
  blocks = tf.gather(blocks, np.concatenate(places))

  def product(blocks, matrix):
    result = tf.reshape(blocks, [-1, size]) @ matrix
    return tf.reshape(result, tf.shape(blocks))

  # taps[r, s]: the channel matrix for the pixel r rows and s columns back,
  # normalised so that taps[0, 0] is the identity.
  taps = tf.reverse(kernel, [0, 1]) @ corner_inverse
  from_known, from_left, from_above, from_above_left = tf.unstack(
    _block_weights(taps, corner_inverse, side)
  )
  known = tf.split(product(blocks, from_known), [len(i) for i, _ in diagonals])
  solved = []
  for (i, _), term in zip(diagonals, known, strict=True):
    first, last = i[0], i[-1] + 1
    terms = [term]
    if solved:
      left = solved[-1].rows(first, last)
      above = solved[-1].rows(first - 1, last - 1)
      terms += [product(left, from_left), product(above, from_above)]
    if len(solved) > 1:
      above_left = solved[-2].rows(first - 1, last - 1)
      terms.append(product(above_left, from_above_left))
    solved.append(_Diagonal(tf.add_n(terms), first, last))

  blocks = tf.dynamic_stitch(places, [diagonal.blocks for diagonal in solved])
  blocks = tf.reshape(blocks, [rows, columns, -1, side, side * channels])
  images = tf.transpose(blocks, [2, 0, 3, 1, 4])
  images = tf.reshape(images, [-1, rows * side, columns * side, channels])
  images = images[:, :height, :width]
  return tf.reverse(images, flips) if flips else images


def _anti_diagonals(rows, columns):
  """The (rows, columns) index arrays of each anti-diagonal of a grid."""
  diagonals = []
  for total in range(rows + columns - 1):
    i = np.arange(max(0, total - columns + 1), min(total, rows - 1) + 1)
    diagonals.append((i, total - i))
  return diagonals


class _Diagonal:
  """The solved blocks [last - first, N, F] of an anti-diagonal, by grid row."""

  def __init__(self, blocks, first, last):
    self.blocks, self.first, self.last = blocks, first, last
    self._padded = None

  def rows(self, first, last):
    """The blocks of rows first to last - 1, 0 for those just outside."""
    if self.first <= first and last <= self.last:
      return self.blocks[first - self.first : last - self.first]
    if self._padded is None:
      self._padded = tf.pad(self.blocks, [[1, 1], [0, 0], [0, 0]])
    start = first - (self.first - 1)
    return self._padded[start : start + last - first]


def _block_weights(taps, corner_inverse, side):
  """The matrix that solves a block of side x side pixels.

  Args:
    taps: [k, k, C, C], by distance in rows and columns; taps[0, 0] = I.
    corner_inverse: [C, C].
    side: at least k - 1, so that a block sees only itself and its neighbours
      to the left, above and above left.

  Returns:
    [4, F, F] with F = side * side * C: with blocks as row vectors of F numbers,
    x = y @ [0] + left @ [1] + above @ [2] + above_left @ [3].
  """
  kernel_size, channels = taps.shape[0], taps.shape[-1]
  pixels, zero = side * side, kernel_size * kernel_size
  size = pixels * channels
  pixel = np.stack(np.divmod(np.arange(pixels), side))
  distance = pixel[:, np.newaxis, :] - pixel[:, :, np.newaxis]  # [2, in, out]
  index = []
  for offset in ((0, 0), (0, 1), (1, 0), (1, 1)):
    r, s = distance + side * np.reshape(offset, [2, 1, 1])
    inside = (r >= 0) & (r < kernel_size) & (s >= 0) & (s < kernel_size)
    index.append(np.where(inside, r * kernel_size + s, zero))
  taps = tf.reshape(taps, [zero, channels, channels])
  taps = tf.pad(taps, [[0, 1], [0, 0], [0, 0]])
  matrices = tf.transpose(tf.gather(taps, np.stack(index)), [0, 1, 3, 2, 4])
  matrices = tf.reshape(matrices, [4, size, size])
  # The block's own matrix is I - power with power^(2 * side - 1) = 0: the steps
  # to the right and down within a block. Its inverse is the product of the
  # I + power^(2^n).
  identity = tf.eye(size, dtype=taps.dtype)
  power = identity - matrices[0]
  inverse = identity + power
  for _ in range(1, (2 * side - 2).bit_length()):
    power = power @ power
    inverse += power @ inverse
  known = corner_inverse @ tf.reshape(inverse, [pixels, channels, size])
  known = tf.reshape(known, [1, size, size])
  return tf.concat([known, -matrices[1:] @ inverse], axis=0)
