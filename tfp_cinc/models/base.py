"""The class of all flows: a bijector and the distribution of its latents."""

from typing import NamedTuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.conditional_prior import ConditionalPrior
from tfp_cinc.bijectors.inverse import Inverse
from tfp_cinc.internal.composite import variables_of
from tfp_cinc.networks.conv_network import trainable_conv_network

__all__ = [
  'Flow',
  'check_conditional_base',
  'conditional_vector_base',
  'flow_of',
  'standard_normal',
]

tfb = tfp.bijectors
tfd = tfp.distributions


class Flow(tfd.TransformedDistribution):
  """A `tfd.TransformedDistribution` that can be copied and pickled.

  TFP's own class cannot be copied or pickled, because `tfd.Sample` and
  `tfb.Invert` cannot. All models of this package return this class. It is a
  composite tensor of its Variables.

  Densities of integers, such as pixels before `tfp_cinc.dequantize`, and of
  values of another shape raise `ValueError`. TFP's own class casts integers,
  and they are far from all images.

  #### Example

  >>> from tfp_cinc.bijectors import trainable_cinc_conv2d
  >>> flow = flow_of(
  ...   trainable_cinc_conv2d(2), [4, 4, 2], standard_normal(tf.float32), 'flow'
  ... )
  >>> flow.sample(5, seed=1).shape
  TensorShape([5, 4, 4, 2])
  """

  # Same result as in `tf.Module`, whose search takes seconds for a deep flow.
  @property
  def variables(self) -> tuple[tf.Variable, ...]:
    """All Variables of the flow, each once."""
    return variables_of([self.bijector, self.distribution])

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    """The trainable ones among `variables`."""
    return tuple(v for v in self.variables if v.trainable)

  def log_prob(self, value, name: str = 'log_prob', **options):
    """Returns the log-density of events, see `tfd.Distribution.log_prob`."""
    return super().log_prob(self._floating(value), name, **options)

  def prob(self, value, name: str = 'prob', **options):
    """Returns the density of events, see `tfd.Distribution.prob`."""
    return super().prob(self._floating(value), name, **options)

  def unnormalized_log_prob(
    self, value, name: str = 'unnormalized_log_prob', **options
  ):
    """Returns the log-density of events, as `log_prob` does."""
    value = self._floating(value)
    return super().unnormalized_log_prob(value, name, **options)

  def experimental_local_measure(self, value, *arguments, **options):
    """Returns the log-density of events and their tangent space, as in TFP."""
    value = self._floating(value)
    return super().experimental_local_measure(value, *arguments, **options)

  def _floating(self, value):
    """Returns `value`, after checking its dtype and its shape."""
    dtype = getattr(value, 'dtype', None)
    if dtype is not None and not tf.as_dtype(dtype).is_floating:
      pixels = ': use `tfp_cinc.dequantize` on uint8 pixels'
      raise ValueError(
        f'`value` is {tf.as_dtype(dtype).name}; {self.name} is a density of '
        f'floating values{pixels if tf.as_dtype(dtype).is_integer else ""}.'
      )
    shape, expected = getattr(value, 'shape', None), self.event_shape
    if shape is not None:
      shape = tf.TensorShape(shape)
      if shape.rank is not None and not (
        shape.rank >= expected.rank
        and shape[shape.rank - expected.rank :].is_compatible_with(expected)
      ):
        sizes = ', '.join(map(str, ['...', *expected.as_list()]))
        raise ValueError(
          f'`value` has shape {shape}; {self.name} is a density of values '
          f'[{sizes}].'
        )
    return value

  def __reduce__(self):
    return _restored, (type(self), _Parameters.of_all(self))


class _Parameters(NamedTuple):
  """The class and the arguments of a distribution or bijector of TFP."""

  kind: type
  arguments: dict

  @classmethod
  def of(cls, value):
    """Returns `value`, with objects of TFP replaced by their `_Parameters`."""
    is_tfp = isinstance(value, tfd.Distribution | tfb.Bijector)
    if not is_tfp or isinstance(value, Flow | FlowBijector):
      return value
    return cls(type(value), cls.of_all(value))

  @classmethod
  def of_all(cls, value) -> dict:
    """Returns the arguments of a distribution or bijector."""
    return {key: cls.of(part) for key, part in value.parameters.items()}


def _restored(kind, arguments):
  """Returns an object from its class and its arguments."""
  return kind(
    **{
      key: _restored(*part) if isinstance(part, _Parameters) else part
      for key, part in arguments.items()
    }
  )


def flow_of(
  encoder: FlowBijector,
  event_shape,
  base: tfd.Distribution,
  name: str,
) -> Flow:
  """Returns a flow with the given bijector and base.

  Args:
    encoder: Bijector from event to latent.
    event_shape: Shape of events and latents.
    base: Distribution of each element of the latents. The elements are
      independent.
    name: Name of the distribution.

  Returns:
    `Flow` whose `bijector` goes from latent to event.
  """
  return Flow(
    tfd.Sample(base, sample_shape=event_shape),
    Inverse(encoder, name='decoder'),
    name=name,
  )


def standard_normal(dtype) -> tfd.Normal:
  """Returns N(0, 1)."""
  return tfd.Normal(tf.zeros([], dtype), tf.ones([], dtype))


def conditional_vector_base(
  size: int, condition_channels: int, dtype
) -> ConditionalPrior:
  """Returns the trainable prior of vectors [1, 1, D] given a condition vector.

  Args:
    size: Number of latents, D.
    condition_channels: Number of elements K of the condition.
    dtype: Floating dtype.

  Raises:
    ValueError: If K is 0.
  """
  check_conditional_base(condition_channels)
  network = trainable_conv_network(
    1, [(2 * size, 1)], condition_channels=condition_channels, dtype=dtype
  )
  return ConditionalPrior(network, dtype, name='conditional_base')


def check_conditional_base(condition_channels: int) -> None:
  """Raises `ValueError` if a flow has no condition for its base."""
  if not condition_channels:
    raise ValueError(
      '`conditional_base` is True and `condition_channels` 0; a conditional '
      'base needs a condition.'
    )
