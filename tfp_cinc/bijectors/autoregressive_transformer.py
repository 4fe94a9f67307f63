"""Autoregressive flows of image patches whose network is a transformer."""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.bijectors.gradients import first_only
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.composite import tensors_of, with_tensors
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.internal.types import CausalNetwork, DTypeLike
from tfp_cinc.math.fixed_point import triangular_fixed_point
from tfp_cinc.networks.transformers import trainable_causal_transformer
from tfp_cinc.networks.transformers.tokens import as_image, as_tokens

__all__ = ['AutoregressiveTransformer', 'trainable_autoregressive_transformer']

SOLVERS = ('cache', 'jacobi')

_NO_SECOND = (
  'second derivatives of the inverse of an autoregressive transformer are not '
  'available.'
)


class AutoregressiveTransformer(FlowBijector):
  """Shifts and scales each pixel as a function of the pixels before it.

  ```
  forward:  z_i = (x_i - shift_i) * exp(-log_scale_i)
  inverse:  x_i = z_i * exp(log_scale_i) + shift_i
  forward_log_det_jacobian(x) = -sum_i log_scale_i
  shift_i, h_i = network(x_1 ... x_{i-1})
  log_scale_i = max_log_scale * tanh(h_i / max_log_scale)
  ```

  `x` is [..., H, W, C]; x_i is the pixel i, with all channels. After
  `Squeeze(p)`, a pixel is a patch of p x p pixels. `forward` takes one pass
  through the network. The inverse solves for one pixel after the other, by one
  of two methods:

  - 'cache': L = H W steps of one pixel each. Keys and values of earlier pixels
    are kept, see `CausalTransformer`. All steps together cost about as much as
    one pass, in many small operations.
  - 'jacobi': at most L passes over all pixels. Pixel i is exact after i passes.
    The iteration stops when a pass changes nothing. It usually stops much
    earlier, which pays off on hardware that is fast for large operations.

  The gradient of the inverse is exact and stores no intermediate values: the
  same iteration solves (I - J^T) w = dx, where J is the Jacobian of x_i with
  respect to the pixels before it. Second derivatives of the inverse are
  refused, those of `forward` are exact.

  #### Example

  >>> layer = trainable_autoregressive_transformer(
  ...   3, hidden_channels=16, seed=1
  ... )
  >>> z = layer.forward(tf.ones([5, 4, 4, 3]))
  >>> layer.inverse(z).shape
  TensorShape([5, 4, 4, 3])

  #### References

  Zhai et al. 2024, [TarFlow](https://arxiv.org/abs/2412.06329), section 2.2,
  equations 2 and 3. The bound of the log-scale is not from this paper.
  """

  def __init__(
    self,
    network: CausalNetwork,
    solver: str = 'cache',
    max_log_scale: float = 5.0,
    validate_args: bool = False,
    name: str = 'autoregressive_transformer',
  ):
    """Creates the layer.

    Args:
      network: A `CausalTransformer` with C inputs and 2 C outputs, shift and h,
        or a network that is causal in the same way, with `order`,
        `in_channels`, `dtype` and `read_pixels`. Keyword arguments of the
        bijector's methods are passed on to it, such as `condition=`.
      solver: Method of the inverse, 'cache' or 'jacobi', as above.
      max_log_scale: Bound of |log_scale|, more than 0. With `math.inf`,
        log_scale is h, as in the paper.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If `network` is not causal, `solver` is unknown or
        `max_log_scale` is not positive.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      if not hasattr(network, 'read_pixels'):
        raise ValueError(
          f'`network` is a {type(network).__name__}, which is not causal; use '
          '`tfp_cinc.networks.trainable_causal_transformer`.'
        )
      check_choice('solver', solver, SOLVERS)
      if not max_log_scale > 0:
        raise ValueError(
          f'`max_log_scale` is {max_log_scale}; it must be more than 0.'
        )
      self._network, self._solver = network, solver
      self._max_log_scale = max_log_scale
      super().__init__(
        forward_min_event_ndims=3,
        dtype=network.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def network(self) -> CausalNetwork:
    """The network."""
    return self._network

  @property
  def solver(self) -> str:
    """The method of the inverse, 'cache' or 'jacobi'."""
    return self._solver

  @property
  def max_log_scale(self) -> float:
    """The bound of |log_scale|."""
    return self._max_log_scale

  def own_networks(self) -> tuple:
    """See `FlowBijector`."""
    return (self._network,)

  def map_networks(self, function: Callable) -> 'AutoregressiveTransformer':
    """See `FlowBijector`."""
    return self.copy(network=function(self._network))

  def shift_and_log_scale(
    self, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns shift and log-scale, [..., C] each, of an output [..., 2 C]."""
    channels = self._network.in_channels
    if parameters.shape[-1] != 2 * channels:
      raise ValueError(
        f'{self.name}: the network returned {parameters.shape[-1]} channels; '
        f'for {channels} channels it must return {2 * channels}.'
      )
    shift, h = tf.split(parameters, 2, axis=-1)
    bound = self._max_log_scale
    return shift, h if math.isinf(bound) else bound * tf.tanh(h / bound)

  def _forward_and_log_det(self, x, **kwargs):
    shift, log_scale = self.shift_and_log_scale(self._network(x, **kwargs))
    log_det = -tf.reduce_sum(log_scale, axis=[-3, -2, -1])
    return (x - shift) * tf.exp(-log_scale), log_det

  def _inverse_and_log_det(self, z, **kwargs):
    check_channels(self.name, z, self._network.in_channels)
    x = self._solve(z, kwargs)
    _, log_scale = self.shift_and_log_scale(self._network(x, **kwargs))
    return x, tf.reduce_sum(log_scale, axis=[-3, -2, -1])

  @tfp_compat.freed_with_graph()
  def _solve(self, z, kwargs):
    """Returns x, with the gradient of the implicit function theorem."""
    whole = [self._network, kwargs]

    @tf.custom_gradient
    def solve(z, *tensors):
      network, own = with_tensors(whole, map(tf.identity, tensors))

      def decode(x, z, network, own):
        shift, log_scale = self.shift_and_log_scale(network(x, **own))
        return z * tf.exp(log_scale) + shift

      length = z.shape[-3] * z.shape[-2]
      if self._solver == 'jacobi':
        x, _ = triangular_fixed_point(
          lambda x: decode(x, z, network, own), z, length=length
        )
      else:
        x = self._pixel_by_pixel(z, network, own)

      def gradient(dx):
        def back(w):
          """Returns dx + J^T w."""
          place = tf.identity(x)
          with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(place)
            y = decode(place, z, network, own)
          return dx + tape.gradient(y, place, w, unconnected_gradients='zero')

        w, _ = triangular_fixed_point(back, dx, length=length)
        places = [tf.identity(value) for value in (z, *tensors)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
          tape.watch(places)
          other = with_tensors(whole, places[1:])
          y = decode(x, places[0], *other)
        found = tape.gradient(y, places, w)
        return [None if g is None else first_only(g, _NO_SECOND) for g in found]

      return x, gradient

    return solve(z, *map(tf.convert_to_tensor, tensors_of(whole)))

  def _pixel_by_pixel(self, z, network, kwargs):
    state, step = network.read_pixels(z, **kwargs)
    z_tokens = as_tokens(z, network.order)
    length = z_tokens.shape[1]

    def body(place, last, x, state):
      parameters, state = step(place, last, state)
      shift, log_scale = self.shift_and_log_scale(parameters)
      pixel = tf.gather(z_tokens, place, axis=1) * tf.exp(log_scale) + shift
      is_here = (tf.range(length) == place)[:, tf.newaxis]
      x = tf.where(is_here, pixel[:, tf.newaxis], x)
      return place + 1, pixel, x, state

    start = (0, z_tokens[:, 0], tf.zeros_like(z_tokens), state)
    _, _, x, _ = tf.while_loop(
      lambda place, *_: place < length,
      body,
      start,
      maximum_iterations=length,
    )
    return as_image(x, z, network.order)


def trainable_autoregressive_transformer(
  channels: int,
  *,
  solver: str = 'cache',
  max_log_scale: float = 5.0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'autoregressive_transformer',
  **options: Any,
) -> AutoregressiveTransformer:
  """Returns a trainable `AutoregressiveTransformer`, initially the identity.

  Args:
    channels: Number of channels C.
    solver: Method of the inverse, see `AutoregressiveTransformer`.
    max_log_scale: Bound of |log_scale|.
    seed: Seed of the initial values. None draws new ones.
    dtype: Floating dtype.
    name: Name of the layer.
    **options: Other arguments of `trainable_causal_transformer`, such as
      `hidden_channels`, `num_layers`, `order` and `condition_channels`.

  Returns:
    `AutoregressiveTransformer`.

  Raises:
    ValueError: If an argument has an invalid value.
  """
  network = trainable_causal_transformer(
    channels,
    2 * channels,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
    **options,
  )
  return AutoregressiveTransformer(network, solver, max_log_scale, name=name)
