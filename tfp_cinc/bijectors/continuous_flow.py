"""Continuous normalizing flows."""

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import OnePassBijector
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.shapes import check_channels
from tfp_cinc.math.dense_jacobian import rademacher_probes
from tfp_cinc.networks.velocity_network import VelocityNetwork

__all__ = ['ContinuousFlow', 'trainable_continuous_flow']

TRACES = ('exact', 'hutchinson')


class ContinuousFlow(OnePassBijector):
  """The way from time 0 to time 1 along a differential equation.

  ```
  forward(x) = x(1)  of  dx/dt = f(t, x), x(0) = x
  inverse(y) = x(0)  of the same with x(1) = y
  forward_log_det_jacobian(x) = the integral over t of tr(df/dx)(t, x(t))
  ```

  `x` is [..., D]. Values and log-det are found together by
  `tfp.math.ode.DormandPrince`, each to about `tolerance`. Gradients are those
  of the adjoint method, solved to the same tolerance; their memory does not
  grow with the number of steps. There are first derivatives only.

  `trace='exact'` takes the trace in closed form from the weights: with one
  hidden layer of h numbers that costs D * h a step and h an event, with more of
  them h^2 an event and layer. `trace='hutchinson'` takes v . (df/dx) v for
  `num_probes` vectors v of random signs that are kept for the whole way; its
  mean over them is the trace. A `probe_seed` fixes them and with them the
  error; with `probe_seed=None` each call draws new ones.

  It is `tfb.FFJORD` for vectors of any batch shape, with two traps less: the
  parameters go into the solver as arguments, so that there are gradients where
  a Variable is read as a tensor, and the trace needs no automatic derivative in
  the solver's loop.

  Grathwohl et al. 2019 (FFJORD), sections 2 and 3.1; Chen et al. 2018
  (Neural Ordinary Differential Equations), sections 2 and 4.

  #### Example

  >>> layer = trainable_continuous_flow(size=4, hidden_channels=8, seed=1)
  >>> x = tf.random.normal([5, 4])
  >>> y = layer.forward(x)
  >>> bool(tf.reduce_max(abs(layer.inverse(tf.identity(y)) - x)) < 1e-3)
  True
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
      network: f.
      trace: 'exact' or 'hutchinson', as above.
      num_probes: of Hutchinson's estimate, at least 1.
      probe_seed: of the probes, as above.
      tolerance: of the error of a step, relative and absolute.
      max_num_steps: how many steps to take at most; a call that needs more
        raises `tf.errors.InvalidArgumentError`, one that has met a NaN too.
        Compiled by XLA there is no limit, and a NaN never ends.
      validate_args: whether to check that inputs are finite.
      name: name of the layer.

    Raises:
      ValueError: if an argument is not as above.
    """
    parameters = dict(locals())
    with tf.name_scope(name) as name:
      check_choice('trace', trace, TRACES)
      if min(num_probes, max_num_steps) < 1:
        raise ValueError(
          f'`num_probes` is {num_probes} and `max_num_steps` {max_num_steps}; '
          'both must be at least 1.'
        )
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
    """How the trace of the Jacobian is found."""
    return self._trace_method

  def _forward_and_log_det(self, x):
    return self._solve(x, invert=False)

  def _inverse_and_log_det(self, y):
    return self._solve(y, invert=True)

  def _solve(self, x, invert):
    """The end of the way from x, and the log-det of the way."""
    check_channels(self.name, x, self._network.size)
    trace = self._make_trace(x)

    def derivative(time, state, parameters):
      # The solver goes forward in time only: the way back is the way of -f.
      time, sign = (1 - time, -1) if invert else (time, 1)
      velocity, jacobian = self._network.evaluate(time, state[0], parameters)
      return sign * velocity, sign * trace(jacobian)

    solver = tfp.math.ode.DormandPrince(
      rtol=self._tolerance,
      atol=self._tolerance,
      first_step_size=0.05,
      max_num_steps=self._max_num_steps,
    )
    # Of what a function closes over the solver has no gradient.
    results = solver.solve(
      derivative,
      initial_time=0.0,
      initial_state=(x, tf.zeros_like(x[..., 0])),
      solution_times=[1.0],
      constants={'parameters': self._network.parameters()},
    )
    end, log_det = results.states
    return tf.ensure_shape(end[0], x.shape), log_det[0]

  def _make_trace(self, x):
    """The function from a `DenseJacobian` to its trace, or an estimate."""
    if self._trace_method == 'exact':
      return lambda jacobian: jacobian.trace()
    probes = rademacher_probes(x, self._num_probes, self._probe_seed)
    return lambda jacobian: jacobian.trace_estimate(probes)


def trainable_continuous_flow(
  size: int,
  *,
  hidden_channels: int = 64,
  num_layers: int = 2,
  seed: int | None = None,
  dtype=tf.float32,
  name: str = 'continuous_flow',
  **options,
) -> ContinuousFlow:
  """A `ContinuousFlow` of new Variables that starts close to the identity.

  Args:
    size: D.
    hidden_channels: size of the network's hidden layers.
    num_layers: number of its hidden layers, at least 1.
    seed: of the initial weights; None draws others each time.
    dtype: floating dtype.
    name: name of the layer.
    **options: `trace` and what follows it in `ContinuousFlow`.

  Returns:
    `ContinuousFlow`.

  Raises:
    ValueError: if an argument is not as above.
  """
  network = VelocityNetwork.trainable(
    size,
    hidden_channels,
    num_layers,
    seed=seed,
    dtype=dtype,
    name=f'{name}_network',
  )
  return ContinuousFlow(network, name=name, **options)
