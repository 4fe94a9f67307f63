"""Adapter that turns any TFP bijector into a `FlowBijector`."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat

__all__ = ['Adapted', 'as_flow_bijector']

tfb = tfp.bijectors


class Adapted(FlowBijector):
  """Adapts any TFP bijector to the interface of `FlowBijector`.

  Chains and other containers wrap the bijectors that they receive
  automatically, so users rarely need this class.

  #### Example

  >>> y, log_det = Adapted(tfb.Scale(2.0)).forward_and_log_det(
  ...   tf.ones([5, 3]), event_ndims=1
  ... )
  >>> round(float(log_det), 3)
  2.079
  """

  def __init__(
    self,
    bijector: tfb.Bijector,
    captured: Sequence[tf.Variable] | None = None,
    validate_args: bool = False,
    name: str | None = None,
  ):
    """Stores the bijector.

    Args:
      bijector: The bijector to adapt.
      captured: Variables that `bijector` reads, if it is not a composite
        tensor. None means `bijector.variables`. Replacing them by other tensors
        has no effect.
      validate_args: Whether to check that inputs are finite.
      name: Name of the adapter. None uses the name of `bijector`.
    """
    parameters = dict(locals())
    name = name or bijector.name
    with tf.name_scope(name):
      self._bijector, self._captured = bijector, captured
      super().__init__(
        forward_min_event_ndims=bijector.forward_min_event_ndims,
        inverse_min_event_ndims=bijector.inverse_min_event_ndims,
        is_constant_jacobian=bijector.is_constant_jacobian,
        dtype=bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {
      'bijector': tfp_compat.BatchedComponentProperties(
        event_ndims=lambda self, ndims: ndims
      )
    }

  @property
  def bijector(self) -> tfb.Bijector:
    """The adapted bijector."""
    return self._bijector

  @property
  def captured(self) -> Sequence[tf.Variable] | None:
    """The Variables of a bijector that is not a composite tensor."""
    if self._captured is not None or tfp_compat.is_composite(self._bijector):
      return self._captured
    return tfp_compat.module_variables(self._bijector)

  @property
  def only_permutes(self) -> bool:
    """Whether the bijector is a `tfb.Permute`."""
    return isinstance(self._bijector, tfb.Permute)

  @tfp_compat.freed_with_graph()
  def _forward_and_log_det(self, x, **kwargs):
    ndims = self.forward_min_event_ndims
    return (
      self._bijector.forward(x, **kwargs),
      self._bijector.forward_log_det_jacobian(x, ndims, **kwargs),
    )

  @tfp_compat.freed_with_graph()
  def _inverse_and_log_det(self, y, **kwargs):
    ndims = self.inverse_min_event_ndims
    return (
      self._bijector.inverse(y, **kwargs),
      self._bijector.inverse_log_det_jacobian(y, ndims, **kwargs),
    )

  def _forward_event_shape(self, input_shape):
    return self._bijector.forward_event_shape(input_shape)

  def _inverse_event_shape(self, output_shape):
    return self._bijector.inverse_event_shape(output_shape)

  def _forward_event_shape_tensor(self, input_shape):
    return self._bijector.forward_event_shape_tensor(input_shape)

  def _inverse_event_shape_tensor(self, output_shape):
    return self._bijector.inverse_event_shape_tensor(output_shape)


def as_flow_bijector(bijector: tfb.Bijector) -> FlowBijector:
  """Converts a bijector to a `FlowBijector`.

  Args:
    bijector: Any bijector.

  Returns:
    `bijector` itself if it is a `FlowBijector`. An `Inverse`, a `Chain` or a
    `MaskedAutoregressive` for TFP's `Invert`, `Chain` or
    `MaskedAutoregressiveFlow`. Otherwise an `Adapted`.

  Raises:
    ValueError: If a bijector of TFP has a layer of Keras 3, whose Variables it
      does not find.
  """
  if isinstance(bijector, FlowBijector):
    return bijector
  # Imported here because these modules import this one.
  from tfp_cinc.bijectors.chain import Chain
  from tfp_cinc.bijectors.inverse import Inverse
  from tfp_cinc.bijectors.masked_autoregressive import MaskedAutoregressive

  if isinstance(bijector, tfp_compat.INVERT):
    return Inverse(bijector.bijector, name=bijector.name)
  if _is_chain(bijector):
    return Chain(bijector.bijectors, name=bijector.name)
  _check_layers(bijector)
  if isinstance(bijector, tfb.MaskedAutoregressiveFlow):
    given = {k: v for k, v in bijector.parameters.items() if v is not None}
    network = given.pop('shift_and_log_scale_fn', None)
    defaults = {
      'is_constant_jacobian': False,
      'validate_args': False,
      'unroll_loop': False,
      'event_ndims': 1,
      'name': bijector.name,
    }
    if network is not None and given.items() <= defaults.items():
      return MaskedAutoregressive(network, name=bijector.name)
  return Adapted(bijector)


def _check_layers(bijector):
  """Raises `ValueError` if TFP does not find the Variables of a layer."""
  for part in (bijector, *bijector.submodules):
    if isinstance(part, tfb.Bijector) and not isinstance(part, FlowBijector):
      for argument in (part.parameters or {}).values():
        if tfp_compat.is_foreign_module(argument):
          raise ValueError(
            f'TFP does not find the Variables of {argument.name}, a layer of '
            f'Keras 3, in {part.name}; use a layer of `tf_keras`, or a '
            'coupling of `tfp_cinc.bijectors`.'
          )


def _is_chain(bijector):
  """Whether a bijector is a `tfb.Chain` whose parts a `Chain` supports."""
  return (
    isinstance(bijector, tfp_compat.CHAIN)
    and bijector.bijectors
    and all(
      part.forward_min_event_ndims == part.inverse_min_event_ndims
      for part in bijector.bijectors
    )
  )
