"""A chain of bijectors that keeps one activation instead of all."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import OnePassBijector, sources
from tfp_cinc.bijectors.traced_steps import TracedSteps
from tfp_cinc.internal import switches
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.functional import unwrapped

__all__ = ['MEMORY', 'ReversibleChain']

tfb = tfp.bijectors

MEMORY = ('store', 'checkpoint', 'reversible')


class ReversibleChain(OnePassBijector):
  """A chain of image bijectors whose gradient can recompute what it needs.

  ```
  forward(x) = bijectors[0].forward(bijectors[1].forward( ... x))
  forward_log_det_jacobian(x) = the sum of theirs
  ```

  like `tfb.Chain`. What the gradient of `forward` keeps of the way there:

  - `memory='store'`: all activations.
  - `memory='checkpoint'`: the input of each bijector of the chain, from which
    it runs the bijector again. Eager calls store.
  - `memory='reversible'`: the output alone. From the last bijector to the
    first, it finds the input by the inverse and from it the gradient, so that
    memory does not grow with depth. In a graph each recomputation waits for the
    gradient that it is for; otherwise TensorFlow would run all of them ahead
    and hold every result.

  The gradient of `inverse` stores; second derivatives need `memory='store'`.

  In a graph, bijectors that are the same function of different Variables, as
  the steps of a flow's level are, share one trace, see `TracedSteps`.

  Gomez et al. 2017 (The Reversible Residual Network), section 3.2, for flows;
  Chen et al. 2016 (Training Deep Nets with Sublinear Memory Cost), section 4.

  #### Example

  >>> from tfp_cinc.bijectors import trainable_cinc_conv2d
  >>> chain = ReversibleChain(
  ...   [trainable_cinc_conv2d(4, seed=i, name=f'layer_{i}') for i in range(3)]
  ... )
  >>> x = tf.Variable(tf.ones([2, 8, 8, 4]))
  >>> with tf.GradientTape() as tape:
  ...   y = tf.reduce_sum(chain.forward(x))
  >>> tape.gradient(y, x).shape
  TensorShape([2, 8, 8, 4])
  """

  def __init__(
    self,
    bijectors: Sequence[tfb.Bijector],
    memory: str = 'reversible',
    validate_args: bool = False,
    name: str = 'reversible_chain',
    parameters: dict | None = None,
  ):
    """Creates the chain.

    Args:
      bijectors: bijectors of images [..., H, W, C]; the last one is applied
        first, as in `tfb.Chain`. Keyword arguments of methods are routed by
        name: `chain.forward(x, layer_1={'label': label})`.
      memory: 'store', 'checkpoint' or 'reversible', as above.
      validate_args: whether to check that inputs are finite.
      name: name of the chain.
      parameters: for subclasses, their constructor's arguments.

    Raises:
      ValueError: if there is no bijector, if their dtypes differ, or if
        `memory` is unknown.
    """
    parameters = dict(locals()) if parameters is None else parameters
    with tf.name_scope(name) as name:
      check_choice('memory', memory, MEMORY)
      if not bijectors:
        raise ValueError('`bijectors` is empty; a chain needs at least one.')
      dtypes = {b.dtype for b in bijectors if b.dtype is not None}
      if len(dtypes) > 1:
        raise ValueError(
          f'`bijectors` have the dtypes {sorted(d.name for d in dtypes)}; a '
          'chain has one.'
        )
      self._bijectors = list(bijectors)
      self._memory = memory
      self._steps = TracedSteps(self._bijectors)
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=all(b.is_constant_jacobian for b in bijectors),
        dtype=dtypes.pop() if dtypes else None,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @property
  def bijectors(self) -> list[tfb.Bijector]:
    """The bijectors; the last one is applied first."""
    return list(self._bijectors)

  @property
  def memory(self) -> str:
    """Whether gradients are of stored or of recomputed activations."""
    return self._memory

  def run_part(
    self, bijector: tfb.Bijector, x, invert: bool, kwargs: dict
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """One of the bijectors, by the trace that those alike share.

    Args:
      bijector: one of `bijectors`.
      x: `Tensor` [..., H, W, C].
      invert: whether its inverse is meant.
      kwargs: its own conditions.

    Returns:
      (what it makes of x, its log-det).
    """
    return self._steps.run(bijector, x, invert, kwargs)

  def _forward_event_shape(self, input_shape):
    return self._fold('forward_event_shape', input_shape)

  def _inverse_event_shape(self, output_shape):
    return self._fold('inverse_event_shape', output_shape)

  def _forward_event_shape_tensor(self, input_shape):
    return self._fold('forward_event_shape_tensor', input_shape)

  def _inverse_event_shape_tensor(self, output_shape):
    return self._fold('inverse_event_shape_tensor', output_shape)

  def _fold(self, method, value):
    for bijector in self._order(invert=method.startswith('inverse')):
      value = getattr(bijector, method)(value)
    return value

  def _order(self, invert):
    return self._bijectors if invert else self._bijectors[::-1]

  def _forward_and_log_det(self, x, **kwargs):
    if self._memory == 'reversible' and not switches.native_gradients.is_on:
      return self._forward_and_forget(x, kwargs)
    return self._run(x, kwargs, invert=False)

  def _inverse_and_log_det(self, y, **kwargs):
    return self._run(y, kwargs, invert=True)

  def _run(self, x, kwargs, invert):
    log_det = 0.0
    recompute = self._memory == 'checkpoint' and not invert
    for bijector in self._order(invert):
      own = kwargs.get(bijector.name, {})
      if recompute and not _forgets(bijector):
        x, part = self._steps.run_and_recompute(bijector, x, own)
      else:
        x, part = self._steps.run(bijector, x, invert, own)
      log_det += part
    return x, log_det

  def _forward_and_forget(self, x, kwargs):
    """`_run` with a gradient that recomputes activations from the output."""
    conditions = tf.nest.flatten(kwargs)
    state = switches.state()

    @tf.custom_gradient
    def run(x, *conditions):
      # Tensors of their own: gradients are told apart by them, and one label
      # may be the condition of several bijectors.
      own = tf.nest.pack_sequence_as(kwargs, [*map(tf.identity, conditions)])
      y, log_det = self._run(x, own, invert=False)
      log_det = tf.broadcast_to(log_det, tf.shape(y)[:-3])

      def gradient(dy, dlog_det, variables=()):
        with switches.restored(state):
          _, dx, found = self._pull_back(y, dy, dlog_det, own)
        split = len(conditions)
        by_variable = {
          id(unwrapped(variable)): gradient
          for variable, gradient in zip(
            self.trainable_variables, found[split:], strict=True
          )
        }
        return (dx, *found[:split]), [
          by_variable.get(id(unwrapped(variable))) for variable in variables
        ]

      return (y, log_det), gradient

    return run(x, *conditions)

  def _pull_back(self, y, dy, dlog_det, kwargs):
    total = {}
    for bijector in self._bijectors:
      own = kwargs.get(bijector.name, {})
      with tf.control_dependencies([dy]):
        y = tf.identity(y)
      y, dy, found = self._steps.pull_back(bijector, y, dy, dlog_det, own)
      for item, gradient in zip(sources(bijector, own), found, strict=True):
        before = total.get(id(item))
        total[id(item)] = gradient if before is None else before + gradient
    return (
      y,
      dy,
      [
        total[id(item)] if id(item) in total else tf.zeros_like(item)
        for item in sources(self, kwargs)
      ],
    )


def _forgets(bijector):
  """Whether a bijector, or one within it, sees to its memory itself."""
  return any(
    isinstance(module, ReversibleChain) and module.memory != 'store'
    for module in (bijector, *bijector.submodules)
  )
