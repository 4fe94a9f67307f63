"""The inverse of a bijector."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import BijectorWrapper

__all__ = ['Inverse']

tfb = tfp.bijectors


class Inverse(BijectorWrapper):
  """Swaps `forward` and `inverse` of a bijector, like `tfb.Invert`.

  ```
  forward(x) = bijector.inverse(x)
  forward_log_det_jacobian(x) = bijector.inverse_log_det_jacobian(x)
  ```

  #### Example

  >>> Inverse(tfb.Scale(2.0)).forward(6.0).numpy().item()
  3.0
  """

  def __init__(
    self,
    bijector: tfb.Bijector,
    validate_args: bool = False,
    name: str = 'inverse',
  ):
    """Stores the bijector.

    Args:
      bijector: Any bijector. Keyword arguments of methods are passed on to it.
      validate_args: Whether to check that inputs are finite.
      name: Name of the inverse.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      self._bijector = as_flow_bijector(bijector)
      parameters['bijector'] = self._bijector
      super().__init__(
        forward_min_event_ndims=self._bijector.inverse_min_event_ndims,
        inverse_min_event_ndims=self._bijector.forward_min_event_ndims,
        is_constant_jacobian=self._bijector.is_constant_jacobian,
        dtype=self._bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def only_permutes(self) -> bool:
    """Whether the bijector only permutes."""
    return self._bijector.only_permutes

  def _inner_event_ndims(self, event_ndims):
    return self._bijector.inverse_event_ndims(event_ndims)

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes x through the bijector in the opposite direction."""
    return run(0, x, not invert, kwargs)

  def _forward_event_shape(self, input_shape):
    return self._bijector.inverse_event_shape(input_shape)

  def _inverse_event_shape(self, output_shape):
    return self._bijector.forward_event_shape(output_shape)

  def _forward_event_shape_tensor(self, input_shape):
    return self._bijector.inverse_event_shape_tensor(input_shape)

  def _inverse_event_shape_tensor(self, output_shape):
    return self._bijector.forward_event_shape_tensor(output_shape)
