"""The masked network of autoregressive flows."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.networks.dense_variables import dense_variables

__all__ = ['MaskedNetwork']

_MAX_LOG_SCALE = 5.0


class MaskedNetwork(tf.Module):
  """A shift and a log-scale of each number, from the numbers before it.

  A fully connected network (MADE) from x [..., D] to two vectors [..., D],
  whose numbers i depend on x_1 ... x_{i-1} and on the condition c alone:

  ```
  h_0 = x,  h_j = tanh((mask_j * W_j) h_{j-1} + V_j c + b_j)
  shift, h = the two halves of (mask_n * W_n) h_{n-1} + V_n c + b_n
  log_scale = 5 * tanh(h / 5)
  ```

  It is what `tfb.MaskedAutoregressiveFlow` takes as `shift_and_log_scale_fn`.
  The log-scale is bounded, so that no update of training makes a scale that is
  not finite. The masks are part of the function. Those of
  `tfb.AutoregressiveNetwork` are constraints that the optimizers of Keras
  apply: after an update by anything else its flow has no density. (And it
  activates in float32 in any dtype.)

  Germain et al. 2015 (MADE), section 4, with degrees that go round instead of
  random ones; Papamakarios et al. 2017 (Masked Autoregressive Flow), section 3.

  #### Example

  >>> network = MaskedNetwork.trainable(4, hidden_channels=8, num_layers=2)
  >>> shift, log_scale = network(tf.ones([5, 4]))
  >>> log_scale.shape
  TensorShape([5, 4])

  Args:
    weights: n >= 2 tensors or Variables [D_{j-1}, D_j], D_0 = D, D_n = 2 D.
    biases: n tensors or Variables [D_j].
    condition_weights: n tensors or Variables [K, D_j], or an empty list for a
      network without a condition.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    condition_weights: Sequence = (),
    name: str = 'masked_network',
  ):
    super().__init__(name=name)
    convert = tfp_compat.convert_nonref_to_tensor
    dtype = tfp_compat.common_dtype(
      [*weights, *biases, *condition_weights], dtype_hint=tf.float32
    )
    self.weights = [convert(weight, dtype=dtype) for weight in weights]
    self.biases = [convert(bias, dtype=dtype) for bias in biases]
    self.condition_weights = [
      convert(weight, dtype=dtype) for weight in condition_weights
    ]
    self.dtype = dtype
    self.size = self.weights[0].shape[0]
    self.condition_channels = (
      self.condition_weights[0].shape[0] if self.condition_weights else 0
    )

  @classmethod
  def trainable(
    cls,
    size: int,
    hidden_channels: int,
    num_layers: int,
    condition_channels: int = 0,
    *,
    seed: int | None = None,
    dtype=tf.float32,
    name: str = 'masked_network',
  ) -> 'MaskedNetwork':
    """A network of new Variables whose output starts at zero.

    Args:
      size: D.
      hidden_channels: size of the hidden layers.
      num_layers: number of hidden layers, at least 1.
      condition_channels: K, 0 for a network without a condition.
      seed: of the initial weights; None draws others each time.
      dtype: floating dtype.
      name: name of the module.

    Returns:
      `MaskedNetwork`.

    Raises:
      ValueError: if an argument is not as above.
    """
    if condition_channels < 0:
      raise ValueError(
        f'`condition_channels` is {condition_channels}; it must be at least 0.'
      )
    sizes = [size, *[hidden_channels] * num_layers, 2 * size]
    with tf.name_scope(name):
      weights, biases = dense_variables(
        sizes, last_scale=0.0, seed=seed, dtype=dtype
      )
      condition_weights = []
      if condition_channels:
        condition_weights = [
          tf.Variable(
            tf.zeros([condition_channels, outputs], dtype),
            name=f'condition_weight_{j}',
          )
          for j, outputs in enumerate(sizes[1:])
        ]
      return cls(weights, biases, condition_weights, name=name)

  def __call__(
    self, x: tf.Tensor, conditional_input: tf.Tensor | None = None
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The shifts and log-scales.

    Args:
      x: `Tensor` [..., D].
      conditional_input: c, `Tensor` [..., K] whose batch shape broadcasts with
        that of x, where `condition_channels` is not 0.

    Returns:
      Two tensors [..., D].

    Raises:
      ValueError: if a condition is missing, or there is one that the network
        does not take.
    """
    check_channels(self.name, x, self.size)
    if (conditional_input is None) != (self.condition_channels == 0):
      given = 'no' if conditional_input is None else 'a'
      raise ValueError(
        f'{self.name}: there is {given} `conditional_input`; this network was '
        f'made with `condition_channels` {self.condition_channels}.'
      )
    if conditional_input is not None:
      conditional_input = tf.cast(conditional_input, self.dtype)
      check_channels(self.name, conditional_input, self.condition_channels)
    h = x
    for j, mask in enumerate(self._masks()):
      h = tf.tanh(h) if j else h
      h = tf.tensordot(h, mask * self.weights[j], 1) + self.biases[j]
      if conditional_input is not None:
        h += tf.tensordot(conditional_input, self.condition_weights[j], 1)
    shift, log_scale = tf.split(h, 2, axis=-1)
    return shift, _MAX_LOG_SCALE * tf.tanh(log_scale / _MAX_LOG_SCALE)

  def _masks(self):
    """One for each weight: 1 where its output may depend on its input.

    A number of the network has the degree of the last x_i that it depends on;
    outputs of place i take those of lesser degrees.
    """
    numpy_dtype = self.dtype.as_numpy_dtype
    place = np.arange(self.size)
    degrees, masks = place, []
    for weight in self.weights[:-1]:
      width = weight.shape[1]  # degrees from 0 to size - 2, spread evenly
      hidden = ((np.arange(width) + 1) * max(self.size - 1, 1) - 1) // width
      masks.append((degrees[:, np.newaxis] <= hidden).astype(numpy_dtype))
      degrees = hidden
    last = degrees[:, np.newaxis] < place
    return [*masks, np.tile(last, [1, 2]).astype(numpy_dtype)]
