"""A single network that all blocks of a coupling share."""

import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.seeds import split_seed
from tfp_cinc.internal.shapes import (
  check_channels,
  check_sizes,
  on_image_batch,
)
from tfp_cinc.internal.types import DTypeLike, TensorLike
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.condition import append_condition
from tfp_cinc.networks.conv_network import (
  Conv2D,
  convolve,
  trainable_conv2d,
)

__all__ = ['SharedNetwork', 'trainable_shared_network']

_KERNEL_SIZES = (3, 1, 1)


class SharedNetwork(ImageNetwork, tfp_compat.CompositeModule):
  """A network whose output group j depends only on input groups 1 to j.

  The channels of the input x, of the two hidden layers and of the output y are
  divided into n groups. Group j of a layer is a convolution of groups 1 to j of
  the layer before:

  ```
  f_j = relu(conv3x3(x_1 ... x_j))
  h_j = relu(conv1x1(f_1 ... f_j))
  y_j = conv1x1(h_1 ... h_j)
  ```

  One such network replaces the n networks that a `BlockCoupling` of n + 1
  blocks otherwise needs. If all blocks are known, a layer is one convolution
  with a kernel that is block triangular in its channels. The inverse computes
  the blocks one by one. Each block adds its own group to every layer, and
  earlier groups are not computed again, so that the whole inverse costs no more
  than one pass. The zeros of the kernel are not Variables. With one group this
  is the network of `trainable_pointwise_network`.

  The condition is read with the first group, so that all groups depend on it.

  Cost: O(H W (9 C_in C + C^2 + C C_out)) for C hidden channels.

  #### Example

  >>> network = trainable_shared_network(
  ...   3, 6, groups=3, hidden_channels=16, seed=1
  ... )
  >>> network(tf.ones([5, 8, 8, 3])).shape
  TensorShape([5, 8, 8, 6])
  >>> parameters_after = network.read_blocks()
  >>> parameters_after(tf.ones([5, 8, 8, 1])).shape
  TensorShape([5, 8, 8, 2])

  #### References

  Germain et al. 2015, [MADE](https://arxiv.org/abs/1502.03509). The kernels
  have the same masks, for blocks of channels and convolutions.
  """

  def __init__(
    self,
    layers: Sequence[Sequence[Conv2D]],
    *,
    condition_channels: int = 0,
    network_dtype: DTypeLike | None = None,
    name: str = 'shared_network',
  ):
    """Stores the layers.

    Args:
      layers: Three lists of n convolutions, one for each group. Convolution j
        reads groups 1 to j of the previous layer. In the first layer it also
        reads the `condition_channels`, which come first.
      condition_channels: Number of channels of the condition, 0 for none.
      network_dtype: Dtype in which the network computes, see `ImageNetwork`.
      name: Name of the module.

    Raises:
      ValueError: If the arguments are invalid for an `ImageNetwork`.
    """
    super().__init__(
      layers[0][-1].in_channels - condition_channels,
      condition_channels=condition_channels,
      dtype=layers[0][0].dtype,
      network_dtype=network_dtype,
      name=name,
    )
    self._layers = [list(convs) for convs in layers]

  @property
  def groups(self) -> int:
    """Number n of groups of channels."""
    return len(self._layers[0])

  def read_blocks(
    self,
    known: Sequence[tf.Tensor] | None = None,
    condition: TensorLike | None = None,
  ) -> Callable:
    """Returns a function from input groups to output groups, one at a time.

    Call the function with x_1, then with x_2 and so on. It returns y_1, then
    y_2 and so on, each [..., H, W, C_out / n]. Concatenated, they equal the
    output of the network for the concatenated x_j. The function raises the same
    errors as the network.

    Args:
      known: Groups x_1 ... x_n of the input, [..., H, W, C_in / n] each, if all
        of them are known in advance. The network then runs once.
      condition: Condition, as in a call of the network.

    Returns:
      The function from x_j to y_j.
    """
    if known is not None:
      outputs = self(tf.concat(known, -1), condition)
      outputs = iter(tf.split(outputs, self.groups, axis=-1))
      return lambda x: next(outputs)
    # Groups of the input of each layer.
    inputs_of: list[list[tf.Tensor]] = [[] for _ in self._layers]

    def apply_group(x):
      group = len(inputs_of[0])
      x = tf.cast(x, self._network_dtype)
      for i, (convs, inputs) in enumerate(
        zip(self._layers, inputs_of, strict=True)
      ):
        inputs.append(tf.nn.relu(x) if i else x)
        x = convs[group](tf.concat(inputs, -1) if group else inputs[0])
      return tf.cast(x, self._dtype)

    def read(x):
      x = tf.convert_to_tensor(x)
      check_channels(self.name, x, self._in_channels // self.groups)
      if not inputs_of[0]:
        x = append_condition(self.name, x, condition, self._condition_channels)
        x = self._condition_first(x)
      return on_image_batch(apply_group, x)

    return read

  def _apply(self, x):
    x = self._condition_first(x)
    for i, convs in enumerate(self._layers):
      x = convolve(tf.nn.relu(x) if i else x, *_joined(convs, x.dtype))
    return x

  def _condition_first(self, x):
    """Moves the channels of the condition from the end to the front."""
    count = self._condition_channels
    # Not `tf.roll`, which `tf.vectorized_map` applies to another axis.
    return tf.concat([x[..., -count:], x[..., :-count]], -1) if count else x


def _sizes(channels, groups):
  """Returns the sizes of nearly equal groups of channels."""
  ends = [channels * j // groups for j in range(groups + 1)]
  return [end - start for start, end in itertools.pairwise(ends)]


def _joined(convs, dtype):
  """Returns the kernels and the biases of a layer's groups, concatenated."""
  kernels, biases = zip(*(conv.weights(dtype) for conv in convs), strict=True)
  rows = kernels[-1].shape[2]
  padded = [
    tf.pad(kernel, [[0, 0], [0, 0], [0, rows - kernel.shape[2]], [0, 0]])
    for kernel in kernels
  ]
  return tf.concat(padded, -1), tf.concat(biases, -1)


def trainable_shared_network(
  in_channels: int,
  out_channels: int,
  *,
  groups: int = 1,
  hidden_channels: int = 512,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  network_dtype: DTypeLike | None = None,
  name: str = 'shared_network',
) -> SharedNetwork:
  """Returns a trainable `SharedNetwork` whose initial output is zero.

  Args:
    in_channels: Total number of input channels C_in of all groups.
    out_channels: Total number of output channels C_out of all groups.
    groups: Number n of groups.
    hidden_channels: Total number of channels of all groups in each hidden
      layer. If it is not a multiple of n, the sizes of the groups differ by
      one.
    condition_channels: Number of channels of the condition, 0 for none.
    seed: Seed of the initial kernels. None draws new ones.
    dtype: Floating dtype of inputs, outputs and Variables.
    network_dtype: Dtype in which the network computes, see `ImageNetwork`.
    name: Name of the module.

  Raises:
    ValueError: If a size is less than 1, `condition_channels` is negative,
      `in_channels` or `out_channels` is not divisible by `groups`,
      `hidden_channels` is less than `groups`, or `network_dtype` cannot be used
      with `dtype`.
  """
  check_sizes(
    in_channels=in_channels,
    out_channels=out_channels,
    groups=groups,
    hidden_channels=hidden_channels,
  )
  if in_channels % groups or out_channels % groups:
    raise ValueError(
      f'`in_channels` is {in_channels} and `out_channels` {out_channels}; '
      f'both must be divisible by `groups` = {groups}.'
    )
  if hidden_channels < groups:
    raise ValueError(
      f'`hidden_channels` is {hidden_channels}; it must be at least `groups` '
      f'= {groups}.'
    )
  hidden = _sizes(hidden_channels, groups)
  widths = [
    _sizes(in_channels, groups),
    hidden,
    hidden,
    _sizes(out_channels, groups),
  ]
  widths[0][0] += condition_channels
  seeds = iter(split_seed(seed, len(_KERNEL_SIZES) * groups))
  with tf.name_scope(name):
    layers = [
      [
        trainable_conv2d(
          sum(widths[i][: j + 1]),
          width,
          kernel_size,
          start='he_normal' if i + 1 < len(_KERNEL_SIZES) else 'zero',
          seed=next(seeds),
          dtype=dtype,
          name=f'conv_{i}_group_{j}',
        )
        for j, width in enumerate(widths[i + 1])
      ]
      for i, kernel_size in enumerate(_KERNEL_SIZES)
    ]
  return SharedNetwork(
    layers,
    condition_channels=condition_channels,
    network_dtype=network_dtype,
    name=name,
  )
