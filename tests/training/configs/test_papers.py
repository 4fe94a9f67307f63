"""Tests of the papers' configurations: sizes, commands and results."""

import importlib
import inspect
import json
import pathlib
import re

import pytest

import tfp_cinc
from training.configs import papers
from training.configs.base import get_base_config
from training.configs.loading import config_names, load_config
from training.configs.options import check_values
from training.loop.model import build_flow
from training.run_folder.config_file import flat_dict

FOLDER = pathlib.Path(papers.__file__).parent
NAMES = config_names('papers')

# Image size, L and K by data set, from the text of the papers.
SIZES = {
  'cifar10': ('cifar10', 32, 3, 32),
  'imagenet32': ('downsampled_imagenet/32x32', 32, 3, 48),
  'imagenet64': ('downsampled_imagenet/64x64', 64, 4, 48),
  'galaxy': ('', 32, 2, 8),
  'hq256': ('celeb_a_hq/256', 256, 6, 32),
}
# CIFAR-10, ImageNet 32 and 64, and galaxies, from the tables of the papers.
PUBLISHED = {
  'cinc': ('3.3498', '4.0140', '3.8946', '2.2739'),
  'cinc_quad': ('3.347', '4.0377', '3.8514', '2.2591'),
  'glow': ('3.35', '4.09', '3.81', None),
  'emerging': ('3.34', '4.09', '3.81', '2.2722'),
  'emerging_quad': ('3.3612',),
  'shift_conv': ('3.50', '3.96', '3.74'),
  'real_nvp': ('3.49', '4.28', '3.98'),
}
# K=4 and K=8: Emerging, then CInC Flow with quad-coupling.
SHALLOW = {
  'cifar10_k4': ('3.52', '3.49'),
  'imagenet32_k4': ('4.30', '4.25'),
  'cifar10_k8': ('3.47', '3.46'),
  'imagenet32_k8': ('4.20', '4.18'),
}


def published():
  """Returns {configuration: bits/dim or None} of all experiments."""
  found = {
    'nice_mnist': '4.356',
    'shift_conv_celeba_hq256': None,
    'jet_imagenet64': '3.72',
    'jet_cifar10': None,
    'tarflow_imagenet64': '2.99',
    'tarflow_cifar10': None,
  }
  for model, results in PUBLISHED.items():
    for data, bits in zip(SIZES, results, strict=False):
      found[f'{model}_{data}'] = bits
  for data, (emerging, cinc) in SHALLOW.items():
    found[f'emerging_{data}'] = emerging
    found[f'cinc_quad_{data}'] = cinc
  return found


def test_published_results_are_those_of_the_papers():
  results = json.loads((FOLDER / 'published.json').read_text())
  assert [*results] == NAMES
  assert {
    name: result['bits_per_dim'] for name, result in results.items()
  } == published()
  assert all(
    result.keys() == {'bits_per_dim', 'source'} for result in results.values()
  )
  assert all(
    re.match(r'CInC Flow (poster|draft)|\w.+ 20\d\d', result['source'])
    for result in results.values()
  )


@pytest.mark.parametrize('name', NAMES)
def test_docstring_has_the_command_and_the_result(name):
  module = importlib.import_module(f'training.configs.papers.{name}')
  text = inspect.cleandoc(module.__doc__).replace('\\\n', ' ')
  command, _, rest = (' '.join(x.split()) for x in text.partition('Published:'))
  assert f'tfp-cinc train --config {name} --workdir runs/{name}' in command
  if name.startswith(('shift_conv', 'jet', 'tarflow')):
    workers = 8 if re.search('celeba|(jet|tarflow)_imagenet', name) else 4
    assert f'horovodrun --gloo -np {workers} ' in command
  if load_config(name).data.name == 'folder':
    assert '--data FOLDER' in command
  bits = published()[name]
  assert (f'{bits} bits/dim (' if bits else 'none (') in rest


@pytest.mark.parametrize('name', NAMES)
def test_size_and_training_are_those_of_the_paper(name):
  config = load_config(name)
  values = flat_dict(config.to_dict())
  assert values.keys() == flat_dict(get_base_config().to_dict()).keys()
  check_values(config)
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
  if name.startswith(('jet', 'tarflow')):
    assert flow.levels is None
    return
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


@pytest.mark.parametrize(
  ('model', 'size', 'rate', 'decay', 'batch_size'),
  [
    ('jet', (4, 32, 2, 512), 3e-4, 1 / 30, 1024),
    ('tarflow', (2, 8, 8, 768), 1e-4, 1e-4, 256),
  ],
)
def test_transformers_have_the_recipe_of_their_paper(
  model, size, rate, decay, batch_size
):
  for data, images in (('imagenet64', 1_281_149), ('cifar10', 50_000)):
    config = load_config(f'{model}_{data}')
    flow, train = config.flow, config.train
    assert size == (
      flow.patch_size,
      flow.depth,
      flow.num_layers,
      flow.hidden_channels,
    )
    assert (train.optimizer, train.beta_2) == ('adam', 0.95)
    assert train.learning_rate == rate
    assert train.weight_decay == pytest.approx(decay)
    assert (train.schedule, train.clip_norm) == ('cosine', 1.0)
    assert train.dequantization == 'uniform'
    assert train.batch_size == batch_size
    assert 199.9 < train.num_steps * batch_size / images <= 200
    if model == 'jet':
      assert train.warmup_steps == pytest.approx(train.num_steps / 10, abs=1)


def parameters(name, **overrides):
  """Returns the number of parameters of the flow on color images."""
  config = load_config(name)
  config.flow.update(overrides)
  size = config.data.image_size
  return tfp_cinc.math.parameter_count(build_flow(config, [size, size, 3]))


def coupling_parameters(inputs, outputs):
  network = tfp_cinc.networks.NETWORKS['glow'](
    inputs, outputs, hidden_channels=512
  )
  return tfp_cinc.math.parameter_count(network)


# Parameters of the linear layer before a coupling of n channels. The formula of
# CInC is from the poster; a 3x3 emerging convolution is two causal 2x2
# convolutions and a 1x1.
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
def test_flow_has_the_parameters_of_the_paper(name):
  """Extrapolates the number of parameters from depths 1 and 2."""
  flow = load_config(name).flow
  small, large = (parameters(name, depth=depth) for depth in (1, 2))
  step = 0
  for level in range(flow.levels):
    n = 12 * 2**level  # 3 channels squeezed, then half of them squeezed
    blocks = 4 if flow.coupling == 'quad' else 2
    size = n // blocks
    step += 2 * n + LAYERS[flow.name](n)
    step += sum(
      coupling_parameters(j * size, 2 * size) for j in range(1, blocks)
    )
  assert large - small == step
  priors = small - step
  assert (priors > 0) == (flow.split_prior is not False and flow.levels > 1)
  if name == 'glow_cifar10':  # about 44 million, as published
    assert 40e6 < priors + flow.depth * step < 50e6
