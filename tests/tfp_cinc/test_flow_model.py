"""A flow as a Keras model: what a user of Keras does with one."""

import copy
import os
import pickle
import re

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_cinc
from tfp_cinc import models
from tfp_cinc.flow_model import FlowModel

tfd = tfp.distributions

SHAPE = [4, 4, 1]
IMAGES = (
  np.random.default_rng(0).choice([90, 100, 160], [40, *SHAPE]).astype(np.uint8)
)


def make_flow(seed=0, depth=1, **options):
  return models.cinc(
    SHAPE, levels=1, depth=depth, hidden_channels=8, seed=seed, **options
  )


def make_model(flow=None, optimizer='adam', **options):
  model = FlowModel(flow or make_flow())
  model.compile(optimizer, **options)
  return model


def same_weights(one, other):
  pairs = zip(one.get_weights(), other.get_weights(), strict=True)
  return all(np.array_equal(a, b) for a, b in pairs)


class Weights(tf_keras.callbacks.Callback):
  """Keeps the weights before the first step."""

  def on_train_begin(self, logs=None):
    self.weights = self.model.get_weights()


@pytest.fixture(scope='module')
def trained():
  """A model that has learned, its flow as it was before, its logs."""
  tf_keras.utils.set_random_seed(0)
  model = make_model(optimizer=tf_keras.optimizers.Adam(1e-2))
  weights = Weights()
  history = model.fit(
    IMAGES,
    batch_size=16,
    epochs=8,
    verbose=0,
    validation_data=IMAGES[:20],
    callbacks=weights,
  )
  return model, weights.weights, history.history


def test_fit_initializes_and_learns(trained):
  model, first, logs = trained
  assert sorted(logs) == [
    'bits_per_dim',
    'loss',
    'val_bits_per_dim',
    'val_loss',
  ]
  assert logs['bits_per_dim'] == logs['loss']
  assert logs['bits_per_dim'][-1] < logs['bits_per_dim'][0] - 0.1
  assert logs['val_bits_per_dim'][-1] < logs['val_bits_per_dim'][0] - 0.1
  # 40 images are 2 steps of 16 and one of 8.
  assert model.optimizer.iterations == 3 * 8
  # Before the first step the first layer gives mean 0, deviation 1.
  flow = make_flow()
  for variable, value in zip(flow.variables, first, strict=True):
    variable.assign(value)
  assert tfp_cinc.initialization.is_initialized(flow)
  values = tfp_cinc.dequantize(IMAGES, noise=0.5)
  squeezed = tf.nn.space_to_depth(values, 2)
  (norm,) = [
    m for m in flow.submodules if isinstance(m, tfp_cinc.bijectors.ActNorm)
  ]
  normal = norm.forward(squeezed)
  np.testing.assert_allclose(np.mean(normal, (0, 1, 2)), 0, atol=0.05)
  np.testing.assert_allclose(np.std(normal, (0, 1, 2)), 1, atol=0.05)


def test_its_weights_are_the_flows(trained):
  model, _, _ = trained
  flow = model.flow
  assert {v.ref() for v in model.weights} == {v.ref() for v in flow.variables}
  trainable = {v.ref() for v in model.trainable_variables}
  assert trainable == {v.ref() for v in flow.trainable_variables}
  assert len(model.weights) == len(flow.variables)
  assert model.count_params() == sum(
    v.shape.num_elements() for v in flow.variables
  )


def test_predict_is_of_each_image_in_any_batch(trained):
  model, _, _ = trained
  bits = model.predict(IMAGES, verbose=0)
  assert bits.shape == (40,)
  again = model.predict(IMAGES, batch_size=7, verbose=0)
  np.testing.assert_allclose(again, bits, rtol=1e-5)
  some = tf.data.Dataset.from_tensor_slices(IMAGES[:3]).batch(2)
  np.testing.assert_allclose(
    model.predict(some, verbose=0), bits[:3], rtol=1e-5
  )
  # The same as of the flow and the noise of exported models.
  noise = tfp_cinc.saved_model.fixed_noise(SHAPE)
  log_prob = model.flow.log_prob(tfp_cinc.dequantize(IMAGES, noise=noise))
  expected = tfp_cinc.bits_per_dim(log_prob, SHAPE)
  np.testing.assert_allclose(bits, expected, rtol=1e-5)
  mean = model.evaluate(IMAGES, batch_size=7, verbose=0, return_dict=True)
  np.testing.assert_allclose(mean['loss'], np.mean(bits), rtol=1e-5)
  np.testing.assert_allclose(mean['bits_per_dim'], np.mean(bits), rtol=1e-5)


def test_noise_is_new_in_training_only(trained):
  model, _, _ = trained
  assert np.array_equal(model(IMAGES), model(IMAGES))
  assert not np.allclose(
    model(IMAGES, training=True), model(IMAGES, training=True)
  )


def test_another_fit_goes_on(trained, tmp_path):
  """Also after nothing but loading, in either format, with the optimizer."""
  model, _, _ = trained
  before = model.optimizer.iterations.numpy()
  for path in (tmp_path / 'weights', tmp_path / 'all.weights.h5'):
    model.save_weights(path)
    loaded = FlowModel(make_flow(seed=1))
    assert not same_weights(loaded, model)
    loaded.load_weights(path)
    assert same_weights(loaded, model)
    assert tfp_cinc.initialization.is_initialized(loaded.flow)
    np.testing.assert_array_equal(
      loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )

  resumed = make_model(make_flow(seed=1), tf_keras.optimizers.Adam(1e-2))
  resumed.load_weights(path)
  for one, other in zip(
    resumed.optimizer.variables, model.optimizer.variables, strict=True
  ):
    np.testing.assert_array_equal(one, other)
  weights = Weights()
  # Lighter images, to which it would be initialized if it were not already.
  resumed.fit(255 - IMAGES, verbose=0, callbacks=weights)
  pairs = zip(weights.weights, model.get_weights(), strict=True)
  assert all(np.array_equal(a, b) for a, b in pairs)
  assert not same_weights(resumed, model)
  assert resumed.optimizer.iterations == before + 2


def test_weights_of_another_flow_are_refused(trained, tmp_path):
  model, _, _ = trained
  model.save_weights(tmp_path / 'a.weights.h5')
  other = FlowModel(models.glow(SHAPE, levels=1, depth=1, hidden_channels=8))
  with pytest.raises(ValueError, match='weights of another flow'):
    other.load_weights(tmp_path / 'a.weights.h5')
  model.save_weights(tmp_path / 'a')
  deeper = FlowModel(make_flow(depth=2))
  deeper.save_weights(tmp_path / 'b')
  for name, reader in (('a', other), ('a', deeper), ('b', model)):
    before = reader.get_weights()
    with pytest.raises(ValueError, match='weights of another flow'):
      reader.load_weights(tmp_path / name)
    for one, same in zip(before, reader.get_weights(), strict=True):
      np.testing.assert_array_equal(one, same)
  with pytest.raises(ValueError, match=r"end its name with '.weights.h5'"):
    model.save_weights(tmp_path / 'a.h5')


@pytest.mark.parametrize('value', [np.nan, np.inf])
@pytest.mark.parametrize('name', ['a', 'a.weights.h5'])
def test_weights_that_are_not_finite_are_refused(value, name, tmp_path):
  broken, model = FlowModel(make_flow()), FlowModel(make_flow(seed=1))
  variable = broken.flow.trainable_variables[-1]
  variable.assign(tf.fill(variable.shape, value))
  broken.save_weights(tmp_path / name)
  before = model.get_weights()
  with pytest.raises(ValueError, match=r'contains values of .* not finite'):
    model.load_weights(tmp_path / name)
  for one, same in zip(before, model.get_weights(), strict=True):
    np.testing.assert_array_equal(one, same)
  with pytest.raises(ValueError, match=r"end its name with '.weights.h5'"):
    model.load_weights(tmp_path / 'a.h5')


def test_is_copied_and_pickled(trained):
  model, _, _ = trained
  bits = model(IMAGES)
  ours = {id(variable) for variable in model.flow.variables}
  for other in (
    copy.copy(model),
    copy.deepcopy([model])[0],
    pickle.loads(pickle.dumps(model)),
  ):
    assert type(other) is FlowModel
    assert not ours & {id(variable) for variable in other.flow.variables}
    np.testing.assert_array_equal(other(IMAGES), bits)
    with pytest.raises(RuntimeError, match='compile'):
      other.fit(IMAGES, verbose=0)
    other.compile(tf_keras.optimizers.SGD(1e-2), run_eagerly=True)
    other.train_on_batch(IMAGES)
    assert not same_weights(other, model)
  np.testing.assert_array_equal(model(IMAGES), bits)


def test_callbacks_of_keras(tmp_path):
  callbacks = tf_keras.callbacks
  model = make_model(optimizer=tf_keras.optimizers.Adam(1e-2))
  stop = callbacks.EarlyStopping(
    'val_bits_per_dim', patience=2, min_delta=9, restore_best_weights=True
  )
  checkpoint = callbacks.ModelCheckpoint(
    tmp_path / '{epoch}-{val_bits_per_dim:.2f}',
    'val_bits_per_dim',
    save_best_only=True,
    save_weights_only=True,
  )
  board = callbacks.TensorBoard(tmp_path / 'board')
  history = model.fit(
    tf.data.Dataset.from_tensor_slices(IMAGES).batch(20),
    epochs=10,
    verbose=0,
    validation_data=tf.data.Dataset.from_tensor_slices(IMAGES).batch(20),
    callbacks=[stop, checkpoint, board],
  )
  # No epoch is better than the first by 9 bits: its weights are put back.
  assert history.epoch == [0, 1, 2]
  first = history.history['val_bits_per_dim'][0]
  assert model.evaluate(IMAGES, verbose=0)[1] == pytest.approx(first, rel=1e-5)
  loaded = FlowModel(make_flow(seed=1))
  loaded.load_weights(tmp_path / f'1-{first:.2f}')
  assert same_weights(loaded, model)

  events = tmp_path.glob('board/validation/events*')
  tags = {
    value.tag
    for path in events
    for event in tf.compat.v1.train.summary_iterator(os.fspath(path))
    for value in event.summary.value
  }
  assert 'epoch_bits_per_dim' in tags


@pytest.mark.parametrize(
  'kind', [tf_keras.optimizers.Adam, tf_keras.optimizers.legacy.Adam]
)
def test_a_step_that_is_not_finite_changes_nothing(kind):
  model = make_model(optimizer=kind(1e-2), run_eagerly=True)
  weights = np.ones([40], np.float32)
  weights[:20] = np.inf
  options = {'batch_size': 20, 'shuffle': False, 'verbose': 0}
  logs = model.fit(IMAGES, sample_weight=weights, **options).history
  assert model.optimizer.iterations == 1
  assert np.isnan(logs['loss'])
  assert np.isfinite(logs['bits_per_dim'])
  before = model.get_weights()
  logs = model.fit(IMAGES[:20], sample_weight=weights[:20], **options).history
  assert np.isnan(logs['bits_per_dim'])
  assert model.optimizer.iterations == 1
  pairs = zip(before, model.get_weights(), strict=True)
  assert all(np.array_equal(a, b) for a, b in pairs)

  stop = tf_keras.callbacks.TerminateOnNaN()
  model.fit(IMAGES, sample_weight=weights, callbacks=stop, **options)
  assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
  ('kind', 'run_eagerly'),
  [
    (tf_keras.optimizers.SGD, True),
    pytest.param(tf_keras.optimizers.SGD, False, marks=pytest.mark.slow),
    pytest.param(tf_keras.optimizers.legacy.SGD, False, marks=pytest.mark.slow),
  ],
)
def test_an_overflow_lowers_the_loss_scale(kind, run_eagerly):
  """Until the gradients are finite. Only the steps that are taken count."""
  optimizer = tf_keras.mixed_precision.LossScaleOptimizer(
    kind(1e-5), initial_scale=2.0**127, dynamic_growth_steps=9999
  )
  flow = make_flow()
  tfp_cinc.initialize_from_data(flow, tfp_cinc.dequantize(IMAGES, seed=0))
  for i, variable in enumerate(flow.trainable_variables):
    variable.assign_add(
      0.1 * tf.random.stateless_normal(variable.shape, [0, i])
    )
  model = make_model(flow, optimizer, run_eagerly=run_eagerly)
  before = model.get_weights()
  options = {'sample_weight': np.full([40], 99.0), 'verbose': 0}
  logs = model.fit(IMAGES, batch_size=40, **options).history
  assert np.isnan(logs['loss'])
  pairs = zip(before, model.get_weights(), strict=True)
  assert all(np.array_equal(a, b) for a, b in pairs)
  assert optimizer.iterations == 0
  assert optimizer.loss_scale == 2.0**126
  logs = model.fit(IMAGES, batch_size=2, **options).history
  taken = int(optimizer.iterations)
  assert 0 < taken < 20
  assert optimizer.loss_scale == 2.0 ** (126 - (20 - taken))
  assert np.isfinite(logs['bits_per_dim'])


def test_weights_of_images_count():
  model = make_model(run_eagerly=True)
  tfp_cinc.initialize_from_data(model.flow, tfp_cinc.dequantize(IMAGES))
  weights = np.arange(40, dtype=np.float32)
  bits = model.predict(IMAGES, verbose=0)
  mean = model.evaluate(IMAGES, sample_weight=weights, verbose=0)[0]
  np.testing.assert_allclose(mean, np.average(bits, weights=weights), rtol=1e-5)


def test_weights_of_images_may_be_a_column():
  """As Keras makes them of a column of a table."""
  trained = []
  weights = np.arange(40, dtype=np.float32) ** 2 / 400
  for shape in ([40], [40, 1]):
    tf_keras.utils.set_random_seed(0)
    model = make_model(optimizer=tf_keras.optimizers.SGD(1e-2))
    own = weights.reshape(shape)
    history = model.fit(
      IMAGES,
      sample_weight=own,
      validation_data=(IMAGES, None, own),
      shuffle=False,
      verbose=0,
    ).history
    trained.append(model)
  assert same_weights(*trained)
  expected = model.evaluate(IMAGES, sample_weight=weights, verbose=0)[0]
  np.testing.assert_allclose(history['val_loss'], expected, rtol=1e-5)
  with pytest.raises(ValueError, match=r'`sample_weight` has shape'):
    model.fit(IMAGES, sample_weight=np.ones([40, 2], np.float32), verbose=0)


def test_evaluates_in_full_precision():
  exact = make_flow()
  tfp_cinc.initialize_from_data(exact, tfp_cinc.dequantize(IMAGES, seed=0))
  rough = make_flow(network_dtype='bfloat16')
  for one, other in zip(rough.variables, exact.variables, strict=True):
    # Networks begin at zero, where both are the same.
    other.assign(other + 0.1 if other.dtype.is_floating else other)
    one.assign(other)
  rough, exact = make_model(rough, run_eagerly=True), make_model(exact)
  np.testing.assert_allclose(
    rough.predict(IMAGES, verbose=0),
    exact.predict(IMAGES, verbose=0),
    rtol=1e-6,
  )
  values = tfp_cinc.dequantize(IMAGES, noise=0.5)
  difference = rough.flow.log_prob(values) - exact.flow.log_prob(values)
  assert np.max(np.abs(difference)) > 1e-3


@pytest.mark.slow
def test_a_conditional_flow_takes_labels():
  """Dark images have one label, light ones the other; it learns which."""
  labels = np.repeat([0, 1], 20)
  images = np.where(labels[:, None, None, None], IMAGES + 60, IMAGES - 60)
  images = images.astype(np.uint8)
  flow = make_flow(condition_channels=2)
  model = make_model(flow, tf_keras.optimizers.Adam(2e-2))
  order = np.random.default_rng(0).permutation(40)
  pairs = (images[order], labels[order])
  data = tf.data.Dataset.from_tensor_slices(pairs).batch(20).repeat(20)
  stop = tf_keras.callbacks.EarlyStopping('val_loss', patience=1)
  logs = model.fit(
    data,
    epochs=2,
    verbose=0,
    validation_data=(images, labels),
    callbacks=[stop],
  ).history
  right = model.predict((images, labels), verbose=0)
  assert np.mean(right < model.predict((images, 1 - labels), verbose=0)) > 0.9
  one_hot = np.eye(2)[labels]
  for condition in (labels, labels[:, np.newaxis], one_hot):
    np.testing.assert_allclose(
      model.predict((images, condition), verbose=0), right, rtol=1e-5
    )
    np.testing.assert_allclose(
      model.evaluate(images, condition, verbose=0)[0], np.mean(right), rtol=1e-5
    )
  np.testing.assert_allclose(logs['val_loss'][-1], np.mean(right), rtol=1e-5)
  drawn = tfp_cinc.given(model.flow, labels).sample(40, seed=0)
  dark, light = tf.split(tf.reduce_mean(drawn, [1, 2, 3]), 2)
  assert np.mean(dark) < np.mean(light) - 0.2


def test_fit_initializes_a_flow_from_labelled_arrays():
  labels = np.arange(40) % 2
  model = make_model(make_flow(condition_channels=2))
  logs = model.fit(
    IMAGES, labels, batch_size=16, validation_split=0.25, verbose=0
  ).history
  assert np.isfinite(logs['val_loss'][0])
  assert tfp_cinc.initialization.is_initialized(model.flow)


@pytest.mark.parametrize(
  ('y', 'sentence'),
  [
    (None, 'cinc is conditional; pass (images, condition).'),
    (np.arange(40) % 3, 'the labels are from 0 to 2; those of cinc are from 0'),
    (np.arange(40) % 2 - 1, 'the labels are from -1 to 0; those of cinc are'),
    (np.eye(40, 2, dtype=int), 'the labels have shape (40, 2); they must be'),
    (np.ones([40]), 'the condition has shape (40,); it must be integer labels'),
  ],
)
def test_wrong_conditions_are_refused(y, sentence):
  model = make_model(make_flow(condition_channels=2))
  for use in (
    lambda: model.fit(IMAGES, y),
    lambda: model.evaluate(IMAGES, y),
    lambda: model.predict((IMAGES, y)),
  ):
    with pytest.raises(ValueError, match=re.escape(sentence)):
      use()


@pytest.mark.parametrize(
  'options', [{'jit_compile': True}, {'run_eagerly': True}]
)
def test_compiled_and_eager_steps(options):
  model = make_model(optimizer=tf_keras.optimizers.SGD(0.0), **options)
  history = model.fit(IMAGES, batch_size=20, verbose=0)
  # Nothing was learned: the two differ by their noise.
  np.testing.assert_allclose(
    history.history['loss'][0], model.evaluate(IMAGES, verbose=0)[0], atol=0.1
  )


def test_exports_what_it_predicts(trained, tmp_path):
  model, _, _ = trained
  model.export(tmp_path / 'served')
  served = tf.saved_model.load(os.fspath(tmp_path / 'served')).signatures
  np.testing.assert_allclose(
    served['log_prob'](images=tf.constant(IMAGES))['bits_per_dim'],
    model.predict(IMAGES, verbose=0),
    rtol=1e-5,
  )


def test_num_bits():
  model = FlowModel(make_flow(), num_bits=3)
  tfp_cinc.initialize_from_data(model.flow, tfp_cinc.dequantize(IMAGES, 3))
  noise = tfp_cinc.saved_model.fixed_noise(SHAPE)
  log_prob = model.flow.log_prob(tfp_cinc.dequantize(IMAGES, 3, noise=noise))
  np.testing.assert_allclose(
    model(IMAGES), tfp_cinc.bits_per_dim(log_prob, SHAPE, 3), rtol=1e-5
  )


def bad_uses():
  """(name, what is done with a model, what it is told)."""
  yield 'float', lambda m: m.fit(IMAGES / 255.0), 'are float64; a FlowModel'
  yield 'shape', lambda m: m.fit(IMAGES[..., 0]), r'shape \(40, 4, 4\); this'
  yield 'predict', lambda m: m.predict(IMAGES[:, :2]), r'shape \(40, 2, 4, 1\)'
  yield 'evaluate', lambda m: m.evaluate(IMAGES[:, :2]), r'\(40, 2, 4, 1\)'
  yield (
    'validation',
    lambda m: m.fit(IMAGES, validation_data=IMAGES / 255),
    'are float64',
  )
  slices = tf.data.Dataset.from_tensor_slices
  yield 'unbatched', lambda m: m.fit(slices(IMAGES)), r'shape \(4, 4, 1\); this'
  yield 'dict', lambda m: m.fit(slices({'x': IMAGES}).batch(8)), 'of type dict'
  yield 'list', lambda m: m.fit([[1, 2], [3, 4]]), 'of type list'
  yield 'empty', lambda m: m.fit(IMAGES[:0]), 'there are no images'
  yield 'no data', lambda m: m.fit(slices(IMAGES).batch(8).take(0)), 'is empty'
  yield 'generator', lambda m: m.fit(iter([IMAGES])), 'is not initialized: pass'
  yield 'pair', lambda m: m.fit((IMAGES, IMAGES)), 'takes no condition; pass'
  yield 'loss', lambda m: m.compile('adam', 'mse'), '`loss` is given; the loss'
  yield 'metric', lambda m: m.compile(metrics=['mse']), '`metrics` is given'
  yield 'optimizer', lambda m: m.compile(np.add), 'is a numpy.ufunc; it must be'
  yield (
    'callback',
    lambda m: m.fit(IMAGES, callbacks=np.add),
    'is a numpy.ufunc; it must be one of `keras.callbacks`',
  )
  checkpoint = tf_keras.callbacks.ModelCheckpoint
  yield (
    'whole checkpoint',
    lambda m: m.fit(IMAGES, callbacks=checkpoint('all')),
    'save_weights_only=True',
  )
  yield (
    'old checkpoint',
    lambda m: m.fit(
      IMAGES, callbacks=checkpoint('a.h5', save_weights_only=True)
    ),
    "with '.weights.h5'",
  )
  yield 'bits', lambda m: FlowModel(m.flow, num_bits=9), 'is 9; it must be'
  yield (
    'vectors',
    lambda _: FlowModel(vector_flow()),
    r'over \(4,\); a FlowModel',
  )


def vector_flow():
  base = tfd.Sample(tfd.Normal(0.0, 1.0), 4)
  return tfd.TransformedDistribution(
    base, tfp_cinc.bijectors.trainable_act_norm(4)
  )


@pytest.mark.parametrize(
  ('use', 'told'), [pytest.param(*use[1:], id=use[0]) for use in bad_uses()]
)
def test_bad_uses_are_told_in_a_sentence(use, told):
  model = make_model()
  with pytest.raises(ValueError, match=told) as error:
    use(model)
  assert str(error.value).count('\n') == 0
  assert not tfp_cinc.initialization.is_initialized(model.flow)


def test_saving_the_whole_says_what_is_right(tmp_path):
  with pytest.raises(NotImplementedError, match='`export`'):
    make_model().save(tmp_path / 'model.keras')
