"""Fixed permutations of the channels."""

import numpy as np
import tensorflow as tf

from tfp_cinc.bijectors.one_pass import ConstantJacobianBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels

__all__ = ['ReverseChannels', 'ShuffleChannels', 'random_shuffle_channels']


class ReverseChannels(ConstantJacobianBijector):
  """Reverses the order of the channels.

  ```
  forward(x)[..., c] = x[..., C - 1 - c] = inverse(x)[..., c]
  forward_log_det_jacobian(x) = 0
  ```

  Between two couplings it exchanges the part that stays and the part that is
  changed: NICE (Dinh et al. 2015), section 3.2; RealNVP (Dinh et al. 2017),
  section 3.5; Glow (Kingma and Dhariwal 2018), section 3.2.

  #### Example

  >>> ReverseChannels().forward([[[1.0, 2.0, 3.0]]]).numpy().ravel().tolist()
  [3.0, 2.0, 1.0]
  """

  def __init__(
    self,
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'reverse_channels',
  ):
    """Creates the layer.

    Args:
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      super().__init__(
        forward_min_event_ndims=1,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  def _forward(self, x):
    return tf.reverse(x, axis=[-1])

  def _inverse(self, y):
    return tf.reverse(y, axis=[-1])

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], self.dtype)


class ShuffleChannels(ConstantJacobianBijector):
  """Reorders the channels by a fixed permutation.

  ```
  forward(x)[..., c] = x[..., permutation[c]]
  inverse(y)[..., permutation[c]] = y[..., c]
  forward_log_det_jacobian(x) = 0
  ```

  Glow (Kingma and Dhariwal 2018), section 3.2: what its 1x1 convolution
  generalizes.

  #### Example

  >>> layer = ShuffleChannels([2, 0, 1])
  >>> layer.forward([[[1.0, 2.0, 3.0]]]).numpy().ravel().tolist()
  [3.0, 1.0, 2.0]
  """

  def __init__(
    self,
    permutation,
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'shuffle_channels',
  ):
    """Creates the layer.

    Args:
      permutation: int32 `Tensor` or `Variable` [C] of 0 ... C - 1, each once.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite, and that a
        `permutation` that is a `Variable` still is one.
      name: name of the layer.

    Raises:
      ValueError: if `permutation` is not a vector, or not a permutation where
        its values are known.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
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
    """From each output channel to the input channel that it is, [C]."""
    return self._permutation

  def _forward(self, x):
    check_channels(self.name, x, self.permutation.shape[-1])
    return tf.gather(x, self.permutation, axis=-1)

  def _inverse(self, y):
    check_channels(self.name, y, self.permutation.shape[-1])
    return tf.gather(y, tf.math.invert_permutation(self.permutation), axis=-1)

  def _forward_log_det_jacobian(self, x):
    return tf.zeros([], self.dtype)

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
    return  # its value is for `validate_args`
  values = tf.get_static_value(permutation)
  if values is not None and sorted(values) != list(range(len(values))):
    raise ValueError(
      f'`permutation` is {values.tolist()}; it must have each of 0 ... '
      f'{len(values) - 1} once.'
    )


def random_shuffle_channels(
  channels: int,
  *,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'shuffle_channels',
) -> ShuffleChannels:
  """A `ShuffleChannels` whose permutation is drawn uniformly.

  The permutation is a Variable that is not trainable, so that checkpoints hold
  it.

  Args:
    channels: C.
    seed: of the permutation; None draws another one each time.
    dtype: dtype of the images.
    name: name of the layer.

  Returns:
    `ShuffleChannels`.

  Raises:
    ValueError: if `channels` is less than 1.
  """
  if channels < 1:
    raise ValueError(f'`channels` is {channels}; it must be at least 1.')
  order = np.random.default_rng(seed).permutation(channels).astype(np.int32)
  with tf.name_scope(name):
    permutation = tf.Variable(order, trainable=False, name='permutation')
    return ShuffleChannels(permutation, dtype=dtype, name=name)
