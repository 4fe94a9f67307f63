"""What a `FlowModel` makes of weights and conditions that Keras changes."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_cinc
from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel

SHAPE = [4, 4, 1]
IMAGES = np.random.default_rng(0).integers(0, 256, [8, *SHAPE], np.uint8)
IMAGES[:4] //= 4
WEIGHTS = np.arange(8, dtype=np.float32)
# In float32, all of them round to 1/3.
CONDITIONS = 1 / 3 + 1e-10 * np.arange(16.0).reshape([8, 2])


def make_model(**options):
  """A model whose flow is initialized and does not learn."""
  flow = models.cinc(
    SHAPE, levels=1, depth=1, hidden_channels=8, seed=0, **options
  )
  for i, variable in enumerate(flow.trainable_variables):
    noise = tf.random.stateless_normal(variable.shape, [0, i], dtype=flow.dtype)
    variable.assign_add(0.1 * noise)
  channels = options.get('condition_channels')
  condition = np.zeros([8, channels]) if channels else None
  values = tf.cast(tfp_cinc.dequantize(IMAGES, noise=0.5), flow.dtype)
  tfp_cinc.initialize_from_data(flow, values, condition)
  model = FlowModel(flow)
  model.compile(tf_keras.optimizers.SGD(0.0), run_eagerly=True)
  return model


class Batches(tf_keras.utils.Sequence):
  """Batches (images, None, weights)."""

  def __len__(self):
    return 2

  def __getitem__(self, index):
    here = slice(4 * index, 4 * index + 4)
    return IMAGES[here], None, WEIGHTS[here]


def data_set():
  data = tf.data.Dataset.from_tensor_slices((IMAGES, WEIGHTS)).batch(4)
  return data.map(lambda x, weight: (x, None, weight))


def weighted_mean(model):
  bits = model.predict(IMAGES, verbose=0)
  mean = np.average(bits, weights=WEIGHTS)
  assert abs(mean - np.mean(bits)) > 0.1
  return mean


def test_weights_count_in_each_evaluation():
  model = make_model()
  mean = weighted_mean(model)
  options = {'verbose': 0, 'return_dict': True}
  for logs in (
    model.test_on_batch(IMAGES, sample_weight=WEIGHTS, return_dict=True),
    model.test_on_batch(IMAGES, None, list(WEIGHTS), return_dict=True),
    model.evaluate(IMAGES, sample_weight=WEIGHTS, **options),
    model.evaluate(iter(Batches()), steps=2, **options),
    model.evaluate(Batches(), **options),
    model.evaluate(data_set(), **options),
  ):
    np.testing.assert_allclose(logs['loss'], mean, rtol=1e-5)
    np.testing.assert_allclose(logs['bits_per_dim'], mean, rtol=1e-5)


@pytest.mark.slow
def test_weights_count_in_each_training():
  """It draws new noise, which changes little."""
  model = make_model()
  mean = weighted_mean(model)
  loss, _ = model.train_on_batch(IMAGES, sample_weight=WEIGHTS)
  np.testing.assert_allclose(loss, mean, atol=0.05)
  for data, options in (
    (IMAGES, {'sample_weight': WEIGHTS}),
    (Batches(), {}),
    (iter(Batches()), {'steps_per_epoch': 2}),
    (data_set(), {}),
    (IMAGES, {'validation_data': Batches()}),
    (IMAGES, {'validation_data': (IMAGES, None, WEIGHTS)}),
  ):
    logs = model.fit(data, verbose=0, **options).history
    if 'val_loss' in logs:
      np.testing.assert_allclose(logs['val_loss'][0], mean, rtol=1e-5)
    else:
      np.testing.assert_allclose(logs['loss'][0], mean, atol=0.05)


def test_a_data_set_without_targets_initializes_a_flow():
  flow = models.cinc(SHAPE, levels=1, depth=1, hidden_channels=8, seed=0)
  model = FlowModel(flow)
  model.compile(tf_keras.optimizers.SGD(0.0), run_eagerly=True)
  logs = model.fit(data_set(), verbose=0).history
  np.testing.assert_allclose(logs['loss'][0], weighted_mean(model), atol=0.05)


@pytest.mark.parametrize('method', ['train_on_batch', 'test_on_batch'])
def test_a_weight_of_zero_is_no_image(method):
  tf_keras.utils.set_random_seed(0)
  model = make_model()
  model.compile(tf_keras.optimizers.SGD(1.0), run_eagerly=True)
  before = model.get_weights()
  getattr(model, method)(IMAGES, sample_weight=np.zeros(8))
  for one, same in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(one, same)


def test_weights_are_no_condition():
  """They stand in for targets, which a conditional flow would take."""
  model = make_model(condition_channels=1)
  weights = WEIGHTS[:, np.newaxis]
  for use in (
    lambda: model.evaluate(data_set(), verbose=0),
    lambda: model.train_on_batch(IMAGES, sample_weight=weights),
    lambda: model.test_on_batch(IMAGES, sample_weight=weights),
    lambda: model.fit(iter([(IMAGES, None, weights)]), verbose=0),
  ):
    with pytest.raises(ValueError, match='is conditional; pass'):
      use()


def test_class_weights_need_labels():
  model, weights = make_model(), {0: 0.0, 1: 2.0}
  labels = np.arange(8) % 2
  odd = np.mean(model.predict(IMAGES[1::2], verbose=0))
  found, _ = model.train_on_batch(IMAGES, labels, None, weights)
  np.testing.assert_allclose(found, odd, atol=0.05)
  for use in (
    lambda: model.train_on_batch(IMAGES, None, WEIGHTS, weights),
    lambda: model.fit(IMAGES, sample_weight=WEIGHTS, class_weight=weights),
    lambda: model.fit(data_set(), class_weight=weights),
  ):
    with pytest.raises(ValueError, match='without the labels `y`; pass'):
      use()


@pytest.mark.parametrize(
  ('policy', 'dtype'),
  [
    ('mixed_bfloat16', tf.float32),
    ('mixed_float16', tf.float32),
    ('float32', tf.float64),
    ('mixed_float16', tf.float64),
  ],
)
def test_the_condition_has_the_precision_of_the_flow(policy, dtype):
  old = tf_keras.mixed_precision.global_policy()
  conditions = CONDITIONS if dtype == tf.float64 else 10 * CONDITIONS
  conditions = conditions.astype(dtype.as_numpy_dtype)
  try:
    tf_keras.mixed_precision.set_global_policy(policy)
    model = make_model(condition_channels=2, dtype=dtype)
    noise = tfp_cinc.saved_model.fixed_noise(SHAPE)
    x = tf.cast(tfp_cinc.dequantize(IMAGES, noise=noise), dtype)
    log_prob = tfp_cinc.given(model.flow, conditions).log_prob(x)
    expected = tfp_cinc.bits_per_dim(log_prob, SHAPE)
    rounded = tf.cast(tf.cast(conditions, tf.bfloat16), dtype)
    if dtype == tf.float64:
      rounded = tf.cast(tf.cast(conditions, tf.float32), dtype)
    log_prob = tfp_cinc.given(model.flow, rounded).log_prob(x)
    assert np.any(tfp_cinc.bits_per_dim(log_prob, SHAPE) != expected)

    exact = {'rtol': 1e-14 if dtype == tf.float64 else 1e-6}
    pair, mean = (IMAGES, conditions), np.mean(expected)
    np.testing.assert_allclose(model(pair), expected, **exact)
    np.testing.assert_allclose(
      model.predict(pair, verbose=0), expected, **exact
    )
    np.testing.assert_allclose(model.predict_on_batch(pair), expected, **exact)
    found = model.predict(iter([(pair,)]), verbose=0)
    np.testing.assert_allclose(found, expected, **exact)
    # The metrics are in float32.
    for found in (
      model.evaluate(*pair, verbose=0)[0],
      model.test_on_batch(*pair)[0],
    ):
      np.testing.assert_allclose(found, mean, rtol=1e-6)
  finally:
    tf_keras.mixed_precision.set_global_policy(old)
