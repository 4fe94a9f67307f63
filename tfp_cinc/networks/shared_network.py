"""The network that the blocks of a coupling share."""

import itertools
from collections.abc import Callable

import tensorflow as tf

from tfp_cinc.internal.shapes import check_channels, on_image_batch
from tfp_cinc.networks.base import ImageNetwork
from tfp_cinc.networks.condition import append_condition
from tfp_cinc.networks.layers import (
  Conv2D,
  check_sizes,
  convolve,
  draw_seeds,
)
from tfp_cinc.networks.precision import computing_dtype

__all__ = ['SharedNetwork', 'shared_network']

_KERNEL_SIZES = (3, 1, 1)


class SharedNetwork(ImageNetwork):
  """A pointwise network whose output j depends on inputs 1 to j alone.

  The channels of its input x, of its two hidden layers and of its output y are
  cut into n groups, and group j of a layer is a convolution of the groups 1 to
  j of the layer before:

  ```
  f_j = relu(conv3x3(x_1 ... x_j))
  h_j = relu(conv1x1(f_1 ... f_j))
  y_j = conv1x1(h_1 ... h_j)
  ```

  So one network does the work of the n that a `BlockCoupling` of n + 1 blocks
  has otherwise. Where all blocks are there, a layer is one convolution by a
  kernel that is block triangular in its channels. Where they are found one by
  one, each runs its own group of every layer, on what is known of the groups
  before: the whole inverse costs no more than one pass. Zeros of the kernel are
  no variables. With one group it is `pointwise_network`.

  A condition is read with the first group, and so by all.

  The masks of MADE (Germain et al. 2015), for blocks of channels and
  convolutions.

  #### Example

  >>> network = SharedNetwork(3, 6, groups=3, hidden_channels=16, seed=1)
  >>> network(tf.ones([5, 8, 8, 3])).shape
  TensorShape([5, 8, 8, 6])
  >>> parameters_after = network.one_by_one()
  >>> parameters_after(tf.ones([5, 8, 8, 1])).shape
  TensorShape([5, 8, 8, 2])
  """

  def __init__(
    self,
    in_channels: int,
    out_channels: int,
    *,
    groups: int = 1,
    hidden_channels: int = 512,
    condition_channels: int = 0,
    seed: int | None = None,
    dtype=tf.float32,
    network_dtype=None,
    name: str = 'shared_network',
  ):
    """Creates the network and its variables.

    Args:
      in_channels: C_in, of all groups together.
      out_channels: C_out, of all groups together.
      groups: n, how many groups there are.
      hidden_channels: width of the two hidden layers, of all groups together,
        which differ by one where it is no multiple of n.
      condition_channels: as in `ImageNetwork`.
      seed: of the initial kernels; None draws others each time.
      dtype: as in `ImageNetwork`.
      network_dtype: as in `ImageNetwork`.
      name: name of the module.

    Raises:
      ValueError: if a size is less than 1, `in_channels` or `out_channels` is
        not divisible by `groups`, `hidden_channels` is less than it, or
        `network_dtype` does not go with `dtype`.
    """
    super().__init__(
      in_channels,
      condition_channels=condition_channels,
      dtype=dtype,
      network_dtype=network_dtype,
      name=name,
    )
    check_sizes(
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
    self._groups = groups
    hidden = _sizes(hidden_channels, groups)
    widths = [
      _sizes(in_channels, groups),
      hidden,
      hidden,
      _sizes(out_channels, groups),
    ]
    widths[0][0] += condition_channels
    seeds = iter(draw_seeds(seed, len(_KERNEL_SIZES) * groups))
    # Of each layer the convolutions of its groups.
    self._layers = []
    with tf.name_scope(name):
      for i, kernel_size in enumerate(_KERNEL_SIZES):
        self._layers.append(
          [
            Conv2D(
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
        )

  @property
  def groups(self) -> int:
    """n, how many groups of channels there are."""
    return self._groups

  def one_by_one(self, condition=None) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network where its input comes group by group.

    Args:
      condition: as in a call of the network.

    Returns:
      A function to call with x_1, then x_2 and so on, [..., H, W, C_in / n]
      each, that returns y_1, then y_2 and so on, [..., H, W, C_out / n]. Side
      by side they are what the network makes of all x_j side by side. It raises
      `ValueError` as the network does.
    """
    known = [[] for _ in self._layers]  # groups of the input of each layer

    def apply_group(x):
      group = len(known[0])
      x = tf.cast(x, computing_dtype(self._dtype, self._network_dtype))
      for i, (convs, inputs) in enumerate(
        zip(self._layers, known, strict=True)
      ):
        inputs.append(tf.nn.relu(x) if i else x)
        x = convs[group](tf.concat(inputs, -1) if group else inputs[0])
      return tf.cast(x, self._dtype)

    def read(x):
      x = tf.convert_to_tensor(x)
      check_channels(self.name, x, self._in_channels // self._groups)
      if not known[0]:
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
    """Moves the condition's channels from behind all groups into the first."""
    count = self._condition_channels
    return tf.roll(x, count, axis=-1) if count else x


def _sizes(channels, groups):
  """The sizes of nearly equal groups of channels."""
  ends = [channels * j // groups for j in range(groups + 1)]
  return [end - start for start, end in itertools.pairwise(ends)]


def _joined(convs, dtype):
  """The kernel and the bias of the groups of a layer side by side."""
  kernels, biases = zip(*(conv.weights(dtype) for conv in convs), strict=True)
  rows = kernels[-1].shape[2]
  padded = [
    tf.pad(kernel, [[0, 0], [0, 0], [0, rows - kernel.shape[2]], [0, 0]])
    for kernel in kernels
  ]
  return tf.concat(padded, -1), tf.concat(biases, -1)


# Called as `pointwise_network` is, with an option of its own.
shared_network = SharedNetwork
