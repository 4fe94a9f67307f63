"""The general coupling layer; all other couplings are special cases of it."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector, sum_event_dims
from tfp_cinc.bijectors.coupling_functions import (
  CouplingFunction,
  as_coupling_function,
)
from tfp_cinc.bijectors.gradients import with_own_tensors
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.types import BlockNetwork, DTypeLike
from tfp_cinc.networks.opaque_network import as_composite

__all__ = ['BlockCoupling', 'Network', 'SeparateNetworks']

Network = Callable[..., tf.Tensor]


class BlockCoupling(FlowBijector):
  """Transforms each block of channels as a function of the blocks before it.

  The channels are split into n equal blocks x_1 ... x_n. The first block does
  not change. The others are transformed elementwise by an increasing function
  g. For block j, a network computes its parameters p_j from x_1 ... x_{j-1}:

  ```
  forward:  y_1 = x_1,  y_j = g(x_j; p_j)
  inverse:  x_1 = y_1,  x_j = g^-1(y_j; p_j)
  forward_log_det_jacobian(x) = sum_{j, h, w, c} log g'(x_j; p_j)
  ```

  There are n - 1 networks. Each runs once in either direction. The inverse
  solves the blocks in the same order, so that each network gets blocks that are
  already known. A `SharedNetwork` can replace the n - 1 networks. It runs once,
  in the inverse one group at a time.

  #### Example

  >>> from tfp_cinc.networks import trainable_glow_network
  >>> layer = BlockCoupling(
  ...   [trainable_glow_network(2, 2, hidden_channels=16)], 'additive'
  ... )
  >>> layer.forward(tf.zeros([5, 8, 8, 4])).shape
  TensorShape([5, 8, 8, 4])

  #### References

  Nagar, Dufraisse and Varma 2021, [CInC Flow](
  https://arxiv.org/abs/2107.01358), section 3.3, generalized to any n. The
  inverse in the paper's published code starts with the last block, which does
  not invert the layer.
  """

  def __init__(
    self,
    networks: Sequence[Network] | BlockNetwork,
    function: str | CouplingFunction = 'affine',
    scale_function: str | Callable | None = None,
    dtype: DTypeLike = tf.float32,
    validate_args: bool = False,
    name: str = 'block_coupling',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      networks: List of n - 1 callables. Network j maps [..., H, W, j*C/n] to
        [..., H, W, P*C/n], where P is the number of parameters per entry (see
        `CouplingFunction.num_parameters`): the first parameter of all channels,
        then the second, and so on. Instead of a list, a `SharedNetwork` with
        n - 1 groups, which maps [..., H, W, (n-1)*C/n] to
        [..., H, W, (n-1)*P*C/n]. Keyword arguments of the bijector's methods
        are passed on to each network, such as `condition=` for those of
        `tfp_cinc.networks`.
      function: The function g: a `CouplingFunction` or one of the names
        'additive', 'affine', 'logistic_mixture' and 'spline'.
      scale_function: Scale function of g, if `function` is the name of a
        function that has one; see `Affine`. 'sigmoid' (the default, as in the
        published code), 'exp' (as in the papers), 'tanh' (as in RealNVP), or a
        callable.
      dtype: Dtype of the images.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
      parameters: Constructor arguments of a subclass.

    Raises:
      ValueError: If `networks` is empty, or a name is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name):
      self._function = as_coupling_function(function, scale_function)
      self._networks: BlockNetwork = _as_block_network(networks)
      if not self._networks.groups:
        raise ValueError('`networks` is empty; n blocks need n - 1 networks.')
      super().__init__(
        forward_min_event_ndims=3,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def networks(self) -> 'BlockNetwork | SeparateNetworks':
    """The list of networks, or the shared network."""
    return self._networks

  @property
  def function(self) -> CouplingFunction:
    """The function g."""
    return self._function

  @property
  def scale_function(self) -> str | Callable | None:
    """The scale function of g, or None if g has none."""
    return getattr(self._function, 'scale_function', None)

  def own_networks(self) -> tuple:
    """See `FlowBijector`."""
    if isinstance(self._networks, SeparateNetworks):
      return tuple(self._networks)
    return (self._networks,)

  def map_networks(self, function: Callable) -> 'BlockCoupling':
    """See `FlowBijector`."""
    networks = [*map(function, self.own_networks())]
    is_list = isinstance(self._networks, SeparateNetworks)
    return self.copy(networks=networks if is_list else networks[0])

  def pull_back(
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """See `FlowBijector`. Each network runs only once."""
    own, kwargs, places, of_originals = with_own_tensors(self, kwargs)
    function = own.function
    with tf.GradientTape() as tape:
      tape.watch([y, *places])

      def change(block, parameters):
        x = tf.stop_gradient(function.inverse(block, parameters)[0])
        tape.watch(x)
        return x, *function.forward(x, parameters)

      x, again, log_det = own._walk(y, change, kwargs)
      again = self._join(again)
      log_det = sum_event_dims(log_det, y, 3, event_ndims)
      log_det = tf.broadcast_to(log_det, tf.shape(dlog_det))
    dx, *found = tape.gradient(
      [again, log_det],
      [x, *places],
      output_gradients=[dy, dlog_det],
      unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
    return self._join(x), self._join(dx), of_originals(found)

  def _forward_and_log_det(self, x, **kwargs):
    def change(block, parameters):
      return block, *self._function.forward(block, parameters)

    _, y, log_det = self._walk(x, change, kwargs, is_image=True)
    return self._join(y), log_det

  def _inverse_and_log_det(self, y, **kwargs):
    def change(block, parameters):
      x, log_slope = self._function.inverse(block, parameters)
      return x, x, log_slope

    _, x, log_det = self._walk(y, change, kwargs)
    return self._join(x), -log_det

  def _walk(self, inputs, change, kwargs, is_image=False):
    """Transforms the blocks in order.

    The networks read the image blocks, which are the inputs of `forward`.

    Args:
      inputs: `Tensor` [..., H, W, C], the input of `forward` or `inverse`.
      change: Function from (block, its parameters) to (image block, output
        block, log g').
      kwargs: Conditions of the networks.
      is_image: Whether `inputs` is the image, so that the networks can read all
        blocks in advance.

    Returns:
      (image blocks, output blocks, the log-det of forward).
    """
    first, *blocks = self._split(inputs)
    images, outputs, log_det = [first], [first], tf.zeros([], inputs.dtype)
    known = [first, *blocks[:-1]] if is_image else None
    parameters_after = self._networks.read_blocks(known, **kwargs)
    for block in blocks:
      parameters = parameters_after(images[-1])
      parameters = self._function.checked(parameters, block, self.name)
      image, output, log_slope = change(block, parameters)
      images.append(image)
      outputs.append(output)
      if log_slope is not None:
        log_slope = self._of_changed(log_slope)
        log_det += tf.reduce_sum(log_slope, axis=[-3, -2, -1])
    return images, outputs, log_det

  def _split(self, inputs):
    """Splits an image into the list of its blocks."""
    channels, count = inputs.shape[-1], 1 + self._networks.groups
    if channels % count:
      raise ValueError(
        f'{self.name}: {channels} channels are not divisible into {count} equal'
        ' blocks.'
      )
    return tf.split(inputs, count, axis=-1)

  def _join(self, blocks):
    """The inverse of `_split`."""
    return tf.concat(blocks, -1)

  def _of_changed(self, log_slope):
    """Returns the log-slopes, with zeros for entries that do not change."""
    return log_slope


class SeparateNetworks(tfp_compat.CompositeModule):
  """A list of networks with the interface of a `SharedNetwork`.

  A coupling of n + 1 blocks uses only two members of a `SharedNetwork`:
  `groups`, the number n, and `read_blocks(known, **conditions)`. This class
  implements them for a list of n networks. Its length and items are those of
  the list.
  """

  def __init__(self, networks: Sequence, name: str = 'separate_networks'):
    """Stores the networks.

    Args:
      networks: List of n callables. Network j takes the concatenated blocks
        x_1 ... x_j.
      name: Name of the module.
    """
    super().__init__(name=name)
    self._networks = [as_composite(network) for network in networks]

  def __len__(self) -> int:
    return len(self._networks)

  def __getitem__(self, index: int) -> Network:
    return self._networks[index]

  @property
  def groups(self) -> int:
    """Number n of networks."""
    return len(self._networks)

  def read_blocks(self, known=None, **conditions) -> Callable:
    """Returns a function from each block to the parameters of the next one."""
    del known
    networks, blocks = iter(self), []

    def read(block):
      blocks.append(block)
      before = block if len(blocks) == 1 else tf.concat(blocks, -1)
      return next(networks)(before, **conditions)

    return read


def _as_block_network(networks):
  """Returns a shared network unchanged, and a list as `SeparateNetworks`."""
  is_shared = hasattr(networks, 'read_blocks')
  return networks if is_shared else SeparateNetworks(networks)
