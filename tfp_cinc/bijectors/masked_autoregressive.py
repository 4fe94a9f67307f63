"""TFP's masked autoregressive flow as a composite tensor."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.masked_network import trainable_masked_network
from tfp_cinc.networks.opaque_network import as_composite

__all__ = ['MaskedAutoregressive', 'trainable_masked_autoregressive']

tfb = tfp.bijectors


class MaskedAutoregressive(FlowBijector):
  """Masked autoregressive flow, like `tfb.MaskedAutoregressiveFlow`.

  The network computes shift_i and log_scale_i from y_1 ... y_{i-1}:

  ```
  forward:  y_i = x_i * exp(log_scale_i(y_1 ... y_{i-1})) + shift_i(...)
  inverse:  x_i = (y_i - shift_i(y)) * exp(-log_scale_i(y))
  inverse_log_det_jacobian(y) = -sum_i log_scale_i(y)
  ```

  `y` is [..., D]. The inverse takes one pass through the network and `forward`
  takes D passes. Unlike TFP's class, this one is a composite tensor of its
  Variables.

  #### Example

  >>> layer = trainable_masked_autoregressive(4, hidden_channels=8)
  >>> layer.forward(tf.ones([5, 4])).shape
  TensorShape([5, 4])

  #### References

  Papamakarios et al. 2017, [Masked Autoregressive Flow](
  https://arxiv.org/abs/1705.07057), section 3.
  """

  condition_keyword = 'conditional_input'

  def __init__(
    self,
    network: Callable,
    validate_args: bool = False,
    name: str = 'masked_autoregressive',
  ):
    """Creates the layer.

    Args:
      network: Network from [..., D] to the shift and the log-scale, each
        [..., D]. Keyword arguments of the bijector's methods are passed on to
        it, such as `conditional_input=` for a `MaskedNetwork` with a condition.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      self._network = as_composite(network)
      super().__init__(
        forward_min_event_ndims=1,
        dtype=getattr(network, 'dtype', None),
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def network(self) -> Callable:
    """The network."""
    return self._network

  def own_networks(self) -> tuple:
    """See `FlowBijector`."""
    return (self._network,)

  def map_networks(self, function: Callable) -> 'MaskedAutoregressive':
    """See `FlowBijector`."""
    return self.copy(network=function(self._network))

  @tfp_compat.freed_with_graph()
  def _forward_and_log_det(self, x, **kwargs):
    flow = tfb.MaskedAutoregressiveFlow(self._shift_and_log_scale)
    return (
      flow.forward(x, **kwargs),
      flow.forward_log_det_jacobian(x, 1, **kwargs),
    )

  def _shift_and_log_scale(self, y, **kwargs):
    """Returns the network's shift and log-scale, unstacked if necessary."""
    result = self._network(y, **kwargs)
    return tf.unstack(result, axis=-1) if tf.is_tensor(result) else result

  def _inverse_and_log_det(self, y, **kwargs):
    shift, log_scale = self._shift_and_log_scale(y, **kwargs)
    log_det = -tf.reduce_sum(log_scale, axis=-1)
    return (y - shift) * tf.exp(-log_scale), log_det


def trainable_masked_autoregressive(
  size: int,
  *,
  hidden_channels: int = 512,
  num_layers: int = 2,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'masked_autoregressive',
) -> MaskedAutoregressive:
  """Returns a trainable `MaskedAutoregressive`, initialized as the identity.

  Args:
    size: Number of elements of a vector, D.
    hidden_channels: Number of units of each hidden layer of the network.
    num_layers: Number of hidden layers of the network, at least 1.
    condition_channels: Number of elements of the condition; 0 for none.
    seed: Seed of the initial weights. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.

  Returns:
    `MaskedAutoregressive`.

  Raises:
    ValueError: If an argument has an invalid value.
  """
  network = trainable_masked_network(
    size,
    hidden_channels,
    num_layers,
    condition_channels,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
  )
  return MaskedAutoregressive(network, name=name)
