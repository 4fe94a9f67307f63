"""What every bijector of images must do: one function a property.

TFP caches: `b.inverse(b.forward(x))` returns the `x` that it has kept, even
where the inverse is wrong. `tf.identity` breaks this throughout.
"""

import copy
import functools
import gc
import os
import pickle
import tempfile
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfb, tfd = tfp.bijectors, tfp.distributions

TOLERANCE = {tf.float32: 2e-4, tf.float64: 1e-10}


def check_round_trip(case):
  """inverse(forward(x)) = x = forward(inverse(x)), in both precisions."""
  for dtype, tolerance in TOLERANCE.items():
    tolerance = max(tolerance, case.tolerance)
    bijector, x = case.build(dtype), case.events(dtype=dtype)
    y = tf.identity(bijector.forward(x))
    np.testing.assert_allclose(bijector.inverse(y), x, atol=tolerance)
    z = tf.identity(bijector.inverse(x))
    np.testing.assert_allclose(bijector.forward(z), x, atol=tolerance)


def check_bijective_and_finite(case):
  """As `assert_bijective_and_finite` of TFP, near zero and far from it."""
  bijector = case.build()
  for scale in (0.0, 1e-3, 5.0):
    x = scale * case.events()
    y = tf.identity(bijector.forward(x))
    again = bijector.inverse(y)
    log_det = bijector.forward_log_det_jacobian(
      tf.identity(x), case.event_ndims
    )
    inverse_log_det = bijector.inverse_log_det_jacobian(
      tf.identity(y), case.event_ndims
    )
    for values in (y, again, log_det, inverse_log_det):
      assert np.all(np.isfinite(values))
    tolerance = max(1e-8, 10 * case.tolerance)
    np.testing.assert_allclose(again, x, atol=tolerance)
    np.testing.assert_allclose(log_det, -inverse_log_det, atol=tolerance)


def check_log_det(case):
  """Both log-dets are those of the dense Jacobian."""
  bijector, x = case.build(), case.events(batch_shape=())
  size, tolerance = int(np.prod(case.event_shape)), max(1e-9, case.tolerance)
  # One copy of x for each row: all rows by one backward pass.
  copies = tf.stack([x] * size)
  with tf.GradientTape() as tape:
    tape.watch(copies)
    y = tf.reshape(bijector.forward(copies), [size, size])
    diagonal = tf.reduce_sum(tf.linalg.diag_part(y))
  jacobian = tf.reshape(tape.gradient(diagonal, copies), [size, size])
  expected = np.linalg.slogdet(jacobian)[1]
  forward = bijector.forward_log_det_jacobian(
    tf.identity(x), event_ndims=case.event_ndims
  )
  np.testing.assert_allclose(forward, expected, atol=tolerance)
  y = tf.identity(bijector.forward(x))
  inverse = bijector.inverse_log_det_jacobian(y, event_ndims=case.event_ndims)
  np.testing.assert_allclose(inverse, -expected, atol=tolerance)


def check_batch_shapes(case):
  """Leading dimensions are a batch of events that do not see one another."""
  bijector, x = case.build(), case.events((2, 3))
  event_shape = bijector.forward_event_shape(case.event_shape)

  def evaluate(x):
    batch_shape = x.shape[: x.shape.rank - case.event_ndims]
    x = tf.identity(x)
    y = bijector.forward(x)
    assert y.shape == [*batch_shape, *event_shape]
    log_det = bijector.forward_log_det_jacobian(x, event_ndims=case.event_ndims)
    again = bijector.inverse(tf.identity(y))
    return y, tf.broadcast_to(log_det, batch_shape), again

  def stack(results):
    return [tf.stack(parts) for parts in zip(*results, strict=True)]

  one_by_one = stack(stack(evaluate(event) for event in row) for row in x)
  np.testing.assert_allclose(one_by_one[2], x, atol=max(1e-10, case.tolerance))
  for found in (stack(evaluate(row) for row in x), evaluate(x)):
    for together, alone, tolerance in zip(
      found, one_by_one, (1e-12, 1e-12, 1e-10), strict=True
    ):
      np.testing.assert_allclose(
        together, alone, atol=max(tolerance, case.tolerance)
      )


def check_shapes(case):
  """Event shapes, static and as tensors, are those of what is computed."""
  bijector, x = case.build(), case.events(batch_shape=())
  y = bijector.forward(x)
  assert bijector.forward_event_shape(x.shape) == y.shape
  assert bijector.inverse_event_shape(y.shape) == x.shape
  forward = bijector.forward_event_shape_tensor(tf.shape(x))
  np.testing.assert_array_equal(forward, y.shape)
  inverse = bijector.inverse_event_shape_tensor(tf.shape(y))
  np.testing.assert_array_equal(inverse, x.shape)


def check_dtypes(case):
  """Values and log-dets have the dtype of the layer."""
  for dtype in TOLERANCE:
    bijector, x = case.build(dtype), case.events(dtype=dtype)
    assert bijector.forward(x).dtype == dtype
    assert bijector.inverse(x).dtype == dtype
    assert bijector.forward_log_det_jacobian(x, case.event_ndims).dtype == dtype


def check_graph(case):
  """tf.function with any batch size, also 0, gives what eager calls give."""
  bijector, x = case.build(), case.events()
  everything = functools.partial(_everything, bijector, case.event_ndims)
  spec = tf.TensorSpec([None, *case.event_shape], x.dtype)
  compiled = tf.function(everything, input_signature=[spec], autograph=False)
  for eager, graph in zip(everything(x), compiled(x), strict=True):
    np.testing.assert_allclose(eager, graph, rtol=1e-9, atol=1e-12)
  for eager, graph in zip(everything(x[:0]), compiled(x[:0]), strict=True):
    assert eager.shape == graph.shape
    np.testing.assert_allclose(eager, graph, rtol=1e-9, atol=1e-12)


def check_frees_memory(case):
  """A traced function that is no longer used is freed, with all Variables."""

  def trace():
    bijector, x = case.build(), case.events()
    everything = functools.partial(_everything, bijector, case.event_ndims)
    traced = tf.function(everything, autograph=False).get_concrete_function(x)
    return [weakref.ref(o) for o in (traced.graph, *bijector.variables)]

  references = trace()
  gc.collect()
  assert not any(reference() is not None for reference in references)


def _everything(bijector, event_ndims, x):
  """Returns values, log-dets and gradients of a bijector and its inverse."""
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x, event_ndims=event_ndims)
    loss = tf.reduce_sum(tf.sin(y)) - tf.reduce_sum(log_det)
  gradients = tape.gradient(
    loss,
    [x, *bijector.trainable_variables],
    unconnected_gradients=tf.UnconnectedGradients.ZERO,
  )
  z = tf.identity(x)
  inverse_log_det = bijector.inverse_log_det_jacobian(
    z, event_ndims=event_ndims
  )
  return y, log_det, bijector.inverse(z), inverse_log_det, *gradients


def check_gradients(case):
  """The derivative along a random direction of x and all variables together."""
  bijector, x = case.build(), tf.Variable(case.events())
  _check_slope(case, bijector, x, [x, *bijector.trainable_variables])


def check_condition_gradient(case):
  """The derivative along a random direction of the condition, which matters."""
  condition = tf.Variable(case.conditions([2]))
  bijector = case.build(condition=condition)
  slopes = _check_slope(case, bijector, tf.Variable(case.events()), [condition])
  assert all(np.abs(slopes) > 1e-5)


def _check_slope(case, bijector, x, places):
  """Checks and returns the slopes of forward and inverse."""
  rng, slopes = np.random.default_rng(3), []
  directions = [tf.constant(rng.normal(size=place.shape)) for place in places]
  weights = tf.constant(rng.normal(size=x.shape))

  for method in ('forward', 'inverse'):

    def value(method=method):
      events = tf.identity(x)
      image = getattr(bijector, method)(events)
      log_det = getattr(bijector, f'{method}_log_det_jacobian')(
        events, case.event_ndims
      )
      weighted = tf.reshape(image, x.shape) * weights
      return tf.reduce_sum(weighted) + tf.reduce_sum(log_det)

    with tf.GradientTape() as tape:
      result = value()
    gradients = tape.gradient(
      result, places, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    slope = sum(
      tf.reduce_sum(gradient * direction)
      for gradient, direction in zip(gradients, directions, strict=True)
    )
    expected = _central_difference(value, places, directions, 1e-6)
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6)
    slopes.append(slope)
  return slopes


def check_conditions_of_a_batch(case):
  """Events of differing conditions are what each is given its own."""
  x, conditions = case.events((3,)), case.conditions((3,))

  def evaluate(x, condition):
    bijector = case.build(condition=condition)
    ndims = case.event_ndims
    y = bijector.forward_and_log_det(x, ndims)
    return [*y, *bijector.inverse_and_log_det(tf.identity(x), ndims)]

  together = evaluate(x, conditions)
  for i in range(3):
    single = evaluate(x[i], conditions[i])
    for ours, expected in zip(together, single, strict=True):
      np.testing.assert_allclose(
        tf.broadcast_to(ours, [3, *ours.shape[1:]])[i],
        expected,
        atol=max(1e-11, case.tolerance),
      )
  each = evaluate(x[:, tf.newaxis], conditions)  # each event under each
  for ours, own in zip(each, together, strict=True):
    diagonal = [ours[i, i] for i in range(3)]
    np.testing.assert_allclose(diagonal, own, atol=max(1e-11, case.tolerance))
  others = evaluate(x, tf.roll(conditions, 1, axis=0))
  for ours, other in zip(together[::2], others[::2], strict=True):
    changes = np.abs(ours - other).max(axis=tuple(range(1, ours.shape.rank)))
    assert np.all(changes > 1e-5)


def check_second_derivatives(case):
  """Along two directions, they are right, or the tape refuses them."""
  bijector, x = case.build(), tf.Variable(case.events())
  rng = np.random.default_rng(4)
  places = [x, *bijector.trainable_variables]
  one, other = (
    [tf.constant(rng.normal(size=place.shape)) for place in places]
    for _ in range(2)
  )

  for method in ('forward', 'inverse'):

    def slope(method=method):
      """Returns the derivative of a loss along the first direction."""
      with tf.GradientTape() as tape:
        events = tf.identity(x)
        image = getattr(bijector, method)(events)
        log_det = getattr(bijector, f'{method}_log_det_jacobian')(
          events, case.event_ndims
        )
        loss = tf.reduce_sum(tf.math.log1p(image**2)) + tf.reduce_sum(log_det)
      found = tape.gradient(loss, places, unconnected_gradients='zero')
      return sum(map(_inner_product, found, one))

    with tf.GradientTape() as tape:
      result = slope()
    try:
      found = tape.gradient(result, places, unconnected_gradients='zero')
    except LookupError:
      continue
    expected = _central_difference(slope, places, other, 1e-6)
    np.testing.assert_allclose(
      sum(map(_inner_product, found, other)), expected, rtol=1e-5, atol=1e-5
    )


def _inner_product(a, b):
  return tf.reduce_sum(a * b)


def _central_difference(function, places, directions, step):
  """Returns the derivative of a function of Variables along a direction."""
  starts, ends = [tf.identity(place) for place in places], []
  for sign in (1, -1, 0):
    for place, start, direction in zip(places, starts, directions, strict=True):
      place.assign(start + sign * step * direction)
    ends.append(function() if sign else None)
  return (ends[0] - ends[1]) / (2 * step)


def check_equality(case):
  """A copy is equal, as TFP's are; another bijector is not."""
  one, other = case.build(seed=1), case.build(seed=2)
  assert one == one.copy()
  assert hash(one) == hash(one.copy())
  assert one != one.copy(name='another')
  assert one == one.copy(name='another').copy(name=one.name)
  assert not one.trainable_variables or one != other


def check_slicing(case):
  """A batch of distributions with one bijector for all can be sliced."""
  bijector, x = case.build(), case.events()
  shape = bijector.forward_event_shape(case.event_shape)
  means = tf.constant([0.0, 1.0], x.dtype)
  base = tfd.Sample(tfd.Normal(means, tf.ones([], x.dtype)), shape)
  batch = tfd.TransformedDistribution(base, tfb.Invert(bijector))
  assert batch.batch_shape == [2]
  expected = batch.log_prob(tf.stack([x] * 2, axis=1))
  first = batch[0].log_prob(tf.identity(x))
  np.testing.assert_allclose(first, expected[:, 0], atol=1e-9)
  assert batch[tf.newaxis].batch_shape == [1, 2]
  np.testing.assert_allclose(
    batch[tf.newaxis, 1:].log_prob(tf.identity(x)[:, tf.newaxis, tf.newaxis]),
    expected[:, tf.newaxis, 1:],
    atol=1e-9,
  )


def check_vectorized_map(case):
  """`tf.vectorized_map` gives what a batch gives, without a loop."""
  bijector, x = case.build(), case.events((3,))

  def values(x):
    x, z = x[tf.newaxis], tf.identity(x)[tf.newaxis]
    log_det = bijector.forward_log_det_jacobian(x, case.event_ndims)
    return (
      bijector.forward(x),
      bijector.inverse(z),
      log_det + tf.zeros(1, x.dtype),
    )

  tolerance = max(1e-9, case.tolerance)
  vectorized = tf.vectorized_map(values, x, fallback_to_while_loop=False)
  for i, row in enumerate(x):
    for ours, expected in zip(vectorized, values(row), strict=True):
      np.testing.assert_allclose(ours[i], expected, atol=tolerance)


def check_per_example_gradients(case):
  """`GradientTape.jacobian` of densities with respect to the weights."""
  bijector, x = case.build(), case.events()
  places = list(bijector.trainable_variables)
  if not places:
    return

  def density(x):
    z = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x, case.event_ndims)
    axes = list(range(1, z.shape.rank))
    return tf.broadcast_to(log_det, x.shape[:1]) - tf.reduce_sum(z**2, axes)

  with tf.GradientTape() as tape:
    values = density(tf.identity(x))
  found = tape.jacobian(values, places, unconnected_gradients='zero')
  for i in range(x.shape[0]):
    with tf.GradientTape() as tape:
      value = density(x[i : i + 1])
    expected = tape.gradient(value, places, unconnected_gradients='zero')
    for ours, theirs in zip(found, expected, strict=True):
      np.testing.assert_allclose(
        ours[i], theirs, rtol=1e-7, atol=max(1e-9, case.tolerance)
      )


def check_xla(case):
  """XLA compiles values and log-dets."""
  bijector, x = case.build(), case.events()

  def values(x):
    z = tf.identity(x)
    return (
      *bijector.forward_and_log_det(x, case.event_ndims),
      *bijector.inverse_and_log_det(z, case.event_ndims),
    )

  compiled = tf.function(values, jit_compile=True, autograph=False)
  for ours, expected in zip(compiled(x), values(x), strict=True):
    np.testing.assert_allclose(
      ours, expected, rtol=1e-9, atol=max(1e-9, case.tolerance)
    )


def check_pull_back(case):
  """Gradients from the output alone, as reversible chains take them."""
  bijector, x = case.build(), case.events()
  variables = bijector.sources({})
  assert {id(v) for v in bijector.trainable_variables} <= {*map(id, variables)}
  y = bijector.forward(tf.identity(x))
  rng = np.random.default_rng(3)
  dy = tf.constant(rng.normal(size=y.shape))
  dlog_det = tf.constant(rng.normal(size=y.shape[:1]))
  with tf.GradientTape() as tape:
    tape.watch([x, *variables])
    y = bijector.forward(x)
    log_det = bijector.forward_log_det_jacobian(x, case.event_ndims)
    value = tf.reduce_sum(y * dy) + tf.reduce_sum(log_det * dlog_det)
  expected = tape.gradient(
    value,
    [x, *variables],
    unconnected_gradients=tf.UnconnectedGradients.ZERO,
  )
  again, dx, found = bijector.pull_back(
    tf.identity(y), dy, dlog_det, case.event_ndims
  )
  tolerance = max(1e-10, case.tolerance)
  np.testing.assert_allclose(again, x, atol=tolerance)
  totals = {}  # a condition is a source of each layer that reads it
  for source, part in zip(variables, found, strict=True):
    totals[id(source)] = totals.get(id(source), 0) + part
  found = [totals[id(source)] for source in variables]
  for ours, autodiff in zip([dx, *found], expected, strict=True):
    np.testing.assert_allclose(ours, autodiff, rtol=1e-8, atol=tolerance)


def check_value_and_log_det(case):
  """`forward_and_log_det` and its inverse give what TFP's methods give."""
  bijector, x = case.build(), case.events()
  # One dimension of the batch counts as one of the event.
  for event_ndims in (case.event_ndims, case.event_ndims + 1):
    for direction in ('forward', 'inverse'):
      y, log_det = getattr(bijector, f'{direction}_and_log_det')(
        tf.identity(x), event_ndims
      )
      z = tf.identity(x)
      tolerance = max(1e-12, case.tolerance)
      expected = getattr(bijector, direction)(z)
      np.testing.assert_allclose(y, expected, atol=tolerance)
      expected = getattr(bijector, f'{direction}_log_det_jacobian')(
        z, event_ndims
      )
      np.testing.assert_allclose(log_det, expected, atol=10 * tolerance)


def check_function_argument(case):
  """An argument of `tf.function`: one trace for two alike, and gradients."""
  one, other, x = case.build(seed=1), case.build(seed=2), case.events()
  traces = []

  @tf.function(autograph=False)
  def value(bijector, x):
    traces.append(type(bijector))
    y, log_det = bijector.forward_and_log_det(x)
    return tf.reduce_sum(tf.sin(y)) + tf.reduce_sum(log_det)

  def gradients(function, bijector):
    places = list(bijector.trainable_variables)
    gc.collect()
    with tf.GradientTape() as tape:
      result = function(bijector, tf.identity(x))
    return result, tape.gradient(result, places, unconnected_gradients='zero')

  for bijector in (one, other):
    result, found = gradients(value, bijector)
    expected, right = gradients(value.python_function, bijector)
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)
    for a, b in zip(found, right, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
  # The third and the fourth are calls of the Python function.
  assert len(traces) == 3


def check_while_loop(case):
  """A loop variable of `tf.while_loop`."""
  bijector, x = case.build(), case.events()

  keeps_shape = bijector.forward_event_shape(case.event_shape) == x.shape[1:]

  def forward(bijector, y):
    y = bijector.forward(y)
    return y if keeps_shape else bijector.inverse(tf.identity(y))

  def body(bijector, y):
    return bijector, forward(bijector, y)

  @tf.function(autograph=False)
  def twice(bijector, x):
    return tf.while_loop(
      lambda *_: True, body, [bijector, x], maximum_iterations=2
    )[1]

  expected = forward(bijector, tf.identity(forward(bijector, x)))
  np.testing.assert_allclose(
    twice(bijector, x), expected, rtol=1e-9, atol=max(1e-9, case.tolerance)
  )


def check_pickle(case):
  """A pickled bijector and a deep copy are the same map on other Variables."""
  bijector, x = case.build(), case.events()
  y = bijector.forward(tf.identity(x))
  ours = {id(variable) for variable in bijector.variables}
  for other in (pickle.loads(pickle.dumps(bijector)), copy.deepcopy(bijector)):
    assert not ours & {id(variable) for variable in other.variables}
    assert len(other.variables) == len(bijector.variables)
    np.testing.assert_array_equal(other.forward(tf.identity(x)), y)


def check_variables(case):
  """All trainable variables are found, as many as there should be."""
  bijector = case.build()
  sizes = [int(np.prod(v.shape)) for v in bijector.trainable_variables]
  assert sum(sizes) == case.parameters


def check_validate_args(case):
  """With `validate_args` values that are not finite are refused."""
  bijector = case.build().copy(validate_args=True)
  x = case.events()
  bijector.forward(x)
  bad = tf.where(tf.range(x.shape[-1]) == 0, np.nan, x)
  for method in (bijector.forward, bijector.inverse):
    with pytest.raises(tf.errors.InvalidArgumentError, match='not finite'):
      method(bad)


def check_copy(case):
  """A copy is the same map, on the same variables, under another name."""
  bijector, x = case.build(), case.events()
  other = bijector.copy(name='another')
  assert other.name == 'another'
  np.testing.assert_array_equal(other.forward(x), bijector.forward(x))
  ours = {id(variable) for variable in bijector.variables}
  assert ours == {id(variable) for variable in other.variables}


def check_checkpoint(case):
  """tf.train.Checkpoint brings back all that the map depends on."""
  x = case.events()
  bijector, other = case.build(seed=1), case.build(seed=2)
  with tempfile.TemporaryDirectory() as folder:
    path = tf.train.Checkpoint(bijector).write(os.path.join(folder, 'state'))
    status = tf.train.Checkpoint(other).read(path)
    status.assert_existing_objects_matched()
  np.testing.assert_array_equal(
    other.forward(tf.identity(x)), bijector.forward(x)
  )


def check_saved_model(case):
  """A tf.Module that holds the layer can be saved and loaded."""
  bijector, x = case.build(), case.events()
  module = tf.Module()
  module.bijector = bijector
  spec = tf.TensorSpec([None, *case.event_shape], x.dtype)
  module.forward = tf.function(bijector.forward, input_signature=[spec])
  y = bijector.forward(x)
  spec = tf.TensorSpec([None, *y.shape[1:]], x.dtype)
  module.inverse = tf.function(bijector.inverse, input_signature=[spec])
  # TensorFlow never frees the gradients of a loaded model.
  options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
  with tempfile.TemporaryDirectory() as folder:
    tf.saved_model.save(module, folder, options=options)
    loaded = tf.saved_model.load(folder)
  np.testing.assert_allclose(loaded.forward(x), y, atol=1e-12)
  np.testing.assert_allclose(
    loaded.inverse(y), x, atol=max(1e-10, case.tolerance)
  )


CHECKS = [
  check_round_trip,
  check_bijective_and_finite,
  check_log_det,
  check_batch_shapes,
  check_shapes,
  check_dtypes,
  check_graph,
  check_frees_memory,
  check_gradients,
  check_condition_gradient,
  check_conditions_of_a_batch,
  check_second_derivatives,
  check_per_example_gradients,
  check_vectorized_map,
  check_xla,
  check_equality,
  check_slicing,
  check_pull_back,
  check_value_and_log_det,
  check_variables,
  check_copy,
  check_pickle,
  check_function_argument,
  check_while_loop,
  check_validate_args,
  check_checkpoint,
  check_saved_model,
]

# The attribute of a case by which a check applies: what TensorFlow cannot do,
# see docs/limits.md, and conditions.
_APPLIES = {
  check_condition_gradient: 'is_conditional',
  check_conditions_of_a_batch: 'is_conditional',
  check_xla: 'compiles',
  check_vectorized_map: 'vectorizes',
  check_per_example_gradients: 'vectorizes',
}


def applies(check, case) -> bool:
  """Whether a check is one for a case."""
  return check not in _APPLIES or getattr(case, _APPLIES[check])
