"""The comparisons by name: which models, under which protocol."""

import dataclasses

from benchmarks.bits_per_dim.compare import Comparison
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions, Protocol

__all__ = ['COMPARISONS']

# Ours compute in bfloat16 where the processor has it, as normflows does.
_AUTO = {'flow.network_dtype': 'auto'}


def _ours(name, config='cinc_photos', **options):
  """A model of ours; options as keywords, flow__depth for 'flow.depth'."""
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
# With the scale of Glow's published code, as the preset has it, and Adam; and
# with the scale, the optimizer and the noise of the default configuration.
GLOW = _ours('glow, ours', 'glow_photos', flow__scale_function='sigmoid')
GLOW_LIKE_CINC = _trained_like_cinc(
  _ours('glow, ours, trained like cinc', 'glow_photos')
)
TFB_GLOW = Model(
  'tfb.Glow',
  'glow_photos',
  kind='tfb.Glow',
  # At the higher ones it goes to NaN; a pilot that does ends early.
  rates=(1e-3, 3e-4, 1e-4),
)
NORMFLOWS_GLOW = Model('normflows Glow', 'glow_photos', kind='normflows Glow')
# The paper's layer, without a 1x1; and with its coupling, too. Both are trained
# like Glow and Emerging.
CINC_PAPER = _ours('CInC 3x3', 'glow_photos', flow__name='cinc_paper')
QUAD = _ours(
  'CInC 3x3 + quad',
  'glow_photos',
  flow__name='cinc_paper',
  flow__coupling='quad',
)
EMERGING = _ours('Emerging', 'emerging_photos')

_COUPLING_BY_LAYER = tuple(
  _ours(f'{title} + {coupling}', config, flow__coupling=coupling, **layers)
  for coupling in ('affine', 'quad')
  for title, config, layers in (
    ('1x1', 'glow_photos', {}),
    ('Emerging', 'emerging_photos', {}),
    ('CInC 3x3', 'glow_photos', {'flow__name': 'cinc_paper'}),
  )
)


def _variant(name, rate=8e-3, **options):
  """The default flow with other options, at one learning rate."""
  return dataclasses.replace(_ours(name, **options), rates=(rate,))


def _at_depth(model, depth, **changes):
  options = {**model.options, 'flow.depth': depth}
  return dataclasses.replace(
    model, name=f'{model.name}, D={depth}', options=options, **changes
  )


def _sampled():
  """Figure 7's flows, each with both solvers where it has a solve."""
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


_SECONDS = Protocol(Conditions(seconds=300.0))
_STEPS = Protocol(Conditions(steps=600))

COMPARISONS = {
  'peers': Comparison(
    'At equal seconds, against the peers',
    'The default flow, trained by Muon and with learned dequantization noise, '
    'so that its figure is a tighter bound of the same; our Glow, with the '
    "sigmoid scale of Glow's published code, by Adam and with uniform noise, "
    "then with the default flow's scale, optimizer and noise; TFP's Glow with "
    "its default networks of 400 channels, and normflows' Glow with networks "
    'as wide as those of ours, both by Adam and with uniform noise. The pilots '
    "are at rates of 1e-2, 3e-3 and 1e-3, those of TFP's Glow at 1e-3, 3e-4 "
    'and 1e-4: it goes to NaN at higher ones.',
    (CINC, GLOW, NORMFLOWS_GLOW, TFB_GLOW, GLOW_LIKE_CINC),
    _SECONDS,
    ('models', 'short runs'),
  ),
  'presets': Comparison(
    'At equal seconds, the presets',
    'One step of each paper, at the same L, D and width of networks but for '
    'RealNVP, whose are those of its configuration. All have the scale, the '
    'optimizer and the noise of the default flow: a tanh, Muon, learned.',
    tuple(
      _trained_like_cinc(model)
      for model in (
        CINC,
        _ours('Glow', 'glow_photos'),
        QUAD,
        EMERGING,
        _ours('shift', 'shift_conv_photos'),
        _ours('periodic', 'periodic_photos'),
        _ours('autoregressive', 'autoregressive_conv_photos'),
        _ours('RealNVP', 'real_nvp_photos'),
      )
    ),
    _SECONDS,
    ('models', 'short runs'),
  ),
  'coupling_by_layer': Comparison(
    'Coupling by layer, at equal steps',
    'Table 3 of the CInC draft in small. Quad-coupling has three networks of '
    'the width that affine coupling has one of, as in the paper: it has more '
    'parameters, and takes longer.',
    _COUPLING_BY_LAYER,
    _STEPS,
    ('coupling by layer',),
  ),
  'equal_parameters': Comparison(
    'CInC + quad against 1x1 + affine, at equal steps and parameters',
    'The width of the networks of quad-coupling makes the number of parameters '
    'equal within 5%.',
    (
      _ours('1x1 + affine', 'glow_photos'),
      _ours(
        'CInC 3x3 + quad',
        'glow_photos',
        flow__name='cinc_paper',
        flow__coupling='quad',
        flow__hidden_channels=60,
      ),
      _ours(
        '1x1, CInC 3x3 + quad',
        'glow_photos',
        flow__layers='one_by_one+cinc',
        flow__coupling='quad',
        flow__hidden_channels=60,
      ),
    ),
    _STEPS,
    ('coupling by layer',),
  ),
  'depth': Comparison(
    'Depth, at equal steps, and the time to draw 100 images',
    'Table 2 of the CInC draft in small.',
    tuple(
      _at_depth(model, depth) for depth in (4, 8) for model in (EMERGING, QUAD)
    ),
    Protocol(Conditions(steps=600, samples=100)),
    ('depth',),
  ),
  'sampling': Comparison(
    'The time to draw 100 images',
    'Figure 7 of the CInC draft. Each flow with its own inverse, and with the '
    'inverses of its causal convolutions by a compiled loop over the pixels of '
    'all images on all cores; in float32, but for networks in bfloat16, as the '
    'default configuration has them; with initial weights, frozen by '
    '`tfp_cinc.freeze`.',
    tuple(_sampled()),
    Protocol(Conditions(samples=100)),
    ('sampling',),
  ),
  'variants': Comparison(
    'Past the papers, each alone, at equal seconds',
    "Each row changes one thing of the first. All have the rate of the first's "
    'configuration, but for those that go to NaN at it.',
    (
      _variant('cinc'),
      _variant('without 1x1', flow__layers='cinc'),
      _variant('without 3x3', flow__layers='one_by_one'),
      _variant('Emerging beside the 1x1', flow__layers='one_by_one+emerging'),
      _variant('5x5', 3e-3, flow__kernel_size=5),
      _variant('paddings in turn', flow__padding='in_turn'),
      _variant("diagonal block 'plu'", flow__diagonal_block='plu'),
      _variant('quad', flow__coupling='quad'),
      _variant(
        'quad, one network', flow__coupling='quad', flow__network='shared'
      ),
      _variant('additive', flow__coupling='additive'),
      _variant('spline', flow__coupling='spline'),
      _variant('logistic mixture', flow__coupling='logistic_mixture'),
      _variant('scale exp', 3e-3, flow__scale_function='exp'),
      _variant('scale sigmoid', 3e-3, flow__scale_function='sigmoid'),
      _variant("Glow's networks", flow__network='glow'),
      _variant(
        'residual networks, 64 channels',
        flow__network='residual',
        flow__hidden_channels=64,
      ),
      _variant('attention', flow__network='attention'),
      _variant('256 channels', flow__hidden_channels=256),
      _variant('64 channels', flow__hidden_channels=64),
      _variant('D=6, 96 channels', flow__depth=6, flow__hidden_channels=96),
      _variant('no learned prior', flow__split_prior=False),
      _variant('uniform noise', train__dequantization='uniform'),
      _variant('no average of weights', train__ema_decay=0.0),
      _variant('constant learning rate', train__schedule='constant'),
      _variant('Adam', train__optimizer='adam'),
      _variant('Adamax', train__optimizer='adamax'),
    ),
    Protocol(Conditions(seconds=120.0), seeds=2),
  ),
}
