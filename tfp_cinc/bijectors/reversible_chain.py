"""A chain of bijectors that keeps one activation instead of all."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_cinc.bijectors.one_pass import (
  OnePassBijector,
  pull_back,
  value_and_log_det,
)
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.internal.gradients import uses_native_gradients

__all__ = ['MEMORY', 'ReversibleChain']

tfb = tfp.bijectors

MEMORY = ('store', 'reversible')


class ReversibleChain(OnePassBijector):
  """A chain of image bijectors whose gradient can recompute what it needs.

  ```
  forward(x) = bijectors[0].forward(bijectors[1].forward( ... x))
  forward_log_det_jacobian(x) = the sum of theirs
  ```

  like `tfb.Chain`. With `memory='reversible'` the gradient of `forward` keeps
  the output alone: layer by layer, from the last to the first, it finds the
  layer's input by the layer's inverse and from it the layer's gradient, so that
  memory does not grow with depth. In a graph each recomputation waits for the
  gradient that it is for; otherwise TensorFlow would run all of them ahead and
  hold every result. The gradient of `inverse` stores as usual; second
  derivatives need `memory='store'`.

  Gomez et al. 2017 (The Reversible Residual Network), section 3.2, for flows.

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
  ):
    """Creates the chain.

    Args:
      bijectors: bijectors of images [..., H, W, C]; the last one is applied
        first, as in `tfb.Chain`. Keyword arguments of methods are routed by
        name: `chain.forward(x, layer_1={'label': label})`.
      memory: 'store' keeps all activations for the gradient, 'reversible'
        recomputes them from the output.
      validate_args: whether to check that inputs are finite.
      name: name of the chain.

    Raises:
      ValueError: if there is no bijector, if their dtypes differ, or if
        `memory` is unknown.
    """
    parameters = dict(locals())
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
      super().__init__(
        forward_min_event_ndims=3,
        is_constant_jacobian=all(b.is_constant_jacobian for b in bijectors),
        dtype=dtypes.pop() if dtypes else None,
        validate_args=validate_args,
        parameters=parameters,
        name=name,
      )

  @classmethod
  def _parameter_properties(cls, dtype):
    return {}

  @property
  def bijectors(self) -> list[tfb.Bijector]:
    """The bijectors; the last one is applied first."""
    return list(self._bijectors)

  @property
  def memory(self) -> str:
    """Whether gradients are of stored or of recomputed activations."""
    return self._memory

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
    if self._memory == 'store' or uses_native_gradients():
      return self._run(x, kwargs, invert=False)
    return self._forward_and_forget(x, kwargs)

  def _inverse_and_log_det(self, y, **kwargs):
    return self._run(y, kwargs, invert=True)

  def _run(self, x, kwargs, invert):
    log_det = 0.0
    for bijector in self._order(invert):
      own = kwargs.get(bijector.name, {})
      x, part = value_and_log_det(bijector, x, invert, **own)
      log_det += part
    return x, log_det

  def _forward_and_forget(self, x, kwargs):
    """`_run` with a gradient that recomputes activations."""
    conditions = tf.nest.flatten(kwargs)

    @tf.custom_gradient
    def run(x, *conditions):
      own = tf.nest.pack_sequence_as(kwargs, conditions)
      y, log_det = self._run(x, own, invert=False)
      log_det = tf.broadcast_to(log_det, tf.shape(y)[:-3])

      def gradient(dy, dlog_det, variables=()):
        gradients = {}
        dx = self._pull_back(y, dy, dlog_det, own, gradients)[1]
        found = [
          gradients.get(id(source)) for source in (*conditions, *variables)
        ]
        split = len(conditions)
        return (dx, *found[:split]), found[split:]

      return (y, log_det), gradient

    return run(x, *conditions)

  def _pull_back(self, y, dy, dlog_det, kwargs, gradients):
    for bijector in self._bijectors:
      own = kwargs.get(bijector.name, {})
      with tf.control_dependencies([dy]):
        y = tf.identity(y)
      y, dy = pull_back(bijector, y, dy, dlog_det, own, gradients)
    return y, dy
