"""Continuous normalizing flows."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.base import FlowBijector
from tfp_cinc.internal import tfp_compat
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels, check_sizes
from tfp_cinc.internal.types import DTypeLike
from tfp_cinc.math.dense_jacobian import rademacher_probes
from tfp_cinc.networks.velocity_network import (
  VelocityNetwork,
  trainable_velocity_network,
)

__all__ = ['ContinuousFlow', 'trainable_continuous_flow']

TRACES = ('exact', 'hutchinson')


class ContinuousFlow(FlowBijector):
  """The solution of a differential equation from time 0 to time 1.

  ```
  forward(x) = x(1),  the solution of dx/dt = f(t, x) with x(0) = x
  inverse(y) = x(0),  the solution of the same equation with x(1) = y
  forward_log_det_jacobian(x) = the integral over t of tr(df/dx)(t, x(t))
  ```

  `x` is [..., D]. `tfp.math.ode.DormandPrince` computes values and log-dets
  together, each to about `tolerance`. The adjoint method computes the gradients
  to the same tolerance. Its memory does not grow with the number of steps. Only
  first derivatives are available.

  `trace='exact'` computes the trace in closed form from the weights. With one
  hidden layer of h units this costs D * h per step and h per event. With more
  hidden layers it costs h^2 per event and layer.

  `trace='hutchinson'` estimates the trace by the mean of v . (df/dx) v over
  `num_probes` vectors v of random signs, which stay the same from time 0 to
  time 1. The estimate is unbiased. A `probe_seed` fixes the vectors and
  therefore the error. With `probe_seed=None` each call draws new vectors.

  The layer is like `tfb.FFJORD` for vectors of any batch shape, but avoids two
  of its pitfalls. The solver takes the parameters as arguments, so that they
  have gradients even if a Variable is read as a tensor. The trace needs no
  automatic differentiation in the solver's loop.

  #### Example

  >>> layer = trainable_continuous_flow(size=4, hidden_channels=8, seed=1)
  >>> x = tf.random.normal([5, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-3)
  True

  #### References

  Grathwohl et al. 2019, [FFJORD](https://arxiv.org/abs/1810.01367), sections 2
  and 3.1; Chen et al. 2018, [Neural Ordinary Differential Equations](
  https://arxiv.org/abs/1806.07366), sections 2 and 4.
  """

  def __init__(
    self,
    network: VelocityNetwork,
    trace: str = 'exact',
    *,
    num_probes: int = 1,
    probe_seed: int | None = None,
    tolerance: float = 1e-5,
    max_num_steps: int = 1000,
    validate_args: bool = False,
    name: str = 'continuous_flow',
  ):
    """Creates the layer.

    Args:
      network: The network f. Its condition can be passed to the methods as
        `condition=`.
      trace: 'exact' or 'hutchinson', as above.
      num_probes: Number of probes for Hutchinson's estimate, at least 1.
      probe_seed: Seed of the probes, as above.
      tolerance: Relative and absolute error tolerance of a step.
      max_num_steps: Maximum number of steps. A call that needs more steps, or
        that encounters a NaN, raises `tf.errors.InvalidArgumentError`. Under
        XLA there is no limit, and a call that encounters a NaN never returns.
      validate_args: Whether to check that inputs are finite.
      name: Name of the layer.

    Raises:
      ValueError: If an argument has an invalid value.
    """
    parameters = dict(locals())
    with tf.name_scope(name):
      check_choice('trace', trace, TRACES)
      check_sizes(num_probes=num_probes, max_num_steps=max_num_steps)
      if tolerance <= 0:
        raise ValueError(
          f'`tolerance` is {tolerance}; it must be greater than 0.'
        )
      self._network = network
      self._trace_method = trace
      self._num_probes = num_probes
      self._probe_seed = probe_seed
      self._tolerance = tolerance
      self._max_num_steps = max_num_steps
      super().__init__(
        forward_min_event_ndims=1,
        dtype=network.dtype,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def network(self) -> VelocityNetwork:
    """The network f."""
    return self._network

  @property
  def trace(self) -> str:
    """The method that computes the trace of the Jacobian."""
    return self._trace_method

  def own_networks(self) -> tuple:
    """See `FlowBijector`."""
    return (self._network,)

  def map_networks(self, function: Callable) -> 'ContinuousFlow':
    """See `FlowBijector`."""
    return self.copy(network=function(self._network))

  def _forward_and_log_det(self, x, **condition):
    return self._solve(x, self._network.given(**condition), invert=False)

  def _inverse_and_log_det(self, y, **condition):
    return self._solve(y, self._network.given(**condition), invert=True)

  def _solve(self, x, network, invert):
    """Returns the other end of the trajectory from x, and its log-det."""
    check_channels(self.name, x, network.size)
    start, count = _rows(x, tf.shape(x)[:-1])
    trace = self._make_trace(start)
    parameters = network.parameters(x)
    if network.condition is not None and network.condition.shape.rank > 1:
      # Each event has biases of its own.
      parameters[1] = [_rows(b, tf.shape(x)[:-1])[0] for b in parameters[1]]

    def derivative(time, state, parameters):
      # The solver only goes forward in time; -f reverses the trajectory.
      time, sign = (1 - time, -1) if invert else (time, 1)
      velocity, jacobian = network.evaluate(time, state[0], parameters)
      return sign * velocity, sign * trace(jacobian)

    solver = _Solver(
      rtol=self._tolerance,
      atol=self._tolerance,
      first_step_size=0.05,
      max_num_steps=self._max_num_steps,
    )
    # The solver has no gradients with respect to captured tensors. Parameters
    # are therefore passed as constants.
    results = solver.solve(
      derivative,
      initial_time=0.0,
      initial_state=(_differentiable_once(start), tf.zeros_like(start[:, 0])),
      solution_times=[1.0],
      constants={
        'parameters': tf.nest.map_structure(_differentiable_once, parameters)
      },
    )
    end, log_det = (state[0][:count] for state in results.states)
    log_det = tf.reshape(log_det, tf.shape(x)[:-1])
    return (
      tf.ensure_shape(tf.reshape(end, tf.shape(x)), x.shape),
      tf.ensure_shape(log_det, x.shape[:-1]),
    )

  def _make_trace(self, x):
    """Returns the function from a `DenseJacobian` to its trace or estimate."""
    if self._trace_method == 'exact':
      return lambda jacobian: jacobian.trace()
    probes = rademacher_probes(x, self._num_probes, self._probe_seed)
    return lambda jacobian: jacobian.trace_estimate(probes)


def _rows(x, batch_shape):
  """Broadcasts x to a batch shape and returns it as a matrix of its vectors.

  The solver takes no empty batch: for one, the matrix has a row of zeros.

  Returns:
    (matrix, number of vectors in the batch).
  """
  size = x.shape[-1]
  x = tf.broadcast_to(x, tf.concat([batch_shape, [size]], 0))
  rows = tf.reshape(x, [-1, size])
  count = tf.shape(rows)[0]
  missing = tf.cast(tf.equal(count, 0), tf.int32)
  return tf.pad(rows, [[0, missing], [0, 0]]), count


@tfp_compat.freed_with_graph()
def _differentiable_once(x):
  """Returns x; its gradient raises an error if it is differentiated.

  The solver would return wrong second derivatives.
  """

  @tf.custom_gradient
  def identity(x):
    def gradient(dx):
      return tf.raw_ops.PreventGradient(
        input=dx, message='`ContinuousFlow` has no second derivatives.'
      )

    return tf.identity(x), gradient

  return identity(x)


class _Solver(tfp.math.ode.DormandPrince):
  """TFP's solver, which also solves the adjoint equation of its gradient."""

  @tfp_compat.freed_with_graph()
  def solve(self, *arguments, **options):
    """See `tfp.math.ode.Solver`."""
    return super().solve(*arguments, **options)


def trainable_continuous_flow(
  size: int,
  *,
  hidden_channels: int = 64,
  num_layers: int = 2,
  condition_channels: int = 0,
  seed: int | None = None,
  dtype: DTypeLike = tf.float32,
  name: str = 'continuous_flow',
  **options: Any,
) -> ContinuousFlow:
  """Returns a trainable `ContinuousFlow`, initialized close to the identity.

  Args:
    size: Number of elements of a vector, D.
    hidden_channels: Number of units of each hidden layer of the network.
    num_layers: Number of hidden layers of the network, at least 1.
    condition_channels: Number of elements K of the condition, 0 for none.
    seed: Seed of the initial weights. None draws a new one.
    dtype: Floating dtype.
    name: Name of the layer.
    **options: Other arguments of `ContinuousFlow`, such as `trace`.

  Returns:
    `ContinuousFlow`.

  Raises:
    ValueError: If an argument has an invalid value.
  """
  network = trainable_velocity_network(
    size,
    hidden_channels,
    num_layers,
    condition_channels=condition_channels,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
  )
  return ContinuousFlow(network, name=name, **options)
