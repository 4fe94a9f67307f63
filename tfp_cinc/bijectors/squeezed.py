"""A bijector on squeezed images."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.adapted import as_flow_bijector
from tfp_cinc.bijectors.base import BijectorWrapper
from tfp_cinc.internal.shapes import on_image_batch

__all__ = ['Squeezed']

tfb = tfp.bijectors


class Squeezed(BijectorWrapper):
  """Applies a bijector to images of lower resolution and more channels.

  ```
  forward(x) = unsqueeze(bijector.forward(squeeze(x)))
  forward_log_det_jacobian(x) = bijector.forward_log_det_jacobian(squeeze(x))
  ```

  Here squeeze is `tf.nn.space_to_depth`, [H, W, C] -> [H/f, W/f, f*f*C], and
  unsqueeze is its inverse. The layer keeps the shape of images. Each level of a
  multi-scale flow is such a bijector.

  #### Example

  >>> layer = Squeezed(tfb.Scale(2.0), factor=2)
  >>> layer.forward(tf.ones([5, 8, 8, 3])).shape
  TensorShape([5, 8, 8, 3])

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.6.
  """

  def __init__(
    self,
    bijector: tfb.Bijector,
    factor: int = 2,
    validate_args: bool = False,
    name: str = 'squeezed',
  ):
    """Creates the layer.

    Args:
      bijector: A bijector of events [H/f, W/f, f*f*C] (or of lower rank) that
        keeps their shape. Keyword arguments of methods are passed on to it.
      factor: The factor f, at least 2. H and W must be divisible by it.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If `factor` is less than 2.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      if factor < 2:
        raise ValueError(f'`factor` is {factor}; it must be at least 2.')
      self._bijector = as_flow_bijector(bijector)
      parameters['bijector'] = self._bijector
      self._factor = factor
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=self._bijector.is_constant_jacobian,
        dtype=self._bijector.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def factor(self) -> int:
    """The factor f. Blocks of f x f pixels become one pixel."""
    return self._factor

  def route(
    self, x: tf.Tensor, run: Callable, invert: bool, kwargs: dict
  ) -> tf.Tensor:
    """Passes the squeezed x through the bijector."""
    return self._unsqueeze(run(0, self._squeeze(x), invert, kwargs))

  def pull_back(
    self,
    y: tf.Tensor,
    dy: tf.Tensor,
    dlog_det: tf.Tensor,
    event_ndims: int | None = None,
    **kwargs: Any,
  ) -> tuple[tf.Tensor, tf.Tensor, list]:
    """See `FlowBijector`. Calls `pull_back` of the wrapped bijector."""
    x, dx, found = self._bijector.pull_back(
      self._squeeze(y), self._squeeze(dy), dlog_det, event_ndims or 3, **kwargs
    )
    return self._unsqueeze(x), self._unsqueeze(dx), found

  def _squeeze(self, x):
    for side, size in zip(('height', 'width'), x.shape[-3:-1], strict=True):
      if size is not None and size % self._factor:
        raise ValueError(
          f'{self.name}: the {side} {size} of the image is not divisible by '
          f'the `factor` {self._factor} of the squeeze.'
        )
    if x.shape.rank == 4:
      return tf.nn.space_to_depth(x, self._factor)
    return on_image_batch(
      lambda images: tf.nn.space_to_depth(images, self._factor), x
    )

  def _unsqueeze(self, x):
    if x.shape.rank == 4:
      return tf.nn.depth_to_space(x, self._factor)
    return on_image_batch(
      lambda images: tf.nn.depth_to_space(images, self._factor), x
    )
