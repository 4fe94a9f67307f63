"""Invertible residual blocks."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.math.dense_jacobian import rademacher_probes
from tfp_cinc.math.fixed_point import fixed_point
from tfp_cinc.networks.lipschitz_network import (
  LipschitzNetwork,
  trainable_lipschitz_network,
)

__all__ = ['ResidualFlow', 'trainable_residual_flow']

LOG_DETS = ('exact', 'power_series')


class ResidualFlow(FlowBijector):
  """Adds a network g whose Lipschitz constant is less than 1.

  ```
  forward(x) = x + g(x)
  inverse(y) = the limit of x_{n+1} = y - g(x_n), x_0 = y
  forward_log_det_jacobian(x) = log det(I + J),  J the Jacobian of g at x
  ```

  `x` is [..., D]. If Lip(g) <= c < 1, the error of the inverse after n
  iterations is at most c^n / (1 - c) * |g(y)|. The iteration stops at the
  rounding error of the dtype or after `max_iterations` steps; see
  `tfp_cinc.math.fixed_point`. The gradient of the inverse is that of the limit,
  by the implicit function theorem: the same iteration solves (I + J^T) w = dx
  and stores no intermediate values. The first two derivatives of the inverse
  are exact, higher ones are not.

  `log_det='exact'` factors one m x m matrix per event, where m is the minimum
  of D and the widths of the network.

  `log_det='power_series'` costs num_terms * num_probes products with J. It
  computes

  ```
  mean over probes v of sum_{k=1..n} (-1)^(k+1) / k * v . J^k v,  n = num_terms
  ```

  for vectors v of random signs. The expected value over the probes differs from
  the log-det by at most D * c^(n+1) / ((n + 1) * (1 - c)). The standard
  deviation is at most log(1 / (1 - c)) * sqrt(2 D / num_probes). A `probe_seed`
  fixes the probes and therefore their error. The log-det is then a function of
  x, and its error has the same bounds over random seeds, but training does not
  average it away. With `probe_seed=None` each call draws new probes, and the
  gradient is biased only by the truncation.

  #### Example

  >>> layer = trainable_residual_flow(size=4, hidden_channels=8, seed=1)
  >>> x = tf.random.normal([5, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-5)
  True

  #### References

  Behrmann et al. 2019, [Invertible Residual Networks](
  https://arxiv.org/abs/1811.00995), algorithms 1 and 2 and theorem 4; Chen et
  al. 2019, [Residual Flows for Invertible Generative Modeling](
  https://arxiv.org/abs/1906.02735), section 3.
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
      network: The network g. Its condition can be passed to the methods as
        `condition=`.
      log_det: 'exact' or 'power_series', as above.
      num_terms: Number of terms of the power series, at least 1.
      num_probes: Number of probes of the power series, at least 1.
      probe_seed: Seed of the probes, as above.
      tolerance: Length of a step, relative to 1 + |x|, at which the iteration
        stops. None means the machine epsilon of the dtype.
      max_iterations: Maximum number of iterations, at least 1.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If an argument has an invalid value.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      check_choice('log_det', log_det, LOG_DETS)
      check_sizes(
        num_terms=num_terms,
        num_probes=num_probes,
        max_iterations=max_iterations,
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
    """The method that computes the log-det."""
    return self._log_det_method

  def own_networks(self) -> tuple:
    """See `FlowBijector`."""
    return (self._network,)

  def map_networks(self, function: Callable) -> 'ResidualFlow':
    """See `FlowBijector`."""
    return self.copy(network=function(self._network))

  def _forward_and_log_det(self, x, **condition):
    check_channels(self.name, x, self._network.size)
    network = self._network.given(**condition)
    change, jacobian = network.evaluate(x)
    return x + change, self._log_det(jacobian, x)

  def _inverse_and_log_det(self, y, **condition):
    check_channels(self.name, y, self._network.size)
    network = self._network.given(**condition)
    weights = network.bounded_weights()
    start = tf.stop_gradient(y)
    fixed_weights = [tf.stop_gradient(weight) for weight in weights]
    limit, _ = self._iterate(
      lambda x: start - network.evaluate(x, fixed_weights)[0], start
    )
    x = tf.stop_gradient(limit)
    change, jacobian = network.evaluate(x, weights)
    solve = self._gradient_solver(jacobian)
    # Each step of Newton's method with a fixed Jacobian gives x one more exact
    # derivative.
    x += solve(y - x - change)
    change, _ = network.evaluate(x, weights)
    x += solve(y - x - change)
    _, jacobian = network.evaluate(x, weights)
    return x, -self._log_det(jacobian, x)

  def _iterate(self, function, start):
    return fixed_point(
      function,
      start,
      tolerance=self._tolerance,
      max_iterations=self._max_iterations,
    )

  def _gradient_solver(self, jacobian):
    """Returns r -> r with the gradient of r -> (I + J)^-1 r, to any order."""
    jacobian = jacobian.stop_gradient()

    def linear(product, transposed):
      @tf.custom_gradient
      def solve(vector):
        solution, _ = self._iterate(lambda w: vector - product(w), vector)
        return solution, linear(transposed, product)

      return tfp_compat.freed_with_graph()(solve)

    @tf.custom_gradient
    def through(residual):
      solve = linear(jacobian.transposed_product, jacobian.product)
      return tf.identity(residual), solve

    return tfp_compat.freed_with_graph()(through)

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
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'residual_flow',
  **options: Any,
) -> ResidualFlow:
  """Returns a trainable `ResidualFlow`, initialized near the identity.

  Args:
    size: Number of elements of a vector, D.
    hidden_channels: Number of units of each hidden layer of the network.
    num_layers: Number of hidden layers of the network, at least 1.
    coefficient: Bound c of the Lipschitz constant, between 0 and 1.
    condition_channels: Number of elements K of the condition, 0 for none.
    seed: Seed of the initial weights. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.
    **options: Other arguments of `ResidualFlow`, such as `log_det`.

  Returns:
    `ResidualFlow`.

  Raises:
    ValueError: If an argument has an invalid value.
  """
  network = trainable_lipschitz_network(
    size,
    hidden_channels,
    num_layers,
    coefficient,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
  )
  return ResidualFlow(network, name=name, **options)
