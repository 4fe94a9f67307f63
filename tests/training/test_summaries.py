"""What TensorBoard shows, and how far a run is."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from training import steps, summaries
from training.progress import Progress, duration

tfb = tfp.bijectors
tfd = tfp.distributions

SHAPE = [8, 8, 2]
OPTIONS = {'depth': 2, 'hidden_channels': 4, 'seed': 1}


def make(model, **options):
  """A flow whose weights are not those of the start."""
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
def test_the_parts_add_up_to_the_whole(model, options):
  flow, images = make(model, **options), pixels(5)
  description = summaries.describe(flow, images, num_bits=8)
  assert len(description.levels) == options.get('levels', 1)
  expected = total(flow, images)
  np.testing.assert_allclose(sum(description.levels), expected, rtol=1e-5)
  # And by layers: their log-dets and the base.
  latents = flow.bijector.inverse(tf.identity(images))
  base = np.mean(flow.distribution.log_prob(latents)) / np.prod(SHAPE)
  log_det = sum(layer.log_det for layer in description.layers)
  np.testing.assert_allclose(
    8 - (base + log_det) / np.log(2.0), expected, rtol=1e-5
  )
  names = [layer.name for layer in description.layers]
  assert len(names) == len(set(names))
  assert max(layer.error for layer in description.layers) < 1e-3


def test_a_level_is_its_latents_and_its_layers():
  """Against the two halves of a flow of two levels, put together by hand."""
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
  description = summaries.describe(flow, images, num_bits=8)
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
  """A layer that does not invert: it is off by up to a quarter."""

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


def test_the_error_is_that_of_the_layer_to_blame():
  chain = tfb.Chain([tfb.Scale(4.0), Rounded(), tfb.Shift(0.1)], name='chain')
  base = tfd.Sample(tfd.Normal(0.0, 1.0), SHAPE)
  flow = tfd.TransformedDistribution(base, tfb.Invert(chain))
  layers = summaries.describe(flow, pixels(5), num_bits=8).layers
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
    summaries.describe(half, images, num_bits=8).levels,
    summaries.describe(full, images, num_bits=8).levels,
    rtol=1e-6,
  )


def test_what_is_written(tmp_path):
  flow = make('cinc', levels=2)
  images = np.random.default_rng(1).integers(0, 256, [6, *SHAPE], np.uint8)
  images = images[..., :1].repeat(2, -1)
  raw = steps.make_log_prob(flow)
  with tf.summary.create_file_writer(str(tmp_path)).as_default():
    summaries.write_train(
      20,
      {'bits_per_dim': tf.constant(3.5), 'gradient_norm': tf.constant(2.0)},
      learning_rate=0.25,
      images_per_second=100.0,
      skipped_steps=3,
      workers=2,
    )
    bits = summaries.write_test(
      20,
      {'raw': raw, 'average': lambda x: raw(x) - 1.0},
      images,
      num_bits=8,
      batch_size=4,
    )
    description = summaries.write_layers(20, flow, images[:3], 8)
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
  """{tag: value} of the TensorBoard files, None for what is no scalar."""
  found = {}
  for path in folder.iterdir():
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        tensor = tf.make_ndarray(value.tensor)
        found[value.tag] = tensor if tensor.ndim else float(tensor)
  return found


# Of more channels than a picture has, the first three are shown.
@pytest.mark.parametrize('channels', [3, 5])
def test_samples_at_temperatures(tmp_path, channels):
  flow = tfp_cinc.models.glow([8, 8, channels], levels=1, **OPTIONS)
  with tf.summary.create_file_writer(str(tmp_path)).as_default():
    summaries.write_samples(4, flow, 8, number=3)
  written = scalars(tmp_path)
  pictures = {  # after width and height
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


class Terminal(io.StringIO):
  def isatty(self):
    return True


def drive(stream, **options):
  """Three steps of five to a stream."""
  with Progress(5, 2, stream=stream, **options) as bar:
    assert bar.seconds_left() is None
    bar.update(3)
    bar.update(4, {'bits_per_dim': tf.constant(3.25)}, 127.6)
    left = bar.seconds_left()
    bar.update(5, {'bits_per_dim': tf.constant(3.125)})
  return left


def test_progress_is_lines_in_a_log_file():
  stream = io.StringIO()
  drive(stream)
  assert stream.getvalue().splitlines() == [
    'step 4/5 (80%), 3.250 bits/dim, 128 images/s, 0:00 left',
    'step 5/5 (100%), 3.125 bits/dim',
  ]


def test_progress_is_a_bar_at_a_terminal():
  stream = Terminal()
  drive(stream)
  last = stream.getvalue().strip().split('\r')[-1]
  assert '100%' in last
  assert '5/5' in last
  assert '3.125 bits/dim' in last
  assert 'step 4/5' not in stream.getvalue()


@pytest.mark.parametrize('stream', [io.StringIO(), Terminal()])
def test_only_the_first_worker_shows_progress(stream):
  drive(stream, is_first=False)
  assert stream.getvalue() == ''


def test_time_left_ends_with_the_time_limit():
  assert drive(io.StringIO(), seconds_left=-1.0) == 0.0
  assert drive(io.StringIO()) > 0.0


def test_going_back_to_a_commit():
  stream = io.StringIO()
  with Progress(10, 0, stream=stream) as bar:
    bar.update(6)
    bar.update(4)
    assert bar.seconds_left() is None
    bar.update(5, {'bits_per_dim': 3.0})
  assert stream.getvalue().startswith('step 5/10 (50%), 3.000 bits/dim')


def test_durations():
  durations = {
    7.9: '0:07',
    750: '12:30',
    11045: '3:04:05',
    86400 + 3600: '1 day 1:00:00',
    3 * 86400: '3 days 0:00:00',
  }
  for seconds, text in durations.items():
    assert duration(seconds) == text
