"""Images with more or less of an attribute."""

import numpy as np
import pytest
import tensorflow as tf

from tests.tfp_cinc.latents import flows
from tfp_cinc import latents

DIRECTION = np.random.default_rng(0).normal(size=128).astype(np.float32)
STRENGTHS = [-0.5, 0.0, 0.25, 0.5]


def moved_by(flow, x, **options):
  """How far the latents go: [N, S, D]."""
  found = latents.manipulate(flow, x, DIRECTION, STRENGTHS, **options)
  assert found.shape == [len(x), len(STRENGTHS), *flows.SHAPE]
  np.testing.assert_allclose(found[:, 1], x, atol=1e-5)  # of strength 0
  flow = latents.until(flow, options.get('layer') or 'level_0')
  z = latents.encode(flow, tf.reshape(found, [-1, *flows.SHAPE]))
  return (
    tf.reshape(z, [len(x), len(STRENGTHS), -1])
    - latents.encode(flow, x)[:, tf.newaxis]
  )


@pytest.mark.parametrize('layer', [None, 'level_0_step_0', 'level_1_step_0'])
@pytest.mark.parametrize('level', [None, 1, [0, 1]])
def test_latents_move_by_the_strength_along_the_direction(layer, level):
  flow, x = flows.flow(), flows.values(2)
  direction = DIRECTION.copy()
  if level == 1:
    direction[latents.latent_levels(flow) == 0] = 0.0
  expected = np.multiply.outer(STRENGTHS, direction)
  found = moved_by(flow, x, layer=layer, level=level)
  np.testing.assert_allclose(found, [expected, expected], atol=1e-3)


def test_in_a_graph():
  flow, x = flows.flow(), flows.values(2)

  @tf.function(
    input_signature=[
      tf.TensorSpec([None, *flows.SHAPE]),
      tf.TensorSpec([None]),
    ],
    autograph=False,
  )
  def manipulate(x, strengths):
    return latents.manipulate(flow, x, DIRECTION, strengths, level=0)

  expected = latents.manipulate(flow, x, DIRECTION, STRENGTHS, level=0)
  np.testing.assert_allclose(manipulate(x, STRENGTHS), expected, atol=1e-5)


def test_bad_input():
  flow, x = flows.flow(), flows.values(2)
  with pytest.raises(ValueError, match='the levels of the flow are 0 to 1'):
    latents.manipulate(flow, x, DIRECTION, [1.0], level=2)
  with pytest.raises(ValueError, match=r'it must be \[128\], the shape of the'):
    latents.manipulate(flow, x, DIRECTION[1:], [1.0])
  with pytest.raises(ValueError, match='they must be a list of numbers'):
    latents.manipulate(flow, x, DIRECTION, 1.0)
  with pytest.raises(ValueError, match='there is no layer'):
    latents.manipulate(flow, x, DIRECTION, [1.0], layer='level_7')
