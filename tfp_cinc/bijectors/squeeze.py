"""Space to depth."""

import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector
from tfp_cinc.internal.shapes import on_image_batch
from tfp_cinc.internal.types import DTypeLike

__all__ = ['Squeeze']


class Squeeze(ConstantJacobianBijector):
  """Moves pixels into channels: [H, W, C] -> [H/f, W/f, f*f*C].

  ```
  forward(x) = space_to_depth(x, f)
  inverse(y) = depth_to_space(y, f)
  forward_log_det_jacobian(x) = 0
  ```

  Each block of f x f pixels becomes one pixel; no value changes. `forward`
  raises `ValueError` if H or W is not divisible by f, and `inverse` does if the
  number of channels is not divisible by f^2.

  #### Example

  >>> Squeeze().forward(tf.zeros([2, 8, 8, 3])).shape
  TensorShape([2, 4, 4, 12])

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.6.
  """

  def __init__(
    self,
    factor: int = 2,
    dtype: DTypeLike | None = None,
    validate_args: bool = False,
    name: str = 'squeeze',
  ):
    """Creates the layer.

    Args:
      factor: The factor f, at least 2.
      dtype: Dtype of the images. None accepts any.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If `factor` is less than 2.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      if factor < 2:
        raise ValueError(f'`factor` is {factor}; it must be at least 2.')
      self._factor = factor
      super().__init__(
        forward_min_event_ndims=3,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def factor(self) -> int:
    """The factor f. Blocks of f x f pixels become one pixel."""
    return self._factor

  @property
  def only_permutes(self) -> bool:
    """True, because the layer only permutes entries."""
    return True

  def _forward(self, x):
    self._static_shape(x.shape, self._squeezed)  # raises if not divisible
    if x.shape.rank == 4:
      return tf.nn.space_to_depth(x, self._factor)
    return on_image_batch(
      lambda images: tf.nn.space_to_depth(images, self._factor), x
    )

  def _inverse(self, y):
    self._static_shape(y.shape, self._expanded)  # raises if not divisible
    if y.shape.rank == 4:
      return tf.nn.depth_to_space(y, self._factor)
    return on_image_batch(
      lambda images: tf.nn.depth_to_space(images, self._factor), y
    )

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], x.dtype)

  def _forward_event_shape(self, input_shape):
    return self._static_shape(input_shape, self._squeezed)

  def _inverse_event_shape(self, output_shape):
    return self._static_shape(output_shape, self._expanded)

  def _forward_event_shape_tensor(self, input_shape):
    return self._dynamic_shape(input_shape, self._squeezed)

  def _inverse_event_shape_tensor(self, output_shape):
    return self._dynamic_shape(output_shape, self._expanded)

  def _squeezed(self, height, width, channels):
    factor = self._factor
    for name, size in (('height', height), ('width', width)):
      if isinstance(size, int) and size % factor:
        raise ValueError(
          f'the {name} {size} of the image is not divisible by the `factor` '
          f'{factor} of the squeeze.'
        )
    return (
      _divide(height, factor),
      _divide(width, factor),
      (None if channels is None else channels * factor**2),
    )

  def _expanded(self, height, width, channels):
    factor = self._factor
    if isinstance(channels, int) and channels % factor**2:
      raise ValueError(
        f'the {channels} channels of the image are not divisible by the square '
        f'of the `factor` {factor} of the squeeze.'
      )
    return (
      None if height is None else height * factor,
      None if width is None else width * factor,
      _divide(channels, factor**2),
    )

  def _static_shape(self, shape, change):
    if shape.rank is None:
      return shape
    if shape.rank < 3:
      raise ValueError(
        f'images have shape {shape}; they must be [..., H, W, C].'
      )
    return shape[:-3].concatenate(change(*shape.as_list()[-3:]))

  def _dynamic_shape(self, shape, change):
    return tf.concat([shape[:-3], tf.stack(change(*tf.unstack(shape[-3:])))], 0)


def _divide(size, factor):
  return None if size is None else size // factor
