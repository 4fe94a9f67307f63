"""The papers' experiments: their sizes, and two small steps of each."""

import importlib
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from training import preflight, smoke, steps, workdir
from training.configs.base import get_base_config
from training.distributed import Workers
from training.optimization import build_optimizer

CONFIGS = pathlib.Path(__file__).parents[2] / 'training' / 'configs'
NAMES = sorted(
  path.stem
  for path in CONFIGS.glob('[a-z]*_*.py')
  if not path.stem.endswith(('_photos', '_digits'))
)

# Pixels a side, L and K by data set, in the papers' text.
SIZES = {
  'cifar10': ('cifar10', 32, 3, 32),
  'imagenet32': ('downsampled_imagenet/32x32', 32, 3, 48),
  'imagenet64': ('downsampled_imagenet/64x64', 64, 4, 48),
  'galaxy': ('', 32, 2, 8),
  'hq256': ('celeb_a_hq/256', 256, 6, 32),
}
# CIFAR-10, ImageNet 32 and 64, galaxies, in the papers' tables.
PUBLISHED = {
  'cinc': ('3.3498', '4.0140', '3.8946', '2.2739'),
  'cinc_quad': ('3.347', '4.0377', '3.8514', '2.2591'),
  'glow': ('3.35', '4.09', '3.81', None),
  'emerging': ('3.34', '4.09', '3.81', '2.2722'),
  'emerging_quad': ('3.3612',),
  'shift_conv': ('3.50', '3.96', '3.74'),
  'real_nvp': ('3.49', '4.28', '3.98'),
}
# Of K=4 and K=8: Emerging's, then CInC Flow's with quad-coupling.
SHALLOW = {
  'cifar10_k4': ('3.52', '3.49'),
  'imagenet32_k4': ('4.30', '4.25'),
  'cifar10_k8': ('3.47', '3.46'),
  'imagenet32_k8': ('4.20', '4.18'),
}


def published():
  """{configuration: bits/dim or None} of all experiments."""
  found = {'nice_mnist': '4.356', 'shift_conv_celeba_hq256': None}
  for model, results in PUBLISHED.items():
    for data, bits in zip(SIZES, results, strict=False):
      found[f'{model}_{data}'] = bits
  for data, (emerging, cinc) in SHALLOW.items():
    found[f'emerging_{data}'] = emerging
    found[f'cinc_quad_{data}'] = cinc
  return found


def load(name):
  return importlib.import_module(f'training.configs.{name}')


def test_every_experiment_has_its_file():
  assert set(NAMES) == set(published())


@pytest.mark.parametrize('name', NAMES)
def test_says_its_command_and_result(name):
  text = load(name).__doc__
  command, _, rest = text.partition('Published: ')
  assert f'--config training/configs/{name}.py ' in command
  assert f'--workdir runs/{name}' in command
  assert 'python -m training train' in command
  if name.startswith('shift_conv'):
    workers = 8 if 'celeba' in name else 4
    assert f'horovodrun --gloo -np {workers} ' in command
  first = ' '.join(rest.split('\n\n')[0].split())
  bits = published()[name]
  assert re.fullmatch(r'.+ \(.+\)\.', first)
  assert (f'{bits} bits/dim (' if bits else 'none (') in first


@pytest.mark.parametrize('name', NAMES)
def test_size_and_values(name):
  config = load(name).get_config()
  values = workdir.flat(config.to_dict())
  assert values.keys() == workdir.flat(get_base_config().to_dict()).keys()
  preflight.check_numbers(config)
  data, flow = config.data, config.flow
  assert (data.num_bits == 5) == ('celeba' in name)
  if name == 'nice_mnist':
    assert (data.tfds_name, data.image_size, data.flip) == ('mnist', 28, False)
    assert (flow.depth, flow.hidden_channels) == (4, 1000)
    return
  key = next(key for key in SIZES if re.search(f'_{key}(_k|$)', f'_{name}'))
  tfds_name, size, levels, depth = SIZES[key]
  shallow = re.search(r'_k(\d)$', name)
  depth = int(shallow[1]) if shallow else depth
  assert (data.name, data.tfds_name) == (
    ('tfds', tfds_name) if tfds_name else ('folder', '')
  )
  assert data.image_size == size
  assert data.image_size % 2**flow.levels == 0
  if name.startswith('real_nvp'):
    assert flow.depth == 3
    return
  assert (flow.levels, flow.depth, flow.hidden_channels) == (levels, depth, 512)
  assert (flow.memory == 'checkpoint') == (depth >= 32)
  assert flow.coupling == ('quad' if '_quad' in name else 'affine')
  assert config.train.learning_rate == 1e-3
  if name.startswith('shift_conv'):
    assert (config.train.optimizer, flow.split_prior) == ('adam', False)
    assert config.train.scale_rule == 'per_worker'
    assert config.train.batch_size == (1 if 'celeba' in name else 64)
  else:
    assert config.train.batch_size * data.image_size**2 == 256 * 32**2
    epochs = config.train.num_steps * 256 / 50_000
    assert round(epochs) == (
      1000
      if 'galaxy' in name
      else 500
      if key == 'cifar10' and not shallow
      else 600
    )


def parameters(name, **overrides):
  """Those of the flow on images of 3 channels."""
  config = load(name).get_config()
  config.flow.update(overrides)
  size = config.data.image_size
  return tfp_cinc.math.parameter_count(
    steps.build_flow(config, [size, size, 3])
  )


def coupling_parameters(inputs, outputs):
  network = tfp_cinc.networks.NETWORKS['glow'](
    inputs, outputs, hidden_channels=512
  )
  return tfp_cinc.math.parameter_count(network)


# Of what stands before the coupling of n channels. CInC's is the poster's; a
# 3x3 emerging convolution is two causal ones of 2x2, behind a 1x1.
LAYERS = {
  'cinc_paper': lambda n: 9 * n**2 - n * (n - 1) // 2,
  'glow': lambda n: n**2,
  'emerging': lambda n: n**2 + 2 * (4 * n**2 - n * (n - 1) // 2),
  'shift_conv': lambda n: 2 * n + n**2,
}


@pytest.mark.parametrize(
  'name',
  [
    'cinc_cifar10',
    'cinc_quad_galaxy',
    'glow_cifar10',
    'emerging_cifar10_k4',
    'shift_conv_imagenet64',
  ],
)
def test_flow_has_the_papers_parameters(name):
  """What two depths have in all, taken on to the true depth by arithmetic."""
  flow = load(name).get_config().flow
  small, large = (parameters(name, depth=depth) for depth in (1, 2))
  step = 0
  for level in range(flow.levels):
    n = 12 * 2**level  # 3 channels, squeezed; then half of them, squeezed
    blocks = 4 if flow.coupling == 'quad' else 2
    size = n // blocks
    step += 2 * n + LAYERS[flow.name](n)
    step += sum(
      coupling_parameters(j * size, 2 * size) for j in range(1, blocks)
    )
  assert large - small == step
  priors = small - step
  assert (priors > 0) == (flow.split_prior is not False and flow.levels > 1)
  if name == 'glow_cifar10':  # some 44 million, as the deep ones have
    assert 40e6 < priors + flow.depth * step < 50e6


@pytest.mark.parametrize('name', NAMES)
def test_smoke_version_builds(name):
  config = load(name).get_config()
  before = config.to_json()
  assert smoke.reduce(config).to_json() == before
  config.smoke = True
  reduced = smoke.reduce(config).to_json()
  assert smoke.reduce(config).to_json() == reduced
  preflight.check_numbers(config)
  train, test = smoke.made_up_images(config.data)
  size = min(load(name).get_config().data.image_size, 64)
  shape = (size, size, 1 if name == 'nice_mnist' else 3)
  assert train.shape[1:] == test.shape[1:] == shape
  assert train.dtype == test.dtype == np.uint8
  assert len({image.tobytes() for image in [*train, *test]}) == 24
  flow = steps.build_flow(config, shape)
  assert flow.event_shape == shape
  assert tfp_cinc.math.parameter_count(flow) < 1e6
  assert config.flow.levels == load(name).get_config().flow.levels


@pytest.mark.parametrize(
  'name', ['cinc_quad_galaxy', 'shift_conv_cifar10', 'nice_mnist']
)
def test_smoke_version_trains(name):
  config = load(name).get_config()
  config.smoke = True
  smoke.reduce(config)
  images, _ = smoke.made_up_images(config.data)
  flow = steps.build_flow(config, images.shape[1:])
  num_bits = config.data.num_bits
  batch = tfp_cinc.dequantize(images, num_bits, seed=[0, 0])
  tfp_cinc.initialize_from_data(flow, batch[: config.train.init_images])
  variables = flow.trainable_variables
  optimizer = build_optimizer(config.train, flow, 8.0)
  train_step = steps.make_train_step(
    flow,
    optimizer,
    Workers(),
    num_bits=num_bits,
    clip_norm=config.train.clip_norm,
  )
  before = [variable.numpy() for variable in variables]
  for step in range(config.train.num_steps):
    metrics = train_step(batch[2 * step : 2 * step + 2], tf.constant(False))
    assert not metrics['skipped']
    assert 0 < metrics['bits_per_dim'] < 20
  after = [variable.numpy() for variable in variables]
  assert all(np.all(np.isfinite(values)) for values in after)
  assert any(np.any(x != y) for x, y in zip(before, after, strict=True))
