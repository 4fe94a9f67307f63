"""Weights that do not change, and what is computed of them once."""

import contextlib

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.conditioning import condition_on
from tfp_cinc.internal import switches
from tfp_cinc.internal.derived import keeping

__all__ = ['frozen_weights']

tfd = tfp.distributions


@contextlib.contextmanager
def frozen_weights(flow: tfd.TransformedDistribution, condition=None):
  """A context in which matrices that follow from the weights are kept.

  The inverses of 1x1 convolutions, and the matrices by which a causal or a
  periodic convolution is solved for images of the flow's shape, are computed
  once and not at each call. It is for many samples of one set of weights;
  exported models have these matrices too.

    with tfp_cinc.frozen_weights(flow):
      sample = tf.function(lambda seed: flow.sample(16, seed=seed))
      for i in range(1000):
        images = sample(tf.constant([i, 0]))

  The weights must not change within it, and have no gradients there; images
  and latents have them. A function that is traced within it is for use within
  it. The matrices of a causal k x k convolution of C channels take
  4 * (s^2 * C)^2 numbers of memory, s = max(2, k - 1), and up to (3 k - 1) *
  (b * C)^2 where it looks ahead, b its block of pixels; those of a periodic one
  H * W * C^2 at images of [H, W].

  Args:
    flow: a distribution of a static event shape.
    condition: any condition of a conditional flow, as in
      `tfp_cinc.condition_on`.
  """
  with keeping(), switches.native_gradients.on():
    with tf.init_scope():
      kwargs = {} if condition is None else condition_on(flow, condition)
      latents = tf.zeros([1, *flow.event_shape], flow.dtype)
      if condition is not None:
        # One for all images is of rank 1; others are of as many images.
        condition = tf.convert_to_tensor(condition)
        number = condition.shape[0] if condition.shape.rank > 1 else 1
        latents = tf.repeat(latents, number, axis=0)
      flow.bijector.forward(latents, **kwargs)
    yield
