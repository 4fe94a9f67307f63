"""Tests of what TensorBoard shows."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from training.loop import tensorboard
from training.loop.evaluation import make_log_prob

tfb = tfp.bijectors
tfd = tfp.distributions

SHAPE = [8, 8, 2]
OPTIONS = {'depth': 2, 'hidden_channels': 4, 'seed': 1}


def make(model, **options):
  """Returns a flow whose weights differ from the initial ones."""
  flow = getattr(tfp_cinc.models, model)(SHAPE, **OPTIONS, **options)
  tfp_cinc.initialize_from_data(flow, pixels(16))
  for i, variable in enumerate(flow.trainable_variables):
    variable.assign_add(
      0.05 * tf.random.stateless_normal(variable.shape, [i, 7])
    )
  return flow


def pixels(number, seed=0):
  images = np.random.default_rng(seed).integers(0, 256, [number, *SHAPE])
  return tfp_cinc.dequantize(images.astype(np.uint8), seed=[3, 4])


def total(flow, images):
  log_prob = flow.log_prob(tf.identity(images))
  return float(np.mean(tfp_cinc.bits_per_dim(log_prob, SHAPE, 8)))


@pytest.mark.parametrize(
  ('model', 'options'),
  [
    ('cinc_paper', {'levels': 3}),
    ('emerging', {'levels': 2, 'split_prior': False}),
    ('shift_conv', {'levels': 2, 'memory': 'checkpoint'}),
    ('real_nvp', {'levels': 2}),
    ('nice', {}),
    ('maf', {}),
    ('residual', {}),
  ],
)
def test_levels_and_layers_add_up_to_the_total(model, options):
  flow, images = make(model, **options), pixels(5)
  description = tensorboard.describe(flow, images, num_bits=8)
  assert len(description.levels) == options.get('levels', 1)
  expected = total(flow, images)
  np.testing.assert_allclose(sum(description.levels), expected, rtol=1e-5)
  # The log-dets of the layers and the base density add up as well.
  latents = flow.bijector.inverse(tf.identity(images))
  base = np.mean(flow.distribution.log_prob(latents)) / np.prod(SHAPE)
  log_det = sum(layer.log_det for layer in description.layers)
  np.testing.assert_allclose(
    8 - (base + log_det) / np.log(2.0), expected, rtol=1e-5
  )
  names = [layer.name for layer in description.layers]
  assert len(names) == len(set(names))
  assert max(layer.error for layer in description.layers) < 1e-3


def test_level_counts_its_latents_and_its_layers():
  """Compares with both levels of a flow, computed by hand."""
  squeeze = tfp_cinc.bijectors.Squeeze()
  scales = [tfb.Scale(2.0, name='first'), tfb.Scale(3.0, name='second')]
  inner = tfp_cinc.bijectors.Chain(
    [tfb.Invert(squeeze), scales[1], squeeze], name='level_1'
  )
  outer = tfp_cinc.bijectors.Chain(
    [
      tfb.Invert(squeeze),
      tfp_cinc.bijectors.LeadingChannels(inner, 4),
      scales[0],
      squeeze,
    ],
    name='level_0',
  )
  base = tfd.Sample(tfd.Normal(0.0, 1.0), SHAPE)
  flow = tfd.TransformedDistribution(base, tfb.Invert(outer))
  images = pixels(5)
  size = np.prod(SHAPE)
  squeezed = tf.nn.space_to_depth(images, 2).numpy()
  expected = []
  for values, scale, log_det in [
    (squeezed[..., 4:], 2.0, size * np.log(2.0)),
    (squeezed[..., :4], 6.0, size / 2 * np.log(3.0)),
  ]:
    log_prob = tfd.Normal(0.0, 1.0).log_prob(scale * values).numpy()
    log_prob = np.mean(np.sum(log_prob, (1, 2, 3))) + log_det
    expected.append(8 / 2 - log_prob / (size * np.log(2.0)))
  description = tensorboard.describe(flow, images, num_bits=8)
  np.testing.assert_allclose(description.levels, expected, rtol=1e-5)
  by_name = {layer.name: layer for layer in description.layers}
  np.testing.assert_allclose(
    by_name['level_0/first'].log_det, np.log(2.0), rtol=1e-5
  )
  np.testing.assert_allclose(
    by_name['level_1/second'].log_det, np.log(3.0) / 2, rtol=1e-5
  )
  assert by_name['level_1/second'].level == 1


class Rounded(tfb.Bijector):
  """A layer whose inverse is wrong by up to 0.25."""

  def __init__(self):
    super().__init__(
      forward_min_event_ndims=0, is_constant_jacobian=True, name='rounded'
    )

  def _forward(self, x):
    return tf.round(2.0 * x) / 2.0

  def _inverse(self, y):
    return y

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], x.dtype)


def test_reconstruction_error_belongs_to_the_layer_that_causes_it():
  chain = tfb.Chain([tfb.Scale(4.0), Rounded(), tfb.Shift(0.1)], name='chain')
  base = tfd.Sample(tfd.Normal(0.0, 1.0), SHAPE)
  flow = tfd.TransformedDistribution(base, tfb.Invert(chain))
  layers = tensorboard.describe(flow, pixels(5), num_bits=8).layers
  errors = {layer.name: layer.error for layer in layers}
  assert list(errors) == ['chain/shift', 'chain/rounded', 'chain/scale']
  assert 0.2 < errors.pop('chain/rounded') <= 0.25
  assert max(errors.values()) < 1e-6


def test_layers_are_described_in_full_precision():
  half, full = (
    make('glow', levels=2, network_dtype=dtype)
    for dtype in ('bfloat16', 'float32')
  )
  images = pixels(5)
  assert abs(total(half, images) - total(full, images)) > 1e-5
  np.testing.assert_allclose(
    tensorboard.describe(half, images, num_bits=8).levels,
    tensorboard.describe(full, images, num_bits=8).levels,
    rtol=1e-6,
  )


def test_written_scalars(tmp_path):
  flow = make('cinc', levels=2)
  images = np.random.default_rng(1).integers(0, 256, [6, *SHAPE], np.uint8)
  images = images[..., :1].repeat(2, -1)
  raw = make_log_prob(flow)
  with tf.summary.create_file_writer(str(tmp_path)).as_default():
    tensorboard.write_train(
      20,
      {'bits_per_dim': tf.constant(3.5), 'gradient_norm': tf.constant(2.0)},
      learning_rate=0.25,
      images_per_second=100.0,
      skipped_steps=3,
      workers=2,
    )
    bits = tensorboard.write_test(
      20,
      {'raw': raw, 'average': lambda x: raw(x) - 1.0},
      images,
      num_bits=8,
      batch_size=4,
    )
    description = tensorboard.write_layers(20, flow, images[:3], 8)
  assert bits['average'] - bits['raw'] == pytest.approx(
    1.0 / (np.prod(SHAPE) * np.log(2.0)), rel=1e-3
  )
  written = scalars(tmp_path)
  assert written['train/bits_per_dim'] == 3.5
  assert written['train/gradient_norm'] == 2.0
  assert written['train/learning_rate'] == 0.25
  assert written['train/images_per_second'] == 100.0
  assert written['train/skipped_steps'] == 3
  assert written['train/workers'] == 2
  assert written['test/bits_per_dim'] == pytest.approx(bits['raw'])
  assert written['test/bits_per_dim_average'] == pytest.approx(bits['average'])
  levels = [written[f'levels/bits_per_dim_{level}'] for level in range(2)]
  np.testing.assert_allclose(levels, description.levels, rtol=1e-6)
  for layer in description.layers:
    assert written[f'log_det/{layer.name}'] == pytest.approx(layer.log_det)
    assert f'reconstruction_error/{layer.name}' in written
  assert 'log_det/level_1_step_1/coupling' in written


def scalars(folder):
  """Returns {tag: float or array} of the TensorBoard files."""
  found = {}
  for path in folder.iterdir():
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        tensor = tf.make_ndarray(value.tensor)
        found[value.tag] = tensor if tensor.ndim else float(tensor)
  return found


# Of five channels, a picture shows the first three.
@pytest.mark.parametrize('channels', [3, 5])
def test_samples_at_temperatures(tmp_path, channels):
  flow = tfp_cinc.models.glow([8, 8, channels], levels=1, **OPTIONS)
  with tf.summary.create_file_writer(str(tmp_path)).as_default():
    tensorboard.write_samples(4, flow, 8, number=3)
  written = scalars(tmp_path)
  pictures = {  # the first two values are width and height
    tag.rpartition('_')[2]: [tf.io.decode_png(png).numpy() for png in value[2:]]
    for tag, value in written.items()
  }
  assert {t: len(images) for t, images in pictures.items()} == {
    '0': 1,
    '0.5': 3,
    '0.7': 3,
    '1': 3,
  }
  spread = [np.std(pictures[t]) for t in ('0.5', '0.7', '1')]
  assert spread == sorted(spread)
  assert spread[0] < spread[-1]
