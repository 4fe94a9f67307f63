"""Invertible residual blocks."""

import tensorflow as tf

from tfp_cinc.bijectors.one_pass import OnePassBijector
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.math.dense_jacobian import rademacher_probes
from tfp_cinc.math.fixed_point import fixed_point
from tfp_cinc.networks.lipschitz_network import LipschitzNetwork

__all__ = ['ResidualFlow', 'trainable_residual_flow']

LOG_DETS = ('exact', 'power_series')


class ResidualFlow(OnePassBijector):
  """x + g(x) for a network g whose Lipschitz constant is less than 1.

  ```
  forward(x) = x + g(x)
  inverse(y) = the limit of x_{n+1} = y - g(x_n), x_0 = y
  forward_log_det_jacobian(x) = log det(I + J),  J the Jacobian of g at x
  ```

  `x` is [..., D]. With Lip(g) <= c < 1, n iterations of the inverse leave an
  error of at most c^n / (1 - c) * |g(y)|; they end at the rounding of the dtype
  or after `max_iterations`, see `tfp_cinc.math.fixed_point`. The gradient of
  the inverse is that of the limit, by the implicit function theorem: it solves
  (I + J^T) w = dx by the same iteration and keeps none of the way. First
  derivatives of the inverse are exact, higher ones are not.

  `log_det='exact'` factors one m x m matrix an event, m the least of D and the
  network's widths. `log_det='power_series'` costs num_terms * num_probes
  products with J and is

  ```
  mean over probes v of sum_{k=1..n} (-1)^(k+1) / k * v . J^k v,  n = num_terms
  ```

  for vectors v of random signs. Over the probes its mean differs from the
  log-det by at most D * c^(n+1) / ((n + 1) * (1 - c)), and its standard
  deviation is at most log(1 / (1 - c)) * sqrt(2 D / num_probes). A `probe_seed`
  fixes the probes and with them the error that they make: the log-det is a
  function of x again and its error has the same bounds over seeds, but training
  does not average it away. With `probe_seed=None` each call draws new ones, and
  the gradient has no bias but that of the truncation.

  Behrmann et al. 2019 (Invertible Residual Networks), algorithms 1 and 2 and
  theorem 4; Chen et al. 2019 (Residual Flows), section 3.

  #### Example

  >>> layer = trainable_residual_flow(size=4, hidden_channels=8, seed=1)
  >>> x = tf.random.normal([5, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True
  """

  def __init__(
    self,
    network: LipschitzNetwork,
    log_det: str = 'exact',
    *,
    num_terms: int = 10,
    num_probes: int = 1,
    probe_seed: int | None = None,
    tolerance: float | None = None,
    max_iterations: int = 1000,
    validate_args: bool = False,
    name: str = 'residual_flow',
  ):
    """Creates the layer.

    Args:
      network: g.
      log_det: 'exact' or 'power_series', as above.
      num_terms: of the power series, at least 1.
      num_probes: of the power series, at least 1.
      probe_seed: of the probes, as above.
      tolerance: where iterations end: the last step relative to 1 + |x|; None
        is the machine epsilon of the dtype.
      max_iterations: how many to take at most, at least 1.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if an argument is not as above.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      check_choice('log_det', log_det, LOG_DETS)
      if min(num_terms, num_probes, max_iterations) < 1:
        raise ValueError(
          f'`num_terms` is {num_terms}, `num_probes` {num_probes} and '
          f'`max_iterations` {max_iterations}; each must be at least 1.'
        )
      self._network = network
      self._log_det_method = log_det
      self._num_terms = num_terms
      self._num_probes = num_probes
      self._probe_seed = probe_seed
      self._tolerance = tolerance
      self._max_iterations = max_iterations
      super().__init__(
        forward_min_event_ndims=1,
        dtype=network.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def network(self) -> LipschitzNetwork:
    """The network g."""
    return self._network

  @property
  def log_det(self) -> str:
    """How the log-det is found."""
    return self._log_det_method

  def _forward_and_log_det(self, x):
    check_channels(self.name, x, self._network.size)
    change, jacobian = self._network.evaluate(x)
    return x + change, self._log_det(jacobian, x)

  def _inverse_and_log_det(self, y):
    check_channels(self.name, y, self._network.size)
    weights = self._network.bounded_weights()
    start = tf.stop_gradient(y)
    fixed_weights = [tf.stop_gradient(weight) for weight in weights]
    limit, _ = self._iterate(
      lambda x: start - self._network.evaluate(x, fixed_weights)[0], start
    )
    limit = tf.stop_gradient(limit)
    change, jacobian = self._network.evaluate(limit, weights)
    x = limit + self._solve_gradient(y - limit - change, jacobian)
    _, jacobian = self._network.evaluate(x, weights)
    return x, -self._log_det(jacobian, x)

  def _iterate(self, function, start):
    return fixed_point(
      function,
      start,
      tolerance=self._tolerance,
      max_iterations=self._max_iterations,
    )

  def _solve_gradient(self, residual, jacobian):
    """The identity with the gradient of (I + J)^-1 residual."""
    jacobian = jacobian.stop_gradient()

    @tf.custom_gradient
    def through(residual):
      def gradient(upstream):
        solution, _ = self._iterate(
          lambda w: upstream - jacobian.transposed_product(w), upstream
        )
        return solution

      return tf.identity(residual), gradient

    return through(residual)

  def _log_det(self, jacobian, x):
    if self._log_det_method == 'exact':
      return jacobian.log_det_plus_identity()
    probes = rademacher_probes(x, self._num_probes, self._probe_seed)
    return jacobian.log_det_plus_identity_estimate(probes, self._num_terms)


def trainable_residual_flow(
  size: int,
  *,
  hidden_channels: int = 128,
  num_layers: int = 3,
  coefficient: float = 0.9,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'residual_flow',
  **options,
) -> ResidualFlow:
  """A `ResidualFlow` of new Variables that starts close to the identity.

  Args:
    size: D.
    hidden_channels: size of the network's hidden layers.
    num_layers: number of its hidden layers, at least 1.
    coefficient: c, the bound of its Lipschitz constant, between 0 and 1.
    seed: of the initial weights; None draws others each time.
    dtype: floating dtype.
    name: name of the layer.
    **options: `log_det` and what follows it in `ResidualFlow`.

  Returns:
    `ResidualFlow`.

  Raises:
    ValueError: if an argument is not as above.
  """
  network = LipschitzNetwork.trainable(
    size,
    hidden_channels,
    num_layers,
    coefficient,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
  )
  return ResidualFlow(network, name=name, **options)
