"""Samples under classifier-free guidance."""

import math
import numbers
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.autoregressive_transformer import (
  AutoregressiveTransformer,
)
from tfp_cinc.bijectors.block_coupling import BlockCoupling
from tfp_cinc.bijectors.masked_autoregressive import MaskedAutoregressive
from tfp_cinc.conditioning import given
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import SeedLike, TensorLike
from tfp_cinc.networks.conditioned_network import has_condition
from tfp_cinc.tree import layers, root, walk

__all__ = ['NoGuidanceError', 'sample_guided']

tfd = tfp.distributions


class NoGuidanceError(ValueError):
  """Raised if a conditional part of a flow has no shift and scale."""


def sample_guided(
  flow: tfd.TransformedDistribution,
  condition: TensorLike,
  sample_shape: Sequence[int] | int = (),
  guidance: TensorLike = 1.0,
  seed: SeedLike = None,
) -> tf.Tensor:
  """Draws samples that follow a condition more than those of the flow do.

  In the direction of sampling, each conditional coupling or autoregressive
  layer draws a value from a normal distribution: mu_c and sigma_c under the
  condition, mu_u and sigma_u without one. Guidance w replaces it by a
  distribution proportional to p_c^(1 + w) / p_u^w, which is normal too:

  ```
  s = min(sigma_c / sigma_u, 1)
  d = 1 + w - w * s^2
  mu = mu_c + w * s^2 / d * (mu_c - mu_u)
  sigma = sigma_c / sqrt(d)
  ```

  The bound of s at 1 keeps d at least 1, so that guidance never increases the
  scale. Both networks read the guided sample. Parts without a condition do not
  change.

  The samples have no density of `flow`: `given(flow, condition).log_prob` is
  that of samples without guidance. Guided samples are less varied. The flow
  must have seen zeros as a condition in training (label dropout).

  Cost: each network runs twice as often as in `flow.sample`.

  #### Example

  >>> flow = tfp_cinc.models.cinc(
  ...   [4, 4, 1], levels=1, depth=1, condition_channels=10, seed=0
  ... )
  >>> sample_guided(flow, [3, 1], [8, 2], guidance=2.0, seed=1).shape
  TensorShape([8, 2, 4, 4, 1])

  #### References

  Gu et al. 2025, [STARFlow](https://arxiv.org/abs/2506.06276), its section on
  classifier-free guidance, and `logits_guided` of its code, for the rule; Zhai
  et al. 2024, [TarFlow](https://arxiv.org/abs/2412.06329), for guidance of
  shift and scale.

  Args:
    flow: Conditional flow, trained with label dropout. Its conditional parts
      are couplings of any number of blocks with the functions 'affine' and
      'additive', learned priors, `MaskedAutoregressive` and
      `AutoregressiveTransformer`.
    condition: Condition of the samples, as in `tfp_cinc.given`.
    sample_shape: Shape of the batch, as in `flow.sample`. For N conditions it
      ends with N.
    guidance: Guidance w, at least 0. At 0 the samples are those of
      `given(flow, condition)` with the same seed. 1 to 3 are usual.
    seed: Seed, as in `flow.sample`.

  Returns:
    `Tensor` [*sample_shape, *event_shape].

  Raises:
    ValueError: If `guidance` is negative or the flow takes no condition.
    NoGuidanceError: A `ValueError`, if one of its conditional parts has no
      shift and scale.
  """
  if isinstance(guidance, numbers.Real) and not float(guidance) >= 0:
    raise ValueError(f'`guidance` is {guidance}; it must be at least 0.')
  guidance = tf.convert_to_tensor(guidance, flow.dtype)
  conditional, unconditional = given(flow, condition), given(flow, None)
  others = {layer.place: layer for layer in layers(unconditional)}

  def decode(layer, x):
    if not any(map(has_condition, layer.bijector.own_networks())):
      return layer.value(x)
    other = others[layer.place].bijector
    if isinstance(layer.bijector, MaskedAutoregressive):
      return _through_autoregressive(layer, other, x, guidance)
    if isinstance(layer.bijector, AutoregressiveTransformer):
      return _through_transformer(layer, other, x, guidance)
    if isinstance(layer.bijector, BlockCoupling):
      return _through_coupling(layer, other, x, guidance)
    raise _no_shift(layer, type(layer.bijector).__name__)

  latents = flow.distribution.sample(sample_shape, seed=seed)
  return walk(root(conditional), latents, decode)


def _through_coupling(layer, other, x, guidance):
  """Passes x through a guided coupling; `other` has no condition."""
  own, function = layer.bijector, layer.bijector.function
  first, *blocks = own._split(x)
  # The networks read the inputs of `forward`.
  images, outputs = [first], [first]
  reads = [coupling.networks.read_blocks() for coupling in (own, other)]
  for block in blocks:
    pairs = [
      function.shift_and_log_scale(
        function.checked(read(images[-1]), block, own.name)
      )
      for read in reads
    ]
    if None in pairs:
      raise _no_shift(layer, type(function).__name__)
    shift, log_scale = _guided(
      *pairs, guidance, invert=layer.invert, shift_first=not layer.invert
    )
    if layer.invert:
      output = block * tf.exp(-log_scale) - shift
    else:
      output = (block + shift) * tf.exp(log_scale)
    outputs.append(output)
    images.append(output if layer.invert else block)
  return own._join(outputs)


def _through_autoregressive(layer, other, x, guidance):
  """Passes x through a guided autoregressive layer."""
  own = layer.bijector

  def network(y):
    pairs = [b._shift_and_log_scale(y) for b in (own, other)]
    return _guided(
      *pairs, guidance, invert=layer.invert, shift_first=layer.invert
    )

  guided = own.copy(network=network)
  return guided.inverse(x) if layer.invert else guided.forward(x)


def _through_transformer(layer, other, x, guidance):
  """Passes x through a guided autoregressive transformer."""
  own = layer.bijector
  if not layer.invert:  # the layer shifts and scales in the other direction
    raise _no_shift(layer, type(own).__name__)
  network = _GuidedNetwork([own, other], guidance)
  return own.copy(network=network, max_log_scale=math.inf).inverse(x)


class _GuidedNetwork(tfp_compat.CompositeModule):
  """The network of a guided autoregressive transformer."""

  def __init__(self, layers, guidance, name='guided_network'):
    super().__init__(name=name)
    self._layers, self._guidance = layers, guidance

  @property
  def _networks(self):
    return [layer.network for layer in self._layers]

  @property
  def in_channels(self):
    return self._networks[0].in_channels

  @property
  def dtype(self):
    return self._networks[0].dtype

  @property
  def order(self):
    return self._networks[0].order

  def __call__(self, x):
    return self._combined([network(x) for network in self._networks])

  def read_pixels(self, x):
    pairs = [network.read_pixels(x) for network in self._networks]
    states, steps = zip(*pairs, strict=True)

    def step(place, pixel, states):
      pairs = [
        step(place, pixel, state)
        for step, state in zip(steps, states, strict=True)
      ]
      outputs, states = zip(*pairs, strict=True)
      return self._combined(outputs), list(states)

    return list(states), step

  def _combined(self, outputs):
    pairs = [
      layer.shift_and_log_scale(output)
      for layer, output in zip(self._layers, outputs, strict=True)
    ]
    guided = _guided(*pairs, self._guidance, invert=False, shift_first=False)
    return tf.concat(guided, -1)


def _guided(conditional, unconditional, guidance, *, invert, shift_first):
  """Returns the guided shift and log-scale.

  Args:
    conditional: Shift and log-scale under the condition.
    unconditional: Shift and log-scale without a condition.
    guidance: Guidance w.
    invert: Whether the layer divides by its scale when it samples.
    shift_first: Whether the layer, when it samples, adds the shift before it
      scales. The mean is then the product of both.
  """
  (shift, log_scale), (other_shift, other_log_scale) = (
    conditional,
    unconditional,
  )
  sign = -1.0 if invert else 1.0
  log_ratio = sign * (log_scale - other_log_scale)  # of sigma_c to sigma_u
  squared = tf.exp(tf.minimum(2.0 * log_ratio, 0.0))
  divisor = 1.0 + guidance * (1.0 - squared)
  if shift_first:  # in units of sigma_c
    other_shift *= tf.exp(-log_ratio)
  shift += guidance * squared / divisor * (shift - other_shift)
  if shift_first:
    shift *= tf.sqrt(divisor)
  return shift, log_scale - sign * 0.5 * tf.math.log(divisor)


def _no_shift(layer, kind):
  return NoGuidanceError(
    f'{layer.name} is conditional and its {kind} has no shift and scale; '
    'guidance needs affine (two blocks or four) or additive couplings, or '
    'autoregressive layers.'
  )
