"""TFP's masked autoregressive flow as a composite tensor."""

from collections.abc import Callable

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.networks.masked_network import (
  MaskedNetwork,
  trainable_masked_network,
)
from tfp_cinc.networks.opaque_network import as_composite

__all__ = ['MaskedAutoregressive', 'trainable_masked_autoregressive']

tfb = tfp.bijectors


class MaskedAutoregressive(FlowBijector):
  """`tfb.MaskedAutoregressiveFlow` of a `MaskedNetwork`.

  With shift and log_scale of the network, each number of which depends only on
  the numbers before it,

  ```
  forward:  y_i = x_i * exp(log_scale_i(y_1 ... y_{i-1})) + shift_i(...)
  inverse:  x_i = (y_i - shift_i(y)) * exp(-log_scale_i(y))
  inverse_log_det_jacobian(y) = -sum_i log_scale_i(y)
  ```

  `y` is [..., D]. The inverse is one pass through the network, `forward` takes
  D passes. Unlike TFP's class it is a composite tensor of its Variables.

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
    network: MaskedNetwork,
    validate_args: bool = False,
    name: str = 'masked_autoregressive',
  ):
    """Creates the layer.

    Args:
      network: From [..., D] to shift and log-scale, both [..., D]. Keyword
        arguments of the bijector's methods are passed on to it:
        `conditional_input=` for a `MaskedNetwork` with a condition.
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
  def network(self) -> MaskedNetwork:
    """The network."""
    return self._network

  def own_networks(self) -> tuple:
    """As in `FlowBijector`."""
    return (self._network,)

  def map_networks(self, function: Callable) -> 'MaskedAutoregressive':
    """As in `FlowBijector`."""
    return self.copy(network=function(self._network))

  def _forward_and_log_det(self, x, **kwargs):
    flow = tfb.MaskedAutoregressiveFlow(self._shift_and_log_scale)
    return (
      flow.forward(x, **kwargs),
      flow.forward_log_det_jacobian(x, 1, **kwargs),
    )

  def _shift_and_log_scale(self, y, **kwargs):
    """What the network returns, also if that is one tensor [..., D, 2]."""
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
  dtype=tf.float32,
  name: str = 'masked_autoregressive',
) -> MaskedAutoregressive:
  """Returns a `MaskedAutoregressive` of new Variables, the identity at first.

  Args:
    size: D.
    hidden_channels: Width of the network.
    num_layers: Number of hidden layers, at least 1.
    condition_channels: K, the size of the condition, 0 for none.
    seed: Seed of the initial weights. None draws new ones.
    dtype: Floating dtype.
    name: Name of the layer.

  Raises:
    ValueError: If an argument is not as above.
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
