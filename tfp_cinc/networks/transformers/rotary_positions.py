"""Rotary positions of the tokens of an image."""

import numpy as np
import tensorflow as tf

__all__ = ['rotary_angles', 'rotate']


def rotary_angles(height: int, width: int, depth: int) -> np.ndarray:
  """Returns the angles of the rotary position encoding of an image.

  Half of the pairs of channels encode the row of a token, the other half its
  column. With frequencies w_n = 100^(-4 n / d), the angles of the pixel (i, j)
  are

  ```
  w_0 i, w_1 i, ..., w_0 j, w_1 j, ...
  ```

  #### Example

  >>> np.round(rotary_angles(2, 2, depth=8)[-1], 2).tolist()
  [1.0, 0.1, 1.0, 0.1]

  #### References

  Su et al. 2021, [RoFormer](https://arxiv.org/abs/2104.09864), section 3.2,
  extended to two dimensions.

  Args:
    height: Number of rows H.
    width: Number of columns W.
    depth: Number of channels d of a head, a multiple of 4.

  Returns:
    Float array [H * W, d / 2], in raster order.
  """
  frequencies = 100.0 ** (-4 * np.arange(depth // 4) / depth)
  rows, columns = np.indices([height, width]).reshape([2, -1, 1])
  return np.concatenate([rows * frequencies, columns * frequencies], axis=-1)


def rotate(x: tf.Tensor, angles) -> tf.Tensor:
  """Rotates pairs of channels.

  Channel n and channel n + d / 2 form a pair.

  Args:
    x: `Tensor` [..., d].
    angles: Floating array or `Tensor` that broadcasts to [..., d / 2].

  Returns:
    `Tensor` [..., d] of the dtype of `x`.
  """
  angles = tf.convert_to_tensor(angles)
  sin, cos = tf.cast(tf.sin(angles), x.dtype), tf.cast(tf.cos(angles), x.dtype)
  one, other = tf.split(x, 2, axis=-1)
  return tf.concat([one * cos - other * sin, one * sin + other * cos], -1)
