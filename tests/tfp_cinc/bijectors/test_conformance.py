"""Every layer and flow of the zoo passes every check of the conformance set."""

import itertools

import pytest
import tensorflow as tf

from tests import broken, conformance, conftest, zoo

# For each check the bijector that it must reject.
REJECTED = {
  conformance.check_round_trip: broken.WrongInverse,
  conformance.check_bijective_and_finite: broken.OverflowsFarFromZero,
  conformance.check_log_det: broken.WrongLogDet,
  conformance.check_batch_shapes: broken.MixesTheBatch,
  conformance.check_shapes: broken.WrongShape,
  conformance.check_dtypes: broken.WrongDtype,
  conformance.check_graph: broken.EagerOnly,
  conformance.check_frees_memory: broken.KeepsTensors,
  conformance.check_gradients: broken.StoppedGradient,
  conformance.check_condition_gradient: broken.IgnoresTheGradientOfItsCondition,
  conformance.check_conditions_of_a_batch: broken.MixesConditions,
  conformance.check_second_derivatives: broken.OnlyFirstDerivatives,
  conformance.check_per_example_gradients: broken.MixesTheBatch,
  conformance.check_vectorized_map: broken.EagerOnly,
  conformance.check_xla: broken.EagerOnly,
  conformance.check_equality: broken.UnequalToItsCopy,
  conformance.check_slicing: broken.NewVariableInSlice,
  conformance.check_pull_back: broken.WrongInverse,
  conformance.check_value_and_log_det: broken.IgnoresEventNdims,
  conformance.check_variables: broken.HiddenVariable,
  conformance.check_validate_args: broken.TakesAnything,
  conformance.check_copy: broken.NewVariableInCopy,
  conformance.check_pickle: broken.IsItsOwnCopy,
  conformance.check_function_argument: broken.HiddenVariable,
  conformance.check_while_loop: broken.HiddenVariable,
  conformance.check_checkpoint: broken.HiddenVariable,
  conformance.check_saved_model: broken.EagerOnly,
}


# One of each kind; `make test-fast` leaves the others out.
FAST = {
  'ActNorm',
  'CInCConv2D',
  'QuadCoupling',
  'SplitPrior',
  'Squeeze',
  'Chain-reversible',
  'MaskedAutoregressive',
  'AffineCoupling-given',
  'glow',
}

_checked = itertools.count(1)


@pytest.mark.parametrize(
  ('case', 'check'),
  [
    pytest.param(
      case,
      check,
      id=f'{case.name}-{check.__name__[6:]}',
      marks=() if case.name in FAST else pytest.mark.slow,
    )
    for check in conformance.CHECKS
    for case in zoo.ZOO
    if conformance.applies(check, case)
  ],
)
def test_conforms(case, check):
  check(case)
  # Garbage collection slows down as the graphs of earlier checks accumulate.
  if next(_checked) % 50 == 0:
    conftest.free_memory()


@pytest.mark.parametrize('name', ['PeriodicConv2D', 'ResidualFlow'])
def test_the_limits_of_xla_are_still_there(name):
  [case] = [case for case in zoo.ZOO if case.name == name]
  assert not case.compiles
  with pytest.raises(tf.errors.InvalidArgumentError, match=r'XLA|compile'):
    conformance.check_xla(case)


@pytest.mark.parametrize(
  'check', conformance.CHECKS, ids=lambda check: check.__name__[6:]
)
def test_check_can_fail(check):
  is_conditional = issubclass(REJECTED[check], broken.Conditional)
  check(broken.case(broken.Conditional if is_conditional else broken.Scaled))
  failures = (AssertionError, ValueError, TypeError, pytest.fail.Exception)
  with pytest.raises(failures):
    check(broken.case(REJECTED[check]))
