"""The masked network of autoregressive flows."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.networks.dense_condition import (
  condition_variables,
  vector_condition,
)
from tfp_cinc.networks.dense_variables import dense_variables

__all__ = ['MaskedNetwork', 'trainable_masked_network']

_MAX_LOG_SCALE = 5.0


class MaskedNetwork(tfp_compat.CompositeModule):
  """A masked fully connected network (MADE) for autoregressive flows.

  It maps x [..., D] to a shift and a log-scale, [..., D] each. Element i of
  both depends only on x_1 ... x_{i-1} and on the condition c:

  ```
  h_0 = x,  h_j = tanh((mask_j * W_j) h_{j-1} + V_j c + b_j)
  shift, h = the two halves of (mask_n * W_n) h_{n-1} + V_n c + b_n
  log_scale = 5 * tanh(h / 5)
  ```

  The network can be used as the `shift_and_log_scale_fn` of
  `tfb.MaskedAutoregressiveFlow`. The log-scale is bounded, so that the scale
  stays finite during training.

  Here the masks are part of the function. In `tfb.AutoregressiveNetwork` they
  are constraints that only Keras optimizers apply: after an update by any other
  optimizer, the densities of its flow are wrong. `tfb.AutoregressiveNetwork`
  also computes its activations in float32, whatever its dtype.

  Cost: O(D_{j-1} D_j) for each layer and event.

  #### Example

  >>> network = trainable_masked_network(4, hidden_channels=8, num_layers=2)
  >>> shift, log_scale = network(tf.ones([5, 4]))
  >>> log_scale.shape
  TensorShape([5, 4])

  #### References

  Germain et al. 2015, [MADE](https://arxiv.org/abs/1502.03509), section 4, with
  evenly spread degrees instead of random ones; Papamakarios et al. 2017,
  [Masked Autoregressive Flow for Density
  Estimation](https://arxiv.org/abs/1705.07057), section 3.
  """

  def __init__(
    self,
    weights: Sequence,
    biases: Sequence,
    condition_weights: Sequence = (),
    name: str = 'masked_network',
  ):
    """Stores the parameters.

    Args:
      weights: Sequence of n >= 2 tensors or Variables [D_{j-1}, D_j], with D_0
        = D and D_n = 2 D.
      biases: Sequence of n tensors or Variables [D_j].
      condition_weights: Sequence of n tensors or Variables [K, D_j]. It is
        empty for a network without a condition.
      name: Name of the module.
    """
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

  def __call__(
    self, x: tf.Tensor, conditional_input: tf.Tensor | None = None
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the shift and the log-scale.

    Args:
      x: `Tensor` [..., D].
      conditional_input: Condition c, `Tensor` [..., K], whose batch shape
        broadcasts with that of `x`. It is required if `condition_channels` is
        not 0, and must be None otherwise.

    Returns:
      Two tensors [..., D].

    Raises:
      ValueError: If `x` or the condition has the wrong number of channels, or
        if a condition is missing or not expected.
    """
    check_channels(self.name, x, self.size)
    if (conditional_input is None) != (self.condition_channels == 0):
      given = 'no' if conditional_input is None else 'a'
      raise ValueError(
        f'{self.name}: there is {given} `conditional_input`; this network was '
        f'built with `condition_channels` = {self.condition_channels}.'
      )
    if conditional_input is not None:
      conditional_input = vector_condition(
        self.name, conditional_input, self.condition_weights, x
      )
    h = x
    for j, mask in enumerate(self._masks()):
      h = tf.tanh(h) if j else h
      h = tf.tensordot(h, mask * self.weights[j], 1) + self.biases[j]
      if conditional_input is not None:
        h += tf.tensordot(conditional_input, self.condition_weights[j], 1)
    shift, log_scale = tf.split(h, 2, axis=-1)
    return shift, _MAX_LOG_SCALE * tf.tanh(log_scale / _MAX_LOG_SCALE)

  def _masks(self):
    """Returns a mask for each weight: 1 if the output may depend on the input.

    The degree of a unit is the index of the last x_i that it depends on. Output
    i is connected to the units of lower degree.
    """
    numpy_dtype = self.dtype.as_numpy_dtype
    place = np.arange(self.size)
    degrees, masks = place, []
    for weight in self.weights[:-1]:
      width = weight.shape[1]  # degrees 0 to size - 2, evenly spread
      hidden = ((np.arange(width) + 1) * max(self.size - 1, 1) - 1) // width
      masks.append((degrees[:, np.newaxis] <= hidden).astype(numpy_dtype))
      degrees = hidden
    last = degrees[:, np.newaxis] < place
    return [*masks, np.tile(last, [1, 2]).astype(numpy_dtype)]


def trainable_masked_network(
  size: int,
  hidden_channels: int,
  num_layers: int,
  condition_channels: int = 0,
  *,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'masked_network',
) -> MaskedNetwork:
  """Returns a trainable `MaskedNetwork` whose initial output is zero.

  Args:
    size: Size D of an event.
    hidden_channels: Size of the hidden layers.
    num_layers: Number of hidden layers, at least 1.
    condition_channels: Number of elements K of the condition, 0 for none.
    seed: Seed of the initial weights. None draws new ones.
    dtype: Floating dtype of the Variables.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, there is no hidden layer, or
      `condition_channels` is negative.
  """
  sizes = [size, *[hidden_channels] * num_layers, 2 * size]
  with tf.name_scope(name):
    weights, biases = dense_variables(
      sizes, last_scale=0.0, seed=seed, dtype=dtype
    )
    condition_weights = condition_variables(
      condition_channels, sizes[1:], dtype
    )
    return MaskedNetwork(weights, biases, condition_weights, name=name)
