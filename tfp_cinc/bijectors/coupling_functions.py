"""What a coupling does to each number, as a function of its parameters.

Each is an increasing function of x whose parameters a network computes. It has

- `num_parameters(n)`: how many numbers a network makes for each x, where n is
  the number of mixture components or bins;
- `forward(x, parameters)` -> (y, log dy/dx), and
- `inverse(y, parameters)` -> (x, log dy/dx at x),

with x [..., c] and parameters [..., P * c], the first parameter of all c before
the second one. n follows from P. Where log dy/dx is 0 everywhere it is None.
With parameters of 0, as networks start, each function is close to the identity.
"""

import math

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.math.roots import increasing_root

__all__ = ['COUPLING_FUNCTIONS', 'SCALE_FUNCTIONS']

# From a network's output to the logarithm of the scale.
SCALE_FUNCTIONS = {
  'sigmoid': lambda h: tf.math.log_sigmoid(h + 2.0),
  'exp': lambda h: h,
  'tanh': tf.tanh,
}


class Additive:
  """y = x + shift (NICE, Dinh et al. 2015, eq. 10)."""

  def __init__(self, scale_function):
    del scale_function  # there is no scale

  @staticmethod
  def num_parameters(n):
    del n
    return 1

  def forward(self, x, shift):
    return x + shift, None

  def inverse(self, y, shift):
    return y - shift, None


class Affine:
  """y = (x + shift) * scale (RealNVP, Dinh et al. 2017, eq. 8; Glow)."""

  def __init__(self, scale_function):
    self._log_scale = SCALE_FUNCTIONS[scale_function]

  @staticmethod
  def num_parameters(n):
    del n
    return 2

  def forward(self, x, parameters):
    shift, scale = tf.split(parameters, 2, axis=-1)
    log_scale = self._log_scale(scale)
    return (x + shift) * tf.exp(log_scale), log_scale

  def inverse(self, y, parameters):
    shift, scale = tf.split(parameters, 2, axis=-1)
    log_scale = self._log_scale(scale)
    return y * tf.exp(-log_scale) - shift, log_scale


class LogisticMixture:
  """y = (logit(F(x)) + shift) * scale, F the CDF of a mixture of n logistics.

  Flow++ (Ho et al. 2019), eqs 4 and 5. F has weights softmax(.), means and
  scales exp(.) of the network's making. Its inverse is a bracketed search: the
  mixture's quantile lies between the least and the largest of its components'.
  """

  def __init__(self, scale_function):
    self._affine = Affine(scale_function)

  @staticmethod
  def num_parameters(n):
    return 2 + 3 * n

  def forward(self, x, parameters):
    affine, mixture = self._split(x, parameters)
    logit, log_slope = _mixture_logit(x, *mixture)
    y, log_scale = self._affine.forward(logit, affine)
    return y, log_slope + log_scale

  def inverse(self, y, parameters):
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
    # Apart at the start: components alike would stay alike.
    places = tf.linspace(tf.cast(-1.0, x.dtype), 1.0, count)
    means += places[:, tf.newaxis] if count > 1 else 0.0
    return affine, (tf.nn.log_softmax(logits, axis=-2), means, log_scales)


class Spline:
  """Monotone rational-quadratic splines of n bins on [-5, 5].

  Neural Spline Flows (Durkan et al. 2019), section 3.1, by
  `tfb.RationalQuadraticSpline`: widths and heights of the bins and the slopes
  between them are of the network's making. Outside it is the identity.
  """

  _BOUND = 5.0
  _LEAST = 1e-3  # width and height of a bin as a part of all; slope

  def __init__(self, scale_function):
    del scale_function  # a spline has its own

  @staticmethod
  def num_parameters(n):
    return 3 * n - 1

  def forward(self, x, parameters):
    spline = self._spline(x, parameters)
    return spline.forward(x), spline.forward_log_det_jacobian(x)

  def inverse(self, y, parameters):
    spline = self._spline(y, parameters)
    return spline.inverse(y), -spline.inverse_log_det_jacobian(y)

  def _spline(self, x, parameters):
    channels = x.shape[-1]
    count = (parameters.shape[-1] // channels + 1) // 3
    widths, heights, slopes = (
      tf.linalg.matrix_transpose(part)
      for part in tf.split(
        _by_parameter(parameters, channels), [count, count, count - 1], axis=-2
      )
    )

    def sizes(part):
      # Not tf.nn.softmax, which takes no more than five dimensions on CPU.
      share = tf.exp(tf.nn.log_softmax(part))
      share = share * (1.0 - count * self._LEAST) + self._LEAST
      return 2.0 * self._BOUND * share

    unit = math.log(math.e - 1.0)  # softplus(unit) = 1
    slopes = tf.nn.softplus(slopes + unit) * (1.0 - self._LEAST) + self._LEAST
    return tfp.bijectors.RationalQuadraticSpline(
      sizes(widths), sizes(heights), slopes, range_min=-self._BOUND
    )


COUPLING_FUNCTIONS = {
  'additive': Additive,
  'affine': Affine,
  'logistic_mixture': LogisticMixture,
  'spline': Spline,
}


def _by_parameter(parameters, channels):
  """[..., P * c] -> [..., P, c]."""
  count = parameters.shape[-1] // channels
  shape = tf.concat([tf.shape(parameters)[:-1], [count, channels]], axis=0)
  return tf.ensure_shape(
    tf.reshape(parameters, shape),
    [*parameters.shape[:-1], count, channels],
  )


def _mixture_logit(x, log_weights, means, log_scales):
  """logit(F(x)) and the logarithm of its slope; parameters are [..., n, c]."""
  standard = (x[..., tf.newaxis, :] - means) * tf.exp(-log_scales)
  below, above = tf.math.log_sigmoid(standard), tf.math.log_sigmoid(-standard)

  def total(part):
    return tf.reduce_logsumexp(log_weights + part, axis=-2)

  log_below, log_above = total(below), total(above)
  log_density = total(below + above - log_scales)
  return log_below - log_above, log_density - log_below - log_above
