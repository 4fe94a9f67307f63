"""The coupling that all others are cases of."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfp_cinc.bijectors.coupling_functions import (
  COUPLING_FUNCTIONS,
  SCALE_FUNCTIONS,
)
from tfp_cinc.bijectors.one_pass import (
  OnePassBijector,
  gradients,
  recording,
)
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.networks.shared_network import SharedNetwork

__all__ = ['BlockCoupling', 'Network']

Network = Callable[..., tf.Tensor]


class BlockCoupling(OnePassBijector):
  """Changes each block of channels by what comes before it.

  The channels are cut into n equal blocks x_1 ... x_n. The first one stays. An
  increasing function g changes each number of the others; its parameters p_j
  are a network of x_1 ... x_{j-1}:

  ```
  forward:  y_1 = x_1,  y_j = g(x_j; p_j)
  inverse:  x_1 = y_1,  x_j = g^-1(y_j; p_j)
  forward_log_det_jacobian(x) = sum_{j, h, w, c} log g'(x_j; p_j)
  ```

  g by name is

  - 'additive': x + f;
  - 'affine': (x + f) * s, where the network returns f and h side by side and
    the scale s is exp(h), sigmoid(h + 2) or exp(tanh(h));
  - 'logistic_mixture': the same of logit(F(x)), where F is the CDF of a mixture
    of logistics (Flow++, Ho et al. 2019). Its inverse is a search;
  - 'spline': a monotone rational-quadratic spline (Durkan et al. 2019).

  Networks run n - 1 times in either direction; the inverse runs them in the
  same order, each on blocks that are already solved. A `SharedNetwork` in their
  place runs once, in the inverse a group at a time.

  CInC Flow (Nagar, Dufraisse and Varma 2021), section 3.3, for any n. The
  inverse in the paper's published code starts from the last block, which does
  not invert.
  """

  def __init__(
    self,
    networks: Sequence[Network] | SharedNetwork,
    function: str = 'affine',
    scale_function: str = 'sigmoid',
    dtype=tf.float32,
    validate_args: bool = False,
    name: str = 'block_coupling',
    parameters: dict | None = None,
  ):
    """Creates the layer.

    Args:
      networks: n - 1 callables; number j takes [..., H, W, j*C/n] and returns
        [..., H, W, P*C/n]: the P parameters of each number, the first one of
        all channels first. P is 1 for 'additive', 2 for 'affine' (shift, then
        scale), 3 m + 2 for 'logistic_mixture' with m components (shift, scale,
        weights, means, scales) and 3 m - 1 for 'spline' with m bins (widths,
        heights, slopes). In their place, not in a list, a `SharedNetwork`
        of n - 1 groups, from [..., H, W, (n-1)*C/n] to
        [..., H, W, (n-1)*P*C/n]. Keyword arguments of the bijector's methods
        go to each of them: `condition=` for those of `tfp_cinc.networks`.
      function: g.
      scale_function: 'sigmoid' (the published code's), 'exp' (the papers') or
        'tanh' (RealNVP's), where g has a scale.
      dtype: dtype of the images.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.
      parameters: for subclasses, their constructor's arguments.

    Raises:
      ValueError: if there is no network, or a word is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name) as name:
      check_choice('function', function, COUPLING_FUNCTIONS)
      check_choice('scale_function', scale_function, SCALE_FUNCTIONS)
      if not networks:
        raise ValueError('`networks` is empty; n blocks need n - 1 networks.')
      self._is_shared = isinstance(networks, SharedNetwork)
      self._networks = [networks] if self._is_shared else list(networks)
      self._function_name = function
      self._function = COUPLING_FUNCTIONS[function](scale_function)
      self._scale_function = scale_function
      super().__init__(
        forward_min_event_ndims=3,
        dtype=dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def networks(self) -> list[Network]:
    """The networks, that of the second block first; or the one they share."""
    return list(self._networks)

  @property
  def function(self) -> str:
    """The name of g."""
    return self._function_name

  @property
  def scale_function(self) -> str:
    """The name of the scale function."""
    return self._scale_function

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

  def _pull_back(self, y, dy, dlog_det, kwargs):
    """Runs each network once, for the inverse and the gradient together."""
    with recording(self, y, kwargs) as tape:

      def change(block, parameters):
        x = tf.stop_gradient(self._function.inverse(block, parameters)[0])
        tape.watch(x)
        return x, *self._function.forward(x, parameters)

      x, again, log_det = self._walk(y, change, kwargs)
      again = self._join(again)
    dx, found = gradients(tape, again, log_det, x, dy, dlog_det, self, kwargs)
    return self._join(x), self._join(dx), found

  def _walk(self, inputs, change, kwargs, is_image=False):
    """Goes through the blocks, each network reading the images before it.

    Args:
      inputs: [..., H, W, C], of either side.
      change: from (block, its parameters) to (image block, output block,
        log g').
      kwargs: conditions of the networks.
      is_image: whether the inputs are the image, all of which is known then.

    Returns:
      (image blocks, output blocks, the log-det of forward).
    """
    first, *blocks = self._split(inputs)
    images, outputs, log_det = [first], [first], tf.zeros([], inputs.dtype)
    known = [first, *blocks[:-1]] if is_image else None
    parameters_after = self._reader(known, kwargs)
    for block in blocks:
      parameters = parameters_after(images[-1])
      self._check_parameters(parameters, block)
      image, output, log_slope = change(block, parameters)
      images.append(image)
      outputs.append(output)
      if log_slope is not None:
        log_slope = self._of_changed(log_slope)
        log_det += tf.reduce_sum(log_slope, axis=[-3, -2, -1])
    return images, outputs, log_det

  def _reader(self, known, kwargs):
    """A function from each image block in turn to the next one's parameters.

    Args:
      known: all image blocks that it will be called with, or None.
      kwargs: conditions of the networks.
    """
    if not self._is_shared:
      return _read_separately(self._networks, kwargs)
    [network] = self._networks
    if known is None:
      return network.one_by_one(**kwargs)
    parameters = network(tf.concat(known, -1), **kwargs)
    parameters = iter(tf.split(parameters, network.groups, axis=-1))
    return lambda block: next(parameters)

  def _split(self, inputs):
    """The blocks, each of which is an image."""
    networks, channels = self._networks, inputs.shape[-1]
    count = 1 + (networks[0].groups if self._is_shared else len(networks))
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
    """The log-slopes of what a block changes; a mask leaves out the rest."""
    return log_slope

  def _check_parameters(self, parameters, block):
    shape, channels = parameters.shape, block.shape[-1]
    if shape[:-1].is_compatible_with(block.shape[:-1]) and not (
      shape[-1] % channels
    ):
      count = shape[-1] // channels
      allowed = map(self._function.num_parameters, range(1, count + 1))
      if count in allowed:
        return
    least = [self._function.num_parameters(n) for n in (1, 2)]
    of = f'{least[0]}' + (f', {least[1]}, ...' if len({*least}) > 1 else '')
    raise ValueError(
      f'{self.name}: a network returned the shape {shape} for a block of shape '
      f'{block.shape}; {self._function_name!r} needs {of} numbers for each of '
      f'its {channels} channels.'
    )


def _read_separately(networks, kwargs):
  """The function that `_reader` returns, of a network for each block."""
  rest, known = iter(networks), []

  def read(block):
    known.append(block)
    before = block if len(known) == 1 else tf.concat(known, -1)
    return next(rest)(before, **kwargs)

  return read
