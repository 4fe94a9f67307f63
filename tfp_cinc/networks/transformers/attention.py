"""Scaled dot-product attention."""

import tensorflow as tf

from tfp_cinc.networks.precision import at_least_float32

__all__ = ['attention']


def attention(query, key, value, mask=None) -> tf.Tensor:
  """Returns softmax(q k^T / sqrt(d)) v.

  The softmax is computed in float32 or higher precision.

  #### References

  Vaswani et al. 2017, [Attention Is All You
  Need](https://arxiv.org/abs/1706.03762), section 3.2.1.

  Args:
    query: `Tensor` [..., M, d].
    key: `Tensor` [..., L, d].
    value: `Tensor` [..., L, d].
    mask: Bool `Tensor` that broadcasts to [..., M, L]: the keys that each query
      may read, at least one. None means all.

  Returns:
    `Tensor` [..., M, d].
  """
  scores = tf.matmul(query * query.shape[-1] ** -0.5, key, transpose_b=True)
  scores = at_least_float32(scores)
  if mask is not None:
    scores = tf.where(mask, scores, tf.constant(scores.dtype.min, scores.dtype))
  return tf.matmul(tf.cast(tf.nn.softmax(scores), value.dtype), value)
