"""Comparisons by name, each with its models and its protocol."""

import dataclasses

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions, Protocol

__all__ = ['COMPARISONS']

# Our networks compute in bfloat16 if the processor supports it, as normflows'
# networks do.
_AUTO = {'flow.network_dtype': 'auto'}


def _ours(name, config='cinc_photos', **options):
  """Returns a model of ours; flow__depth=8 sets the option 'flow.depth'."""
  dotted = {key.replace('__', '.'): v for key, v in options.items()}
  return Model(name, config, {**_AUTO, **dotted})


def _trained_like_cinc(model):
  options = {
    **model.options,
    'train.optimizer': 'muon',
    'train.dequantization': 'variational',
  }
  return dataclasses.replace(model, options=options)


CINC = _ours('cinc')
# First with Adam and the scale of the preset, which is that of Glow's published
# code; then with the scale, optimizer and noise of the default configuration.
GLOW = _ours('glow, ours', 'glow_photos', flow__scale_function='sigmoid')
GLOW_LIKE_CINC = _trained_like_cinc(
  _ours('glow, ours, trained like cinc', 'glow_photos')
)
TFB_GLOW = Model(
  'tfb.Glow',
  'glow_photos',
  kind='tfb.Glow',
  rates=(1e-2, 3e-3, 1e-3, 3e-4),
)
NORMFLOWS_GLOW = Model(
  'normflows Glow',
  'glow_photos',
  {'flow.network_dtype': 'bfloat16'},
  kind='normflows Glow',
)
# The paper's layer without a 1x1 convolution, first with affine coupling, then
# with the paper's.
CINC_PAPER = _ours('CInC 3x3', 'glow_photos', flow__name='cinc_paper')
QUAD = _ours(
  'CInC 3x3 + quad',
  'glow_photos',
  flow__name='cinc_paper',
  flow__coupling='quad',
)
EMERGING = _ours('Emerging', 'emerging_photos')


def _variant(name, **options):
  """Returns the default flow with other options, at its learning rate."""
  return dataclasses.replace(_ours(name, **options), rates=(8e-3,))


def _jet(layers):
  """Returns Jet with layers before its couplings of channels."""
  options = {'flow.layers': layers}
  return Model(f'Jet, {layers}', 'jet_photos', options, rates=(4e-3,))


def _at_depth(model, depth, **changes):
  options = {**model.options, 'flow.depth': depth}
  return dataclasses.replace(
    model, name=f'{model.name}, D={depth}', options=options, **changes
  )


def _coupling_by_layer():
  """Yields the flows of tables 2 and 3, and a narrow one with quad-coupling."""
  flows = {
    f'{title} + {coupling}': _ours(
      f'{title} + {coupling}', config, flow__coupling=coupling, **layers
    )
    for coupling in ('affine', 'quad')
    for title, config, layers in (
      ('1x1', 'glow_photos', {}),
      ('Emerging', 'emerging_photos', {}),
      ('CInC 3x3', 'glow_photos', {'flow__name': 'cinc_paper'}),
    )
  }
  yield from flows.values()
  quad = flows['CInC 3x3 + quad']
  options = {**quad.options, 'flow.hidden_channels': 60}
  yield dataclasses.replace(
    quad, name=f'{quad.name}, 60 channels', options=options
  )
  for model in (flows['Emerging + affine'], quad):
    yield _at_depth(model, 8)


def _sampled():
  """Yields the flows of figure 7, with both solvers if they need a solve."""
  networks_in_bfloat16 = tuple(
    dataclasses.replace(model, name=f'{model.name}, networks in bfloat16')
    for model in (EMERGING, CINC)
  )
  for depth in (4, 8):
    for model in (
      _ours('Glow', 'glow_photos'),
      EMERGING,
      CINC_PAPER,
      QUAD,
      *networks_in_bfloat16,
    ):
      if model not in networks_in_bfloat16:
        options = {**model.options, 'flow.network_dtype': None}
        model = dataclasses.replace(model, options=options)
      yield _at_depth(model, depth)
      if model.name != 'Glow':
        slow = dataclasses.replace(model, name=f'{model.name}, per pixel')
        yield _at_depth(slow, depth, solver='per_pixel')


_SECONDS = Protocol(seconds=300.0, pilot_seconds=30.0)

COMPARISONS = {
  'peers': Comparison(
    'Comparison with other libraries',
    '`cinc` is the default flow, trained with Muon and learned dequantization '
    'noise, which gives a tighter bound on the same quantity. "glow, ours" is '
    "our Glow with the sigmoid scale of Glow's published code, trained with "
    'Adam and uniform noise, and "trained like cinc" has the scale (tanh), the '
    'optimizer and the noise of the default flow. `tfb.Glow` is '
    "TFP's Glow with its default networks of 400 channels, and normflows' Glow "
    'has networks as wide as those of our Glow, which compute in bfloat16 '
    '(in float32 a step takes 1.4 times as long, and the pilots are worse '
    'too); they are trained with Adam and uniform noise. The learning '
    'rates of the pilots are 3e-2, 1e-2, 3e-3 and 1e-3; for `tfb.Glow` they '
    'are 1e-2, 3e-3, 1e-3 and 3e-4.',
    (CINC, GLOW, NORMFLOWS_GLOW, TFB_GLOW, GLOW_LIKE_CINC),
    _SECONDS,
  ),
  'papers_flows': Comparison(
    'The flows of the papers, trained alike',
    'All have the scale (tanh), the optimizer and the noise of the default '
    'flow, and the same L, D and number of channels in the networks, except '
    'for RealNVP, which has the sizes of its configuration. The networks of '
    '`cinc` are of another kind, with fewer parameters. The learning rates of '
    'the pilots are 1e-2 and 3e-3.',
    tuple(
      dataclasses.replace(model, rates=(1e-2, 3e-3))
      for model in (
        CINC,
        GLOW_LIKE_CINC,
        *map(
          _trained_like_cinc,
          (
            EMERGING,
            CINC_PAPER,
            QUAD,
            _ours('shift', 'shift_conv_photos'),
            _ours('periodic', 'periodic_photos'),
            _ours('RealNVP', 'real_nvp_photos'),
          ),
        ),
      )
    ),
    dataclasses.replace(_SECONDS, seeds=1),
    ('models', 'short runs'),
  ),
  'transformers': Comparison(
    'Flows of transformers',
    'Jet has couplings with vision transformers, and TarFlow has '
    'autoregressive transformers over patches; both have the sizes of the '
    'configurations `jet_photos` and `tarflow_photos`, and compute in '
    'float32; the networks of cinc compute in bfloat16. "Jet, shuffle" is '
    'that of the paper, with fixed permutations of channels. All rows are '
    'trained with learned noise, cinc and TarFlow with Muon, Jet with AdamW, '
    'each at the learning rate of its configuration.',
    (
      dataclasses.replace(CINC, rates=(8e-3,)),
      _jet('shuffle'),
      Model('TarFlow', 'tarflow_photos', rates=(5e-3,)),
    ),
    dataclasses.replace(_SECONDS, seeds=1),
  ),
  'convolutions_between_transformers': Comparison(
    'Invertible convolutions between transformers',
    'Four of five couplings of Jet change half of the channels of each patch. '
    "Before each of these are the layers that a row names: the paper's fixed "
    'permutation (shuffle), or invertible convolutions: 1x1 (one_by_one), '
    'CInC 3x3 (cinc), Emerging 3x3 (emerging), or the inverse of CInC 3x3 '
    '(inverse_cinc); + joins two. Their channels are those of a patch of 4x4 '
    'pixels, so that a 3x3 convolution reaches into the neighboring patches. '
    'Everything else is that of the configuration `jet_photos`.',
    tuple(
      map(
        _jet,
        (
          'shuffle',
          'one_by_one',
          'one_by_one+cinc',
          'one_by_one+emerging',
          'shuffle+inverse_cinc',
        ),
      )
    ),
    Protocol(seconds=120.0),
  ),
  'coupling_by_layer': Comparison(
    'Coupling, layer and depth',
    'A small version of tables 2 and 3 of the CInC draft: D=4, or 8 where a '
    'row says so. As in the paper, quad-coupling has three networks, each as '
    'wide as the one network of affine coupling, 128 channels, so it has more '
    'parameters and takes longer; with 60 channels it has as many parameters '
    'as "1x1 + affine", within 5%. All rows are trained with Adam and uniform '
    'noise. The learning rates of the pilots are 1e-2 and 3e-3.',
    tuple(
      dataclasses.replace(model, rates=(1e-2, 3e-3))
      for model in _coupling_by_layer()
    ),
    Protocol(Conditions(samples=100), steps=600, pilot_steps=100, seeds=1),
    ('coupling by layer', 'depth'),
  ),
  'sampling': Comparison(
    'Time to draw 100 images',
    'This corresponds to figure 7 of the CInC draft. Each flow is measured '
    'with its own inverse and, in the rows "per pixel", with its causal '
    'convolutions inverted by a compiled loop over the pixels of all images on '
    'all cores. Everything is computed in float32, except in the rows '
    '"networks in bfloat16", which is the setting of the default '
    'configuration. The flows have their initial weights and are frozen with '
    '`tfp_cinc.freeze`.',
    tuple(_sampled()),
    Protocol(Conditions(samples=100)),
    ('sampling',),
  ),
  'variants': Comparison(
    'Variants of the default flow',
    'Each row changes one thing in the first row. All are trained at the '
    'learning rate of the default configuration, 8e-3.',
    (
      _variant('cinc'),
      _variant('without 1x1', flow__layers='cinc'),
      _variant('without 3x3', flow__layers='one_by_one'),
      _variant('Emerging beside the 1x1', flow__layers='one_by_one+emerging'),
      _variant('5x5', flow__kernel_size=5),
      _variant('quad', flow__coupling='quad'),
      _variant(
        'quad, one network', flow__coupling='quad', flow__network='shared'
      ),
      _variant('additive', flow__coupling='additive'),
      _variant('spline', flow__coupling='spline'),
      _variant('logistic mixture', flow__coupling='logistic_mixture'),
      _variant('scale sigmoid', flow__scale_function='sigmoid'),
      _variant("Glow's networks", flow__network='glow'),
      _variant('64 channels', flow__hidden_channels=64),
      _variant('no learned prior', flow__split_prior=False),
      _variant('uniform noise', train__dequantization='uniform'),
      _variant('no average of weights', train__ema_decay=0.0),
      _variant('constant learning rate', train__schedule='constant'),
      _variant('Adam', train__optimizer='adam'),
    ),
    Protocol(seconds=120.0, seeds=1),
  ),
}
