"""Tests of the flow that a configuration builds."""

import numpy as np
import pytest

from tests.training import tiny
from training.errors import UserError
from training.loop.model import build_flow, build_model

SHAPE = [4, 4, 1]


def test_same_seed_builds_the_same_weights():
  config = tiny.get_config()
  first, second = (build_model(config, SHAPE) for _ in range(2))
  config.seed = 1
  other = build_model(config, SHAPE)
  values = [
    [variable.numpy() for variable in model.density.trainable_variables]
    for model in (first, second, other)
  ]
  for a, b in zip(values[0], values[1], strict=True):
    np.testing.assert_array_equal(a, b)
  assert any(np.any(a != c) for a, c in zip(values[0], values[2], strict=True))


def test_uniform_noise_needs_no_other_density_than_the_flow():
  model = build_model(tiny.get_config(), SHAPE)
  assert model.density is model.flow
  assert model.noise is None
  assert model.objects.keys() == {'flow', 'average'}


def test_variational_noise_is_part_of_the_model():
  config = tiny.get_config()
  config.train.dequantization = 'variational'
  model = build_model(config, SHAPE)
  assert model.density.flow is model.flow
  assert model.noise is model.density.noise
  assert model.objects.keys() == {'flow', 'noise', 'average'}


@pytest.mark.parametrize(
  ('overrides', 'message'),
  [
    ({'name': 'glo'}, r'config.flow.name is .* \(did you mean glow\?\)'),
    ({'name': 'nice'}, "which the flow 'nice' does not"),
    ({'levels': 3}, r'config.flow: `image_shape` \[4, 4, 1\]'),
    # A key of an older version of this code.
    ({'corner': 'plu'}, r"config.flow has \['corner'\], which the flow 'cinc'"),
    ({'network_dtype': 'bf16'}, "config.flow: `network_dtype` is 'bf16'"),
  ],
)
def test_bad_arguments_of_a_flow_are_refused(overrides, message):
  config = tiny.get_config()
  config.flow.update(overrides)
  with pytest.raises(UserError, match=message):
    build_flow(config, SHAPE)
