"""The one table of layers and flows that every conformance check runs over."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc
from tfp_cinc import models, networks

tfb = tfp.bijectors


@dataclasses.dataclass(frozen=True)
class Case:
  """A bijector to check.

  Attributes:
    name: what the tests show.
    make: from a dtype and the seed of the initial values to the bijector.
    event_shape: [H, W, C] or [D], small: the checks take its dense Jacobian.
    parameters: how many trainable numbers there are.
    tolerance: of round trips and log-dets, where an iteration ends them.
    condition_shape: of one condition of a conditional bijector, which `build`
      binds; [K] or [H', W', K].
  """

  name: str
  make: Callable[[tf.DType, int], tfb.Bijector]
  event_shape: tuple[int, ...]
  parameters: int
  tolerance: float = 0.0
  condition_shape: tuple[int, ...] | None = None

  @property
  def event_ndims(self) -> int:
    """The rank of an event: 3 for images, 1 for vectors."""
    return len(self.event_shape)

  @property
  def compiles(self) -> bool:
    """Whether XLA compiles it: it has no LU decomposition on CPUs."""
    return not self.name.lower().startswith(('periodic', 'residual'))

  @property
  def vectorizes(self) -> bool:
    """Whether TensorFlow vectorizes it well; TFP's solver takes a minute."""
    return self.name not in ('ContinuousFlow', 'ffjord')

  @property
  def is_conditional(self) -> bool:
    """Whether it takes a condition."""
    return self.condition_shape is not None

  def conditions(self, batch_shape=(), dtype=tf.float64, seed=3) -> tf.Tensor:
    """Random conditions."""
    rng = np.random.default_rng(seed)
    shape = [*batch_shape, *self.condition_shape]
    return tf.constant(rng.normal(size=shape), dtype)

  def build(self, dtype=tf.float64, seed=1, condition=None) -> tfb.Bijector:
    """The bijector, with trainable variables away from where they start.

    Args:
      dtype: of the Variables.
      seed: of their values.
      condition: for a conditional bijector; by default one for all events.
    """
    bijector = self.make(dtype, seed)
    rng = np.random.default_rng(seed)
    for variable in bijector.trainable_variables:
      variable.assign_add(
        tf.cast(0.1 * rng.normal(size=variable.shape), variable.dtype)
      )
    if not self.is_conditional:
      return bijector
    condition = self.conditions(dtype=dtype) if condition is None else condition
    return tfp_cinc.given(bijector, condition)

  def events(self, batch_shape=(2,), dtype=tf.float64, seed=2) -> tf.Tensor:
    """Random events."""
    rng = np.random.default_rng(seed)
    shape = [*batch_shape, *self.event_shape]
    return tf.constant(rng.normal(size=shape), dtype)


def _network(inputs, outputs, dtype, seed, **options):
  return networks.trainable_glow_network(
    inputs, outputs, hidden_channels=3, seed=seed, dtype=dtype, **options
  )


def _cinc(channels, kernel_size, **options):
  return lambda dtype, seed: tfp_cinc.bijectors.trainable_cinc_conv2d(
    channels, kernel_size, seed=seed, dtype=dtype, **options
  )


def _periodic(channels, kernel_size, **options):
  return lambda dtype, seed: tfp_cinc.bijectors.trainable_periodic_conv2d(
    channels, kernel_size, seed=seed, dtype=dtype, **options
  )


def _from_kernel(dtype, seed):
  rng = np.random.default_rng(1)
  kernel = 0.3 * rng.normal(size=[3, 3, 2, 2])
  kernel[-1, -1] = [[0.1, -2.0], [1.0, 0.3]]
  return tfp_cinc.bijectors.CInCConv2D.from_kernel(
    kernel.astype(dtype.as_numpy_dtype), bias=[1.0, 2.0]
  )


def _autoregressive(channels, kernel_size, **options):
  return lambda dtype, seed: tfp_cinc.bijectors.trainable_autoregressive_conv2d(
    channels, kernel_size, seed=seed, dtype=dtype, **options
  )


def _emerging(channels, kernel_size, **options):
  return lambda dtype, seed: tfp_cinc.bijectors.trainable_emerging_conv2d(
    channels, kernel_size, seed=seed, dtype=dtype, **options
  )


def _blocks(channels, count, function, num_parameters):
  """A coupling of `count` blocks."""
  block = channels // count

  def make(dtype, seed):
    parts = [
      _network(j * block, num_parameters * block, dtype, seed)
      for j in range(1, count)
    ]
    return tfp_cinc.bijectors.BlockCoupling(parts, function, 'exp', dtype)

  return make


def _shared(channels, count, **options):
  """An affine coupling of `count` blocks with one network for all."""
  groups = count - 1
  size = channels * groups // count

  def make(dtype, seed):
    network = networks.trainable_shared_network(
      size,
      2 * size,
      groups=groups,
      hidden_channels=5,
      seed=seed,
      dtype=dtype,
      **options,
    )
    return tfp_cinc.bijectors.BlockCoupling(network, dtype=dtype)

  return make


def _masked(channels, condition_channels=0, **options):
  def make(dtype, seed):
    network = _network(
      channels,
      2 * channels,
      dtype,
      seed,
      condition_channels=condition_channels,
    )
    return tfp_cinc.bijectors.MaskedCoupling(network, dtype=dtype, **options)

  return make


def _checkerboard(dtype, seed):
  network = _network(1, 1, dtype, seed)
  return tfp_cinc.bijectors.MaskedCoupling(
    network, 'checkerboard', 'second', 'additive', dtype=dtype
  )


def _quad(scale_function, **options):
  def make(dtype, seed):
    parts = [_network(j, 2, dtype, seed, **options) for j in (1, 2, 3)]
    return tfp_cinc.bijectors.QuadCoupling(parts, scale_function, dtype)

  return make


def _coupling(kind, channels, *options, width=2, condition_channels=0):
  def make(dtype, seed):
    network = _network(
      channels // 2,
      width * channels // 2,
      dtype,
      seed,
      condition_channels=condition_channels,
    )
    return kind(network, *options, dtype=dtype)

  return make


def _transformer_coupling(dtype, seed):
  """A coupling of rows of pixels, with rotary positions."""
  network = networks.trainable_vision_transformer(
    2, 4, hidden_channels=4, num_layers=1, seed=seed, dtype=dtype
  )
  return tfp_cinc.bijectors.MaskedCoupling(
    network, 'rows', 'second', scale_function='doubled_sigmoid', dtype=dtype
  )


def _autoregressive_transformer(channels, **options):
  def make(dtype, seed):
    return tfp_cinc.bijectors.trainable_autoregressive_transformer(
      channels,
      hidden_channels=4,
      num_layers=1,
      seed=seed,
      dtype=dtype,
      **options,
    )

  return make


def _transformer_parameters(inputs, outputs, width=4, layers=1, tokens=0):
  layer = 12 * width**2 + 9 * width + 4 * width  # and two norms
  ends = inputs * width + width + width * outputs + outputs
  return layers * layer + ends + 2 * width + tokens * width


def _prior(dtype, seed):
  network = _network(1, 4, dtype, seed, condition_channels=3)
  return tfp_cinc.bijectors.ConditionalPrior(network, dtype)


def _leading(dtype, seed):
  inner = tfp_cinc.bijectors.trainable_cinc_conv2d(2, 2, seed=seed, dtype=dtype)
  return tfp_cinc.bijectors.LeadingChannels(inner, num_channels=2)


def _squeezed(dtype, seed):
  inner = tfp_cinc.bijectors.trainable_cinc_conv2d(4, 2, seed=seed, dtype=dtype)
  return tfp_cinc.bijectors.Squeezed(inner)


def _inverse(dtype, seed):
  inner = tfp_cinc.bijectors.trainable_cinc_conv2d(2, 2, seed=seed, dtype=dtype)
  return tfp_cinc.bijectors.Inverse(inner)


def _adapted(dtype, seed):
  log_scale = tf.Variable(tf.zeros([3], dtype), name='log_scale')
  return tfp_cinc.bijectors.Adapted(tfb.Scale(log_scale=log_scale))


def _chain(memory):
  def make(dtype, seed):
    act_norm = tfp_cinc.bijectors.trainable_act_norm(4, dtype=dtype)
    step_memory = 'store' if memory == 'checkpoint' else memory
    steps = [  # alike: they share a trace
      tfp_cinc.bijectors.Chain(
        [
          tfp_cinc.bijectors.AffineCoupling(
            _network(2, 4, dtype, s), dtype=dtype
          ),
          tfp_cinc.bijectors.trainable_cinc_conv2d(
            4, 2, diagonal_block='plu', seed=s, dtype=dtype
          ),
        ],
        step_memory,
        name=f'step_{s}',
      )
      for s in (seed, seed + 1)
    ]
    layers = [tfb.Sinh(), *steps, act_norm]
    return tfp_cinc.bijectors.Chain(layers, memory)

  return make


def _act_norm(dtype, seed):
  return tfp_cinc.bijectors.trainable_act_norm(3, dtype=dtype)


def _seeded(factory, *arguments, **options):
  return lambda dtype, seed: factory(
    *arguments, seed=seed, dtype=dtype, **options
  )


def _channel_shift(dtype, seed):
  return tfp_cinc.bijectors.trainable_channel_affine(3, dtype=dtype)


def _glow_network_parameters(inputs, outputs, width=3):
  return (
    9 * inputs * width
    + width
    + width * width
    + width
    + 9 * width * outputs
    + outputs
  )


_CINC3 = 9 * 3**2 - 3  # the poster's 9 n^2 - n (n - 1) / 2
_QUAD = sum(_glow_network_parameters(j, 2) for j in (1, 2, 3))


def _reshaped(dtype, seed):
  inner = tfp_cinc.bijectors.trainable_planar(8, seed=seed, dtype=dtype)
  return tfp_cinc.bijectors.Reshaped(inner, [2, 2, 2], [8])


def _vector(make, size, **options):
  return lambda dtype, seed: make(size, seed=seed, dtype=dtype, **options)


def _continuous(dtype, seed):
  return tfp_cinc.bijectors.trainable_continuous_flow(
    3,
    hidden_channels=4,
    num_layers=1,
    seed=seed,
    dtype=dtype,
    tolerance=1e-9 if dtype == tf.float64 else 1e-5,
  )


def _ffjord(dtype, seed):
  flow = models.ffjord(
    [2, 1, 2],
    condition_channels=2,
    hidden_channels=5,
    num_layers=1,
    seed=seed,
    dtype=dtype,
    tolerance=1e-10 if dtype == tf.float64 else 1e-5,
  )
  return flow.bijector.bijector


def _vector_flow(model, event_shape, **options):
  def make(dtype, seed):
    flow = model(event_shape, depth=2, seed=seed, dtype=dtype, **options)
    return flow.bijector.bijector

  return make


def _dense_parameters(*sizes, condition_channels=0):
  weights = sum(a * b + b for a, b in itertools.pairwise(sizes))
  return weights + condition_channels * sum(sizes[1:])


LAYERS = [
  Case('ActNorm', _act_norm, (2, 3, 3), 6),
  Case('ChannelAffine', _channel_shift, (2, 3, 3), 6),
  Case(
    'OneByOneConv2D',
    _seeded(tfp_cinc.bijectors.trainable_one_by_one_conv2d, 5),
    (2, 3, 5),
    25,
  ),
  *(
    Case(
      f'OneByOneConv2D-{parametrization}',
      _seeded(
        tfp_cinc.bijectors.trainable_one_by_one_conv2d,
        4,
        parametrization=parametrization,
      ),
      (2, 3, 4),
      parameters,
    )
    for parametrization, parameters in (('dense', 16), ('qr', 26))
  ),
  Case(
    'ShiftConv2D',
    _seeded(tfp_cinc.bijectors.trainable_shift_conv2d, 4),
    (2, 3, 4),
    24,
  ),
  Case(
    'ReverseChannels',
    lambda dtype, seed: tfp_cinc.bijectors.ReverseChannels(dtype=dtype),
    (2, 3, 4),
    0,
  ),
  Case(
    'ShuffleChannels',
    _seeded(tfp_cinc.bijectors.random_shuffle_channels, 5),
    (2, 3, 5),
    0,
  ),
  Case('CInCConv2D', _cinc(3, 3), (4, 5, 3), _CINC3),
  Case('CInCConv2D-k1', _cinc(3, 1), (3, 2, 3), 6),
  Case('CInCConv2D-k2', _cinc(2, 2, padding='top_right'), (3, 4, 2), 15),
  Case('CInCConv2D-k4', _cinc(1, 4, padding='bottom_left'), (5, 3, 1), 16),
  Case('CInCConv2D-row', _cinc(2, 3), (1, 5, 2), 35),
  Case('CInCConv2D-column', _cinc(2, 3), (5, 1, 2), 35),
  Case(
    'CInCConv2D-bottom_right',
    _cinc(2, 3, padding='bottom_right', use_bias=True),
    (4, 3, 2),
    37,
  ),
  Case('CInCConv2D-dilated', _cinc(2, 2, dilation=2), (5, 4, 2), 15),
  Case('CInCConv2D-unit', _cinc(3, 2, diagonal_block='unit'), (3, 3, 3), 30),
  Case('CInCConv2D-plu', _cinc(3, 2, diagonal_block='plu'), (3, 3, 3), 36),
  Case('PeriodicConv2D', _periodic(3, 3), (4, 5, 3), 81),
  Case('PeriodicConv2D-k1', _periodic(3, 1), (3, 2, 3), 9),
  Case('PeriodicConv2D-k2', _periodic(2, 2, use_bias=True), (3, 4, 2), 18),
  Case('PeriodicConv2D-wraps', _periodic(1, 5), (3, 2, 1), 25),
  Case('PeriodicConv2D-row', _periodic(2, 3), (1, 5, 2), 36),
  Case('PeriodicConv2D-column', _periodic(2, 4), (4, 1, 2), 64),
  Case('CInCConv2D-from_kernel', _from_kernel, (3, 4, 2), 0),
  Case('AutoregressiveConv2D', _autoregressive(3, 3), (4, 5, 3), 4 * 9 + 6),
  Case(
    'AutoregressiveConv2D-k5-plu',
    _autoregressive(
      2, 5, diagonal_block='plu', padding='bottom_right', use_bias=True
    ),
    (3, 4, 2),
    13 * 4 + 2,
  ),
  Case('EmergingConv2D', _emerging(3, 3), (4, 5, 3), 2 * (3 * 9 + 6)),
  Case(
    'EmergingConv2D-raster',
    _emerging(2, 3, mask='raster', diagonal_block='plu', padding='top_right'),
    (4, 3, 2),
    10 * 4,
  ),
  Case(
    'AdditiveCoupling',
    _coupling(tfp_cinc.bijectors.AdditiveCoupling, 4, width=1),
    (3, 2, 4),
    _glow_network_parameters(2, 2),
  ),
  Case(
    'BlockCoupling-three',
    _blocks(3, 3, 'affine', 2),
    (2, 2, 3),
    _glow_network_parameters(1, 2) + _glow_network_parameters(2, 2),
  ),
  Case(
    'BlockCoupling-shared',
    _shared(4, 4),
    (3, 2, 4),
    # Of 5 hidden channels a group has 1, 2 and 2, and reads 1, 3 and 5.
    9 * (1 + 2 * 2 + 3 * 2) + (1 + 3 * 2 + 5 * 2) + 2 * (1 + 3 + 5) + 16,
  ),
  Case(
    'BlockCoupling-logistic_mixture',
    _blocks(4, 2, 'logistic_mixture', 2 + 3 * 3),
    (2, 2, 4),
    _glow_network_parameters(2, 22),
  ),
  Case(
    'BlockCoupling-spline',
    _blocks(2, 2, 'spline', 3 * 4 - 1),
    (2, 2, 2),
    _glow_network_parameters(1, 11),
  ),
  Case(
    'MaskedCoupling-checkerboard',
    _masked(2),
    (3, 2, 2),
    _glow_network_parameters(2, 4),
  ),
  Case(
    'MaskedCoupling-channels',
    _masked(3, mask='channels', kept='second', scale_function='tanh'),
    (2, 3, 3),
    _glow_network_parameters(3, 6),
  ),
  Case(
    'MaskedCoupling-additive',
    _checkerboard,
    (3, 3, 1),
    _glow_network_parameters(1, 1),
  ),
  Case(
    'MaskedCoupling-transformer',
    _transformer_coupling,
    (3, 2, 2),
    _transformer_parameters(2, 4),
  ),
  Case(
    'AffineCoupling',
    _coupling(tfp_cinc.bijectors.AffineCoupling, 4),
    (3, 2, 4),
    _glow_network_parameters(2, 4),
  ),
  Case(
    'AffineCoupling-exp',
    _coupling(tfp_cinc.bijectors.AffineCoupling, 2, 'exp'),
    (3, 2, 2),
    _glow_network_parameters(1, 2),
  ),
  Case('QuadCoupling', _quad('sigmoid'), (3, 2, 4), _QUAD),
  Case('QuadCoupling-exp', _quad('exp'), (3, 2, 4), _QUAD),
  Case(
    'SplitPrior',
    _coupling(tfp_cinc.bijectors.SplitPrior, 4),
    (3, 2, 4),
    _glow_network_parameters(2, 4),
  ),
  Case(
    'Squeeze',
    lambda dtype, seed: tfp_cinc.bijectors.Squeeze(dtype=dtype),
    (4, 2, 4),
    0,
  ),
  *(
    Case(
      f'Chain-{memory}',
      _chain(memory),
      (2, 3, 4),
      2 * (_glow_network_parameters(2, 4) + 4 * 4**2) + 8,
    )
    for memory in ('store', 'checkpoint', 'reversible')
  ),
  Case('Squeezed', _squeezed, (4, 2, 1), 3 * 16 + 10),
  Case('Inverse', _inverse, (3, 2, 2), 15),
  Case('Adapted', _adapted, (3,), 3),
  Case(
    'MaskedAutoregressive',
    _seeded(
      tfp_cinc.bijectors.trainable_masked_autoregressive,
      4,
      hidden_channels=6,
      num_layers=1,
    ),
    (4,),
    _dense_parameters(4, 6, 8),
  ),
  Case(
    'AutoregressiveTransformer',
    _autoregressive_transformer(2, image_size=(2, 2)),
    (2, 2, 2),
    _transformer_parameters(2, 4, tokens=4),
  ),
  Case(
    'AutoregressiveTransformer-jacobi',
    _autoregressive_transformer(1, solver='jacobi', order='reversed'),
    (2, 3, 1),
    _transformer_parameters(1, 2),
  ),
  Case('LeadingChannels', _leading, (2, 3, 3), 15),
  Case('Planar', _vector(tfp_cinc.bijectors.trainable_planar, 5), (5,), 11),
  Case('Radial', _vector(tfp_cinc.bijectors.trainable_radial, 5), (5,), 7),
  Case('Reshaped', _reshaped, (2, 2, 2), 17),
  Case(
    'ResidualFlow',
    _vector(
      tfp_cinc.bijectors.trainable_residual_flow,
      4,
      hidden_channels=6,
      num_layers=2,
    ),
    (4,),
    _dense_parameters(4, 6, 6, 4) + 2,
  ),
  Case(
    'ResidualFlow-narrow',
    _vector(
      tfp_cinc.bijectors.trainable_residual_flow,
      5,
      hidden_channels=3,
      num_layers=1,
    ),
    (5,),
    _dense_parameters(5, 3, 5) + 1,
  ),
  Case(
    'ContinuousFlow',
    _continuous,
    (3,),
    _dense_parameters(3, 4, 3) + 4 + 3,
    tolerance=1e-6,
  ),
]

# Given vectors, and maps that are larger or smaller than the images.
CONDITIONAL_LAYERS = [
  Case(
    'AffineCoupling-given',
    _coupling(tfp_cinc.bijectors.AffineCoupling, 4, condition_channels=3),
    (3, 2, 4),
    _glow_network_parameters(2 + 3, 4),
    condition_shape=(3,),
  ),
  Case(
    'QuadCoupling-given',
    _quad('sigmoid', condition_channels=2),
    (2, 2, 4),
    sum(_glow_network_parameters(j + 2, 2) for j in (1, 2, 3)),
    condition_shape=(4, 4, 2),
  ),
  Case(
    'BlockCoupling-shared-given',
    _shared(4, 4, condition_channels=2),
    (3, 2, 4),
    # As without the condition, which all hidden channels read.
    9 * (1 + 2 * 2 + 3 * 2) + (1 + 3 * 2 + 5 * 2) + 2 * (1 + 3 + 5) + 16 + 90,
    condition_shape=(2,),
  ),
  Case(
    'MaskedCoupling-given',
    _masked(2, condition_channels=1),
    (4, 2, 2),
    _glow_network_parameters(2 + 1, 4),
    condition_shape=(2, 1, 1),
  ),
  Case(
    'SplitPrior-given',
    _coupling(tfp_cinc.bijectors.SplitPrior, 4, condition_channels=2),
    (3, 2, 4),
    _glow_network_parameters(2 + 2, 4),
    condition_shape=(2,),
  ),
  Case(
    'ConditionalPrior',
    _prior,
    (3, 2, 2),
    _glow_network_parameters(1 + 3, 4),
    condition_shape=(3,),
  ),
  Case(
    'MaskedAutoregressive-given',
    _seeded(
      tfp_cinc.bijectors.trainable_masked_autoregressive,
      3,
      hidden_channels=4,
      num_layers=1,
      condition_channels=2,
    ),
    (3,),
    _dense_parameters(3, 4, 6, condition_channels=2),
    condition_shape=(2,),
  ),
  Case(
    'AutoregressiveTransformer-given',
    _autoregressive_transformer(2, condition_channels=1, order='reversed'),
    (2, 2, 2),
    _transformer_parameters(3, 4),
    condition_shape=(4, 4, 1),
  ),
  Case(
    'ResidualFlow-given',
    _vector(
      tfp_cinc.bijectors.trainable_residual_flow,
      3,
      hidden_channels=4,
      num_layers=1,
      condition_channels=2,
    ),
    (3,),
    _dense_parameters(3, 4, 3, condition_channels=2) + 1,
    condition_shape=(2,),
  ),
]


def _cinc_parameters(n):
  return 9 * n**2 - n * (n - 1) // 2  # the poster's


def _affine_parameters(n):
  return _glow_network_parameters(n // 2, n)


def _pointwise_parameters(n):
  return 9 * (n // 2) * 3 + 3 + 3 * 3 + 3 + 3 * n + n


def _quad_parameters(n):
  return sum(_glow_network_parameters(j * n // 4, n // 2) for j in (1, 2, 3))


def _residual_parameters(inputs, outputs):
  network = networks.trainable_residual_network(
    inputs, outputs, hidden_channels=3
  )
  return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def _flow(
  name,
  model,
  of_layers,
  of_coupling=_affine_parameters,
  others=9 * 4 * 8 + 8,
  **options,
):
  """A flow of two levels of a step: of 8 channels, then of 16.

  Args:
    name: of the case.
    model: of `tfp_cinc.models`.
    of_layers: from the number of channels to the parameters of the layers.
    of_coupling: the same for the coupling.
    others: parameters beside; by default those of the split's prior.
    **options: of the model.
  """

  def make(dtype, seed):
    flow = model(
      [4, 4, 2],
      levels=2,
      depth=1,
      hidden_channels=3,
      seed=seed,
      dtype=dtype,
      **options,
    )
    return flow.bijector.bijector  # from image to latent

  parameters = sum(2 * n + of_layers(n) + of_coupling(n) for n in (8, 16))
  return Case(name, make, (4, 4, 2), parameters + others)


def _nice(**options):
  def make(dtype, seed):
    flow = models.nice(
      [2, 3, 2],
      depth=2,
      hidden_channels=3,
      num_layers=2,
      seed=seed,
      dtype=dtype,
      **options,
    )
    return flow.bijector.bijector

  return make


def _patch_flow(model, **options):
  """A flow of the four patches of an image."""

  def make(dtype, seed):
    flow = model(
      [4, 4, 1],
      patch_size=2,
      num_layers=1,
      hidden_channels=4,
      seed=seed,
      dtype=dtype,
      **options,
    )
    return flow.bijector.bijector

  return make


def _given(name, model, condition_shape, **options):
  """A small conditional flow of images."""

  def make(dtype, seed):
    flow = model(
      [2, 2, 1],
      levels=1,
      depth=1,
      hidden_channels=2,
      condition_channels=condition_shape[-1],
      seed=seed,
      dtype=dtype,
      **options,
    )
    return flow.bijector.bijector

  parameters = sum(
    int(np.prod(v.shape)) for v in make(tf.float32, 1).trainable_variables
  )
  return Case(
    name, make, (2, 2, 1), parameters, condition_shape=condition_shape
  )


FLOWS = [
  _flow(
    'cinc',
    models.cinc,
    lambda n: _cinc_parameters(n) + n**2,
    _pointwise_parameters,
  ),
  _flow(
    'cinc-reversible',
    models.cinc,
    lambda n: _cinc_parameters(n) + n**2,
    _pointwise_parameters,
    memory='reversible',
  ),
  _flow('cinc_paper', models.cinc_paper, _cinc_parameters, _quad_parameters),
  _flow('glow', models.glow, lambda n: n**2, others=0, split_prior=False),
  _flow(
    'emerging',
    models.emerging,
    lambda n: n**2 + 2 * (3 * n**2 + n * (n + 1) // 2),
  ),
  _flow('periodic', models.periodic, lambda n: n**2 + 4 * n**2, kernel_size=2),
  _flow(
    'autoregressive_conv',
    models.autoregressive_conv,
    lambda n: n**2 + 4 * n**2 + n * (n + 1) // 2,
  ),
  _flow('shift_conv', models.shift_conv, lambda n: 2 * n + n**2),
  _flow(
    'real_nvp',
    models.real_nvp,
    lambda n: 0,
    lambda n: _residual_parameters(n // 2, n),
    others=sum(2 * n + _residual_parameters(n, 2 * n) for n in (2, 4)),
    checkerboards=1,
  ),
  Case(
    'nice', _nice(), (2, 3, 2), 2 * (6 * 3 + 3 + 3 * 3 + 3 + 3 * 6 + 6) + 12
  ),
  Case(
    'jet',
    _patch_flow(models.jet, depth=2, layers='shuffle+inverse_cinc'),
    (4, 4, 1),
    2 * (_transformer_parameters(2, 4, tokens=4) + _cinc_parameters(4)),
  ),
  Case(
    'tarflow',
    _patch_flow(models.tarflow, depth=2),
    (4, 4, 1),
    2 * _transformer_parameters(4, 8, tokens=4),
  ),
  Case(
    'maf',
    _vector_flow(models.maf, [2, 2, 2], hidden_channels=9, num_layers=1),
    (2, 2, 2),
    2 * (16 + _dense_parameters(8, 9, 16)),
  ),
  Case(
    'maf-vector',
    _vector_flow(models.maf, [5], hidden_channels=6),
    (5,),
    2 * (10 + _dense_parameters(5, 6, 6, 10)),
  ),
  Case(
    'iaf',
    _vector_flow(models.iaf, [5], hidden_channels=6),
    (5,),
    2 * (10 + _dense_parameters(5, 6, 6, 10)),
  ),
  Case(
    'residual',
    _vector_flow(models.residual, [2, 2, 2], hidden_channels=6, num_layers=2),
    (2, 2, 2),
    2 * (16 + _dense_parameters(8, 6, 6, 8) + 2),
  ),
  Case(
    # Of the conditional and the unconditional continuous flows, one is a layer.
    'ffjord',
    _ffjord,
    (2, 1, 2),
    8 + _dense_parameters(4, 5, 4, condition_channels=2) + 5 + 4,
    tolerance=1e-6,
    condition_shape=(2,),
  ),
]

CONDITIONAL_FLOWS = [
  _given(
    'cinc-given', models.cinc, (2,), memory='reversible', conditional_base=True
  ),
  _given('real_nvp-given', models.real_nvp, (1, 1, 2), checkerboards=1),
  Case(
    'tarflow-given',
    _patch_flow(models.tarflow, depth=1, condition_channels=2),
    (4, 4, 1),
    _transformer_parameters(6, 8, tokens=4),
    condition_shape=(2,),
  ),
  Case(
    'nice-given',
    _nice(condition_channels=2, conditional_base=True),
    (2, 3, 2),
    2 * (8 * 3 + 3 + 3 * 3 + 3 + 3 * 6 + 6) + 12 + 3 * 24 + 24,
    condition_shape=(2,),
  ),
  *(
    Case(
      f'{model.__name__}-given',
      _vector_flow(
        model, [1, 1, 3], hidden_channels=4, num_layers=1, **options
      ),
      (1, 1, 3),
      2 * (6 + _dense_parameters(3, 4, size, condition_channels=2)) + others,
      condition_shape=(2,),
    )
    for model, size, others, options in (
      (
        models.maf,
        6,
        3 * 6 + 6,
        {'condition_channels': 2, 'conditional_base': True},
      ),
      (models.iaf, 6, 0, {'condition_channels': 2}),
      (models.residual, 3, 2, {'condition_channels': 2}),
    )
  ),
]

ZOO = LAYERS + CONDITIONAL_LAYERS + FLOWS + CONDITIONAL_FLOWS
