"""Elementwise functions of couplings, with parameters from a network.

If all parameters are 0, as at initialization of the network, each function is
close to the identity. More than 300 lines: the four functions implement one
interface and are read side by side.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.math.roots import increasing_root
from tfp_cinc.math.softplus import SOFTPLUS_INVERSE_OF_1
from tfp_cinc.math.spline import rational_quadratic_spline

__all__ = [
  'COUPLING_FUNCTIONS',
  'SCALE_FUNCTIONS',
  'Additive',
  'Affine',
  'CouplingFunction',
  'LogisticMixture',
  'Spline',
  'as_coupling_function',
]


def _identity(h):
  """h"""
  return h


def _log_sigmoid_of_2_more(h):
  """log sigmoid(h + 2)"""
  return tf.math.log_sigmoid(h + 2.0)


def _log_of_doubled_sigmoid(h):
  """log(2 sigmoid(h))"""
  return tf.math.log_sigmoid(h) + math.log(2.0)


# Functions from a network's output to the logarithm of the scale.
SCALE_FUNCTIONS = {
  'sigmoid': _log_sigmoid_of_2_more,
  'exp': _identity,
  'tanh': tf.tanh,
  'doubled_sigmoid': _log_of_doubled_sigmoid,
}


class CouplingFunction(tfp_compat.CompositeModule):
  """Base class of increasing elementwise functions with computed parameters.

  The network of a coupling computes the parameters. A subclass implements
  `num_parameters`, `forward` and `inverse`. As in every composite tensor, each
  argument of its constructor must be stored as an attribute of the same name,
  with or without a leading underscore.
  """

  def __init__(self, name: str = 'coupling_function'):
    super().__init__(name=name)

  def num_parameters(self, n: int) -> int:
    """Returns the number of parameters per entry of the input.

    Args:
      n: Number of mixture components or bins, for functions that have them.
        Flows use 8.
    """
    raise self._missing('num_parameters')

  def checked(
    self, parameters: tf.Tensor, x: tf.Tensor, layer: str
  ) -> tf.Tensor:
    """Returns the parameters, after checking their shape.

    Args:
      parameters: `Tensor`, the output of a network.
      x: `Tensor` [..., c], the block to transform.
      layer: Name of the coupling, for the error message.

    Raises:
      ValueError: If the shape of `parameters` is not [..., P * c], where P is a
        number of parameters of this function.
    """
    shape, channels = parameters.shape, x.shape[-1]
    count = (shape[-1] or 0) // channels
    if (
      shape[:-1].is_compatible_with(x.shape[:-1])
      and shape[-1] == count * channels
      and count in map(self.num_parameters, range(1, count + 1))
    ):
      return parameters
    least = [self.num_parameters(n) for n in (1, 2)]
    of = f'{least[0]}' + (f', {least[1]}, ...' if len({*least}) > 1 else '')
    raise ValueError(
      f'{layer}: a network returned the shape {shape} for a block of shape '
      f'{x.shape}; {type(self).__name__} needs {of} parameters for each of the '
      f'{channels} channels.'
    )

  def forward(
    self, x: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns y and log dy/dx.

    Args:
      x: `Tensor` [..., c].
      parameters: `Tensor` [..., P * c]: the first parameter of all c channels,
        then the second one, and so on. P determines n.

    Returns:
      (y, log dy/dx), each [..., c]. log dy/dx is None if it is 0 everywhere.
    """
    raise self._missing('forward')

  def inverse(
    self, y: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns x and log dy/dx at x. The shapes are those of `forward`."""
    raise self._missing('inverse')

  def shift_and_log_scale(self, parameters: tf.Tensor) -> tuple | None:
    """Returns shift and log-scale of functions y = (x + shift) * scale.

    Args:
      parameters: As in `forward`.

    Returns:
      Two tensors [..., c], or None if the function is not of this form.
    """
    del parameters
    return None

  def _missing(self, method):
    return NotImplementedError(
      f'{type(self).__name__} must define the method `{method}`.'
    )


class Additive(CouplingFunction):
  """y = x + shift.

  #### References

  Dinh, Krueger and Bengio 2015, [NICE](https://arxiv.org/abs/1410.8516), eq.
  10.
  """

  def num_parameters(self, n: int) -> int:
    """Returns 1: the shift."""
    del n
    return 1

  def forward(
    self, x: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    return x + parameters, None

  def inverse(
    self, y: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    return y - parameters, None

  def shift_and_log_scale(
    self, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """See `CouplingFunction`."""
    return parameters, tf.zeros_like(parameters)


class Affine(CouplingFunction):
  """y = (x + shift) * scale.

  #### References

  Dinh, Sohl-Dickstein and Bengio 2017, [RealNVP](
  https://arxiv.org/abs/1605.08803), eq. 8; Kingma and Dhariwal 2018, [Glow](
  https://arxiv.org/abs/1807.03039), table 1.
  """

  def __init__(
    self, scale_function: str | Callable = 'sigmoid', name: str = 'affine'
  ):
    """Stores the scale function.

    Args:
      scale_function: Function from the network's output h to the logarithm of
        the scale, or one of the names 'sigmoid' for log sigmoid(h + 2) (as in
        the published code), 'exp' for h (as in the papers), 'tanh' for tanh(h)
        (as in RealNVP) and 'doubled_sigmoid' for log(2 sigmoid(h)) (as in Jet).
      name: Name of the module.

    Raises:
      ValueError: If the name is unknown.
    """
    super().__init__(name=name)
    if not callable(scale_function):
      check_choice('scale_function', scale_function, SCALE_FUNCTIONS)
    self._scale_function = scale_function

  @property
  def scale_function(self) -> str | Callable:
    """The scale function or its name."""
    return self._scale_function

  def num_parameters(self, n: int) -> int:
    """Returns 2: shift and scale."""
    del n
    return 2

  def forward(
    self, x: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    shift, log_scale = self.shift_and_log_scale(parameters)
    return (x + shift) * tf.exp(log_scale), log_scale

  def inverse(
    self, y: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    shift, log_scale = self.shift_and_log_scale(parameters)
    return y * tf.exp(-log_scale) - shift, log_scale

  def shift_and_log_scale(
    self, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """See `CouplingFunction`."""
    shift, scale = tf.split(parameters, 2, axis=-1)
    function = self._scale_function
    if not callable(function):
      function = SCALE_FUNCTIONS[function]
    return shift, function(scale)


class LogisticMixture(CouplingFunction):
  """y = (logit(F(x)) + shift) * scale, with the CDF F of a logistic mixture.

  The network computes the weights of the n components (by a softmax), their
  means and the logarithms of their scales. The inverse is a bracketed search:
  the quantile of the mixture lies between the smallest and the largest quantile
  of the components.

  #### References

  Ho et al. 2019, [Flow++](https://arxiv.org/abs/1902.00275), eqs 4 and 5.
  """

  def __init__(
    self,
    scale_function: str | Callable = 'sigmoid',
    name: str = 'logistic_mixture',
  ):
    """Stores the scale function.

    Args:
      scale_function: As in `Affine`.
      name: Name of the module.

    Raises:
      ValueError: If the name is unknown.
    """
    super().__init__(name=name)
    self._affine = Affine(scale_function)

  @property
  def scale_function(self) -> str | Callable:
    """The scale function or its name."""
    return self._affine.scale_function

  def num_parameters(self, n: int) -> int:
    """Returns 2 + 3 n: shift, scale, and three for each component."""
    return 2 + 3 * n

  def forward(
    self, x: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    affine, mixture = self._split(x, parameters)
    logit, log_slope = _mixture_logit(x, *mixture)
    y, log_scale = self._affine.forward(logit, affine)
    return y, log_slope + log_scale

  def inverse(
    self, y: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    affine, mixture = self._split(y, parameters)
    logit, log_scale = self._affine.inverse(y, affine)
    _, means, log_scales = mixture
    quantiles = means + tf.exp(log_scales) * logit[..., tf.newaxis, :]

    def value_and_slope(x, logit, *mixture):
      value, log_slope = _mixture_logit(x, *mixture)
      return value - logit, tf.exp(log_slope)

    x = increasing_root(
      value_and_slope,
      [logit, *mixture],
      tf.reduce_min(quantiles, axis=-2),
      tf.reduce_max(quantiles, axis=-2),
    )
    return x, _mixture_logit(x, *mixture)[1] + log_scale

  @staticmethod
  def _split(x, parameters):
    channels = x.shape[-1]
    count = (parameters.shape[-1] // channels - 2) // 3
    affine, rest = tf.split(
      parameters, [2 * channels, 3 * count * channels], axis=-1
    )
    logits, means, log_scales = tf.split(
      _by_parameter(rest, channels), 3, axis=-2
    )
    # Spreads the initial means: equal components would stay equal in training.
    places = tf.linspace(tf.cast(-1.0, x.dtype), 1.0, count)
    means += places[:, tf.newaxis] if count > 1 else 0.0
    return affine, (tf.nn.log_softmax(logits, axis=-2), means, log_scales)


class Spline(CouplingFunction):
  """A monotone rational-quadratic spline of n bins on [-5, 5].

  The network computes the widths and heights of the bins and the slopes between
  them; see `tfp_cinc.math.rational_quadratic_spline`. Outside [-5, 5] the
  function is the identity.

  #### References

  Durkan et al. 2019, [Neural Spline Flows](https://arxiv.org/abs/1906.04032),
  section 3.1.
  """

  _BOUND = 5.0
  # Minimum slope, and minimum width and height of a bin relative to the total.
  _LEAST = 1e-3

  def num_parameters(self, n: int) -> int:
    """Returns 3 n - 1: n widths, n heights and n - 1 slopes."""
    return 3 * n - 1

  def forward(
    self, x: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    return self._evaluate(x, parameters, invert=False)

  def inverse(
    self, y: tf.Tensor, parameters: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """See `CouplingFunction`."""
    return self._evaluate(y, parameters, invert=True)

  def _evaluate(self, x, parameters, invert):
    channels = x.shape[-1]
    count = (parameters.shape[-1] // channels + 1) // 3
    widths, heights, slopes = tf.split(
      _by_parameter(parameters, channels), [count, count, count - 1], axis=-2
    )

    def sizes(part):
      # tf.nn.softmax supports at most five dimensions on CPU.
      share = tf.exp(part - tf.reduce_logsumexp(part, axis=-2, keepdims=True))
      share = share * (1.0 - count * self._LEAST) + self._LEAST
      return 2.0 * self._BOUND * share

    slopes = tf.nn.softplus(slopes + SOFTPLUS_INVERSE_OF_1)
    slopes = slopes * (1.0 - self._LEAST) + self._LEAST
    return rational_quadratic_spline(
      x,
      sizes(widths),
      sizes(heights),
      slopes,
      low=-self._BOUND,
      invert=invert,
    )


# Classes by name. Those with a scale take a `scale_function`.
COUPLING_FUNCTIONS = {
  'additive': Additive,
  'affine': Affine,
  'logistic_mixture': LogisticMixture,
  'spline': Spline,
}


def as_coupling_function(
  function: str | CouplingFunction, scale_function: str | Callable | None
) -> CouplingFunction:
  """Returns a coupling function, given as an object or by name.

  Args:
    function: A `CouplingFunction` or a name in `COUPLING_FUNCTIONS`.
    scale_function: Scale function, if `function` is the name of a function that
      has one; see `Affine`. None means its default.

  Raises:
    ValueError: If a name is unknown, or `function` is neither a name nor a
      `CouplingFunction`.
  """
  if isinstance(function, str):
    check_choice('function', function, COUPLING_FUNCTIONS)
    kind = COUPLING_FUNCTIONS[function]
    if scale_function is not None and hasattr(kind, 'scale_function'):
      return kind(scale_function)
    return kind()
  if not hasattr(function, 'num_parameters'):
    raise ValueError(
      f'`function` is {function!r}; it must be a `CouplingFunction` or one of '
      f'{list(COUPLING_FUNCTIONS)}.'
    )
  return function


def _by_parameter(parameters, channels):
  """Reshapes [..., P * c] to [..., P, c]."""
  count = parameters.shape[-1] // channels
  shape = tf.concat([tf.shape(parameters)[:-1], [count, channels]], axis=0)
  return tf.ensure_shape(
    tf.reshape(parameters, shape),
    [*parameters.shape[:-1], count, channels],
  )


def _mixture_logit(x, log_weights, means, log_scales):
  """Returns logit(F(x)) and its log-slope; the parameters are [..., n, c]."""
  standard = (x[..., tf.newaxis, :] - means) * tf.exp(-log_scales)
  below, above = tf.math.log_sigmoid(standard), tf.math.log_sigmoid(-standard)

  def total(part):
    return tf.reduce_logsumexp(log_weights + part, axis=-2)

  log_below, log_above = total(below), total(above)
  log_density = total(below + above - log_scales)
  return log_below - log_above, log_density - log_below - log_above
