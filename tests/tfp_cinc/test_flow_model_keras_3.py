"""`FlowModel` with optimizers, callbacks and networks of Keras 3."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc
from tfp_cinc import bijectors, models
from tfp_cinc.flow_model import FlowModel

tfb = tfp.bijectors
tfd = tfp.distributions

SHAPE = [4, 4, 2]
IMAGES = np.random.default_rng(0).choice([90, 100, 160], [16, *SHAPE])
IMAGES = IMAGES.astype(np.uint8)


def make_flow(seed=0):
  return models.cinc(SHAPE, levels=1, depth=1, hidden_channels=8, seed=seed)


def fit(optimizer, callbacks=None, flow=None, epochs=3, **options):
  """Returns a model and its logs, with the same noise in each call."""
  tf_keras.utils.set_random_seed(0)
  model = FlowModel(flow or make_flow())
  model.compile(optimizer, run_eagerly=True, **options)
  history = model.fit(
    IMAGES,
    batch_size=8,
    epochs=epochs,
    shuffle=False,
    verbose=0,
    validation_data=IMAGES[:8],
    callbacks=callbacks,
  )
  return model, history.history


def assert_same_weights(one, other, **tolerance):
  for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize(
  ('kind', 'options'),
  [('Adam', {'clipnorm': 0.1}), ('SGD', {'momentum': 0.9})],
)
@pytest.mark.slow
def test_an_optimizer_does_what_that_of_tf_keras_does(kind, options):
  ours, logs = fit(getattr(keras.optimizers, kind)(1e-2, **options))
  theirs, expected = fit(getattr(tf_keras.optimizers, kind)(1e-2, **options))
  assert_same_weights(ours, theirs, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(logs['loss'], expected['loss'], rtol=1e-6)
  assert logs['loss'][-1] < logs['loss'][0]


def test_the_weights_become_their_moving_averages():
  model, _ = fit(keras.optimizers.Adam(1e-2, use_ema=True), epochs=1)
  averages = [v for v in model.optimizer.variables if 'average' in v.name]
  for one, same in zip(averages, model.trainable_variables, strict=True):
    np.testing.assert_array_equal(one, same)


@pytest.mark.slow
def test_a_schedule_and_a_traced_step():
  rate = {'decay_steps': 4, 'alpha': 0.1}
  logs = []
  for library in (keras, tf_keras):
    tf_keras.utils.set_random_seed(0)
    decay = library.optimizers.schedules.CosineDecay(1e-2, **rate)
    model = FlowModel(make_flow())
    model.compile(library.optimizers.Adam(decay))
    history = model.fit(IMAGES, batch_size=4, epochs=2, verbose=0)
    logs.append(history.history['loss'])
  np.testing.assert_allclose(*logs, rtol=1e-6)


@pytest.mark.parametrize('name', ['all', 'all.weights.h5'])
def test_a_file_holds_the_optimizer(name, tmp_path):
  model, _ = fit(keras.optimizers.Adam(1e-2), epochs=1)
  model.save_weights(tmp_path / name)
  other = FlowModel(make_flow(seed=1))
  other.compile(keras.optimizers.Adam(1.0))
  other.load_weights(tmp_path / name)
  assert_same_weights(other, model, rtol=0)
  for one, same in zip(
    other.optimizer.variables, model.optimizer.variables, strict=True
  ):
    np.testing.assert_array_equal(one, same)
  assert other.optimizer.iterations == 2
  alone = FlowModel(make_flow(seed=1))  # without an optimizer
  alone.load_weights(tmp_path / name)
  assert_same_weights(alone, model, rtol=0)
  deeper = FlowModel(
    models.cinc(SHAPE, levels=1, depth=2, hidden_channels=8, seed=0)
  )
  with pytest.raises(ValueError, match='weights of another flow'):
    deeper.load_weights(tmp_path / name)


@pytest.mark.parametrize(
  'optimizer',
  [
    keras.optimizers.Adam,
    tf_keras.optimizers.Adam,
    tf_keras.optimizers.legacy.Adam,
  ],
)
@pytest.mark.slow
def test_callbacks(optimizer, tmp_path):
  """Callbacks of Keras 3 work with the optimizers of both libraries."""
  callbacks = keras.callbacks
  stop = callbacks.EarlyStopping(
    'val_bits_per_dim', patience=2, min_delta=9, restore_best_weights=True
  )
  rates, lines = [], tmp_path / 'log.csv'
  model, logs = fit(
    optimizer(1e-2),
    [
      stop,
      callbacks.ModelCheckpoint(
        tmp_path / 'best.weights.h5',
        'val_bits_per_dim',
        save_best_only=True,
        save_weights_only=True,
        initial_value_threshold=8.0,
      ),
      callbacks.LearningRateScheduler(lambda _, rate: rate / 2),
      callbacks.ReduceLROnPlateau('loss', 0.1, patience=1, min_delta=9),
      callbacks.CSVLogger(lines),
      callbacks.TensorBoard(tmp_path / 'board', histogram_freq=1),
      callbacks.TerminateOnNaN(),
      callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(logs['learning_rate'])
      ),
    ],
    epochs=9,
  )
  # No epoch is better than the first by 9 bits: its weights are put back.
  assert len(logs['loss']) == 3
  np.testing.assert_allclose(rates, [5e-3, 2.5e-3, 1.25e-4], rtol=1e-5)
  assert model.evaluate(IMAGES[:8], verbose=0)[1] == pytest.approx(
    logs['val_bits_per_dim'][0], rel=1e-5
  )
  assert len(lines.read_text().splitlines()) == 4
  loaded = FlowModel(make_flow(seed=1))
  loaded.load_weights(tmp_path / 'best.weights.h5')
  assert loaded.predict(IMAGES[:8], verbose=0).mean() == pytest.approx(
    min(logs['val_bits_per_dim']), rel=1e-5
  )
  assert list(tmp_path.glob('board/validation/events*'))
  # The same callback in another training.
  model.fit(IMAGES, verbose=0, validation_data=IMAGES[:8], callbacks=stop)


def test_a_loss_scale_is_lowered_by_an_overflow():
  optimizer = keras.optimizers.LossScaleOptimizer(
    keras.optimizers.SGD(1e-3), initial_scale=2.0**40
  )
  model, logs = fit(optimizer, epochs=1)
  expected, theirs = fit(keras.optimizers.SGD(1e-3), epochs=1)
  assert_same_weights(model, expected, rtol=1e-5, atol=1e-7)
  assert logs['loss'] == theirs['loss']
  before = model.get_weights()
  model.fit(IMAGES, sample_weight=np.full([16], np.inf), verbose=0)
  for one, same in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(one, same)
  assert optimizer.iterations == 2
  assert optimizer.dynamic_scale == 2.0**39


def test_what_does_not_work_is_refused_in_a_sentence(tmp_path):
  model = FlowModel(make_flow())
  adam = keras.optimizers.Adam
  theirs = tf_keras.optimizers.schedules.CosineDecay(1e-3, 9)
  ours = keras.optimizers.schedules.CosineDecay(1e-3, 9)
  for optimizer, sentence in (
    (adam(theirs), 'is a schedule of `tf_keras`; use one of `keras.opt'),
    (
      tf_keras.optimizers.legacy.Adam(ours),
      'is a schedule of `keras`; use one of `tf_keras.opt',
    ),
    (keras.layers.Dense(2), 'is a Dense; it must be one of `keras.opt'),
    (adam, r'is the class Adam; pass an object, such as Adam\(\.\.\.\)'),
  ):
    with pytest.raises(ValueError, match=sentence):
      model.compile(optimizer)
  model.compile(adam())
  callbacks = tf_keras.callbacks
  for callback, sentence in (
    (callbacks.TensorBoard(tmp_path), 'use a callback of `keras.callbacks`'),
    (callbacks.ReduceLROnPlateau(), 'use a callback of `keras.callbacks`'),
    (callbacks.BackupAndRestore(tmp_path), 'use `ModelCheckpoint'),
    (callbacks.TerminateOnNaN, 'the callback is the class TerminateOnNaN'),
    (keras.callbacks.ModelCheckpoint('a.keras'), 'save_weights_only=True'),
    (keras.callbacks.BackupAndRestore(tmp_path), 'needs a model of Keras 3'),
  ):
    with pytest.raises(ValueError, match=sentence) as error:
      model.fit(IMAGES, verbose=0, callbacks=callback)
    assert '\n' not in str(error.value)
  assert not tfp_cinc.initialization.is_initialized(model.flow)


def make_network(library):
  layers = library.layers
  return library.Sequential(
    [
      layers.Input([4, 4, 1]),
      layers.Conv2D(4, 3, padding='same', activation='relu'),
      layers.Conv2D(2, 1),
    ]
  )


def hand_made_flow(network, chain):
  layers = [
    bijectors.trainable_act_norm(2),
    bijectors.AffineCoupling(network),
    bijectors.ReverseChannels(),
  ]
  base = tfd.Sample(tfd.Normal(0.0, 1.0), SHAPE)
  return tfd.TransformedDistribution(base, tfb.Invert(chain(layers)))


@pytest.mark.parametrize('chain', [tfb.Chain, bijectors.Chain])
@pytest.mark.slow
def test_a_network_is_trained_and_exported(chain, tmp_path):
  network, like = make_network(keras), make_network(tf_keras)
  like.set_weights(network.get_weights())
  flow = hand_made_flow(network, chain)
  found = {id(variable) for variable in flow.trainable_variables}
  assert {id(v.value) for v in network.trainable_variables} < found
  assert len(found) == 2 + 4
  model, logs = fit(keras.optimizers.Adam(1e-2), flow=flow)
  like = hand_made_flow(like, chain)
  _, expected = fit(keras.optimizers.Adam(1e-2), flow=like)
  np.testing.assert_allclose(logs['loss'], expected['loss'], rtol=1e-5)
  assert logs['loss'][-1] < logs['loss'][0]
  model.export(tmp_path / 'model')
  served = tf.saved_model.load(str(tmp_path / 'model')).signatures['log_prob']
  np.testing.assert_allclose(
    served(images=tf.constant(IMAGES))['bits_per_dim'],
    model.predict(IMAGES, verbose=0),
    rtol=1e-5,
  )


def test_a_network_that_would_not_be_trained_is_refused():
  unbuilt = keras.Sequential([keras.layers.Conv2D(2, 1)], name='unbuilt')
  with pytest.raises(ValueError, match='network unbuilt has no Variables yet'):
    bijectors.AffineCoupling(unbuilt)
  dense = keras.Sequential(
    [keras.layers.Input([1]), keras.layers.Dense(2)], name='dense'
  )
  layer = keras.layers.Conv2D(2, 1)
  variable = tf.Variable(1.0, name='variable')
  base = tfd.Sample(tfd.Normal(0.0, 1.0), [1, 1, 2])
  for function, name in (
    (lambda x: layer(x), 'kernel'),
    (lambda x: tf.tile(x * variable, [1, 1, 1, 2]), 'variable'),
  ):
    coupling = bijectors.AffineCoupling(function)
    model = FlowModel(tfd.TransformedDistribution(base, coupling))
    model.compile('sgd')
    with pytest.raises(ValueError, match=rf'reads \S*{name}\S*, which'):
      model.fit(np.zeros([4, 1, 1, 2], np.uint8), verbose=0)
  real_nvp = tfb.RealNVP(1, shift_and_log_scale_fn=dense)
  flow = tfd.TransformedDistribution(base, tfb.Chain([real_nvp]))
  for use in (
    lambda: bijectors.Chain([real_nvp]),
    lambda: tfp_cinc.initialize_from_data(flow, tf.zeros([4, 1, 1, 2])),
    lambda: FlowModel(flow),
  ):
    with pytest.raises(ValueError, match='Variables of dense, a layer of'):
      use()
