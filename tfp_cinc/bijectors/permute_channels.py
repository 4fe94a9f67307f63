"""Fixed permutations of the channels."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.base import ConstantJacobianBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.internal.types import DTypeLike, TensorLike

__all__ = ['ReverseChannels', 'ShuffleChannels', 'random_shuffle_channels']


class ReverseChannels(ConstantJacobianBijector):
  """Reverses the order of the channels.

  ```
  forward(x)[..., c] = x[..., C - 1 - c]
  inverse(y)[..., c] = y[..., C - 1 - c]
  forward_log_det_jacobian(x) = 0
  ```

  `x` is [..., C]. Between two couplings, the layer swaps the half that is kept
  and the half that is changed.

  #### Example

  >>> ReverseChannels().forward([[[1.0, 2.0, 3.0]]]).numpy().ravel().tolist()
  [3.0, 2.0, 1.0]

  #### References

  Dinh, Krueger and Bengio 2015, [NICE](https://arxiv.org/abs/1410.8516),
  section 3.2; Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), section 3.5; Kingma and Dhariwal 2018,
  [Glow](https://arxiv.org/abs/1807.03039), section 3.2.
  """

  def __init__(
    self,
    dtype: DTypeLike | None = None,
    validate_args: bool = False,
    name: str = 'reverse_channels',
  ):
    """Creates the layer.

    Args:
      dtype: Dtype of the images. None accepts any.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      super().__init__(
        forward_min_event_ndims=1,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def only_permutes(self) -> bool:
    """True, because the layer only permutes entries."""
    return True

  def _forward(self, x):
    return tf.reverse(x, axis=[-1])

  def _inverse(self, y):
    return tf.reverse(y, axis=[-1])

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], x.dtype)


class ShuffleChannels(ConstantJacobianBijector):
  """Reorders the channels by a fixed permutation.

  ```
  forward(x)[..., c] = x[..., permutation[c]]
  inverse(y)[..., permutation[c]] = y[..., c]
  forward_log_det_jacobian(x) = 0
  ```

  `x` is [..., C]. A 1x1 convolution generalizes this layer.

  #### Example

  >>> layer = ShuffleChannels([2, 0, 1])
  >>> layer.forward([[[1.0, 2.0, 3.0]]]).numpy().ravel().tolist()
  [3.0, 1.0, 2.0]

  #### References

  Kingma and Dhariwal 2018, [Glow](https://arxiv.org/abs/1807.03039), section
  3.2.
  """

  def __init__(
    self,
    permutation: TensorLike,
    dtype: DTypeLike | None = None,
    validate_args: bool = False,
    name: str = 'shuffle_channels',
  ):
    """Creates the layer.

    Args:
      permutation: Int32 `Tensor` or `Variable` [C] that contains each of
        0 ... C - 1 once.
      dtype: Dtype of the images. None accepts any.
      validate_args: Whether to check that inputs are finite, and that
        `permutation`, if it is a `Variable`, still contains a permutation.
      name: Name of the layer.

    Raises:
      ValueError: If `permutation` is not a vector, or if its values are known
        and are not a permutation.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      self._permutation = tfp_compat.convert_nonref_to_tensor(
        permutation, dtype=tf.int32, name='permutation'
      )
      _check_permutation(self._permutation)
      super().__init__(
        forward_min_event_ndims=1,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def permutation(self) -> tf.Tensor:
    """The input channel of each output channel, [C]."""
    return self._permutation

  @property
  def only_permutes(self) -> bool:
    """True, because the layer only permutes entries."""
    return True

  def _forward(self, x):
    check_channels(self.name, x, self.permutation.shape[-1])
    return tf.gather(x, self.permutation, axis=-1)

  def _inverse(self, y):
    check_channels(self.name, y, self.permutation.shape[-1])
    return tf.gather(y, tf.math.invert_permutation(self.permutation), axis=-1)

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], x.dtype)

  def _parameter_control_dependencies(self, is_init):
    if is_init or not self.validate_args:
      return []
    return [
      tf.debugging.assert_equal(
        tf.sort(self.permutation),
        tf.range(self.permutation.shape[-1]),
        message=f'{self.name}: `permutation` is not a permutation.',
      )
    ]


def _check_permutation(permutation):
  shape = permutation.shape
  if shape.rank != 1 or shape[0] in (None, 0):
    raise ValueError(
      f'`permutation` has shape {shape}; it must be [C], C >= 1.'
    )
  if isinstance(permutation, tf.Variable):
    return  # `validate_args` checks its value
  values = tf.get_static_value(permutation)
  if values is not None and sorted(values) != list(range(len(values))):
    raise ValueError(
      f'`permutation` is {values.tolist()}; it must contain each of 0 ... '
      f'{len(values) - 1} once.'
    )


def random_shuffle_channels(
  channels: int,
  *,
  seed: int | None = None,
  dtype: DTypeLike | None = None,
  name: str = 'shuffle_channels',
) -> ShuffleChannels:
  """Returns a `ShuffleChannels` with a uniformly random permutation.

  The permutation is a non-trainable Variable, so that checkpoints contain it.

  Args:
    channels: Number of channels, C.
    seed: Seed of the permutation. None draws a new one.
    dtype: Dtype of the images. None accepts any.
    name: Name of the layer.

  Returns:
    `ShuffleChannels`.

  Raises:
    ValueError: If `channels` is less than 1.
  """
  if channels < 1:
    raise ValueError(f'`channels` is {channels}; it must be at least 1.')
  order = np.random.default_rng(seed).permutation(channels).astype(np.int32)
  with tf.name_scope(name):
    permutation = tf.Variable(order, trainable=False, name='permutation')
    return ShuffleChannels(permutation, dtype=dtype, name=name)
