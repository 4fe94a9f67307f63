"""Which bijectors count as the same function, and what Variables read as."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc.internal.functional import reading, source, structure

tfb = tfp.bijectors


def alike(*bijectors):
  return len({structure(bijector) for bijector in bijectors}) == 1


def test_seeds_and_names_make_no_difference():
  def step(seed):
    return tfp_cinc.ReversibleChain(
      [
        tfp_cinc.trainable_act_norm(4),
        tfp_cinc.trainable_cinc_conv2d(4, corner='plu', seed=seed),
      ],
      name=f'step_{seed}',
    )

  assert alike(step(1), step(2), step(3))


def test_everything_else_does():
  make = tfp_cinc.trainable_cinc_conv2d
  kinds = [
    make(4, 3),
    make(4, 2),
    make(3, 3),
    make(4, 3, padding='top_right'),
    make(4, 3, dilation=2),
    make(4, 3, corner='plu'),
    make(4, 3, use_bias=True),
    make(4, 3, dtype=tf.float64),
    tfp_cinc.trainable_one_by_one_conv2d(4),
    tfb.Scale(2.0),
    tfb.Scale(3.0),
  ]
  assert len({structure(kind) for kind in kinds}) == len(kinds)


def test_constants_and_names_of_parts_do():
  def kernel(value):
    return tfp_cinc.CInCConv2D.from_kernel(value * np.ones([2, 2, 1, 1]))

  assert alike(kernel(1.0), kernel(1.0))
  assert not alike(kernel(1.0), kernel(2.0))
  parts = [
    tfp_cinc.ReversibleChain([tfp_cinc.trainable_act_norm(2, name=name)])
    for name in ('one', 'other')
  ]
  assert not alike(*parts)


def test_what_is_not_understood_is_like_nothing_else():
  def coupling():
    return tfp_cinc.AffineCoupling(lambda x: tf.concat([x, x], -1))

  class Foreign(tfb.Bijector):
    def __init__(self):
      super().__init__(forward_min_event_ndims=0)

  assert not alike(coupling(), coupling())
  assert not alike(Foreign(), Foreign())


def test_variables_read_as_tensors_within():
  variable = tf.Variable([1.0, 2.0])

  @tf.function
  def double(value):
    with reading([variable], [value]):
      with reading([variable], [value + 1.0]):
        inner = variable + 0.0
      assert source(variable) is value
      return 2.0 * variable, inner

  outer, inner = double(tf.constant([5.0, 6.0]))
  np.testing.assert_array_equal(outer, [10.0, 12.0])
  np.testing.assert_array_equal(inner, [6.0, 7.0])
  np.testing.assert_array_equal(variable + 0.0, [1.0, 2.0])
  assert source(variable) is variable


def test_variables_of_tf_distribute_are_left_alone():
  strategy = tf.distribute.MirroredStrategy(['CPU:0'])
  with strategy.scope():
    layers = [tfp_cinc.trainable_cinc_conv2d(2, seed=i) for i in range(2)]
  x = tf.random.stateless_normal([2, 3, 3, 2], [0, 0])
  for memory in ('store', 'checkpoint', 'reversible'):
    chain = tfp_cinc.ReversibleChain(layers, memory)

    @tf.function
    def gradient(x, chain=chain):
      with tf.GradientTape() as tape:
        y = tf.reduce_sum(chain.forward(x) ** 2)
      return y, tape.gradient(y, chain.trainable_variables[0])

    y, found = strategy.run(gradient, [x])
    np.testing.assert_allclose(y, tf.reduce_sum(chain.forward(x) ** 2), 1e-5)
    assert np.any(found != 0)


def test_classes_of_one_name_are_not_alike():
  def scaled(factor):
    class Scaled(tf.Module):
      def __init__(self):
        super().__init__()
        self.weight = tf.Variable(1.0)

      def __call__(self, x):
        return factor * self.weight * x

    return tfp_cinc.AdditiveCoupling(Scaled())

  chain = tfp_cinc.ReversibleChain([scaled(1.0), scaled(5.0)], 'store')
  x = tf.ones([1, 1, 1, 2])
  eager = chain.forward(x)
  np.testing.assert_array_equal(tf.function(chain.forward)(x), eager)
  np.testing.assert_array_equal(np.ravel(eager), [1.0, 7.0])
