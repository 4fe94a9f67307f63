"""Whether images are like those of the training."""

import numpy as np
import pytest

from tfp_cinc import latents

RNG = np.random.default_rng(0)
HELD_OUT = RNG.normal(3.0, 0.2, 2000)
TEST = latents.TypicalityTest(entropy=3.0, held_out=HELD_OUT, resamples=4000)


def test_scores():
  np.testing.assert_allclose(
    latents.typicality_score([[2.0, 3.0, 4.5], [3.5, 2.5, 2.5]], 3.0),
    [0.5 / 3, 0.5 / 3],
  )


def test_thresholds_are_those_of_the_distribution():
  """|N(0, 0.2^2 / M)| has its 0.95 quantile at 1.96 * 0.2 / sqrt(M)."""
  for number in (1, 16):
    np.testing.assert_allclose(
      TEST.threshold(number, 0.95), 1.96 * 0.2 / np.sqrt(number), rtol=0.1
    )


def test_it_rejects_both_sides_and_as_many_as_it_should():
  assert TEST.rejects([[2.0], [3.1], [4.0], [np.nan]]).tolist() == [
    True,
    False,
    True,
    True,
  ]
  fresh = RNG.normal(3.0, 0.2, [4000, 5])
  assert 0.03 < np.mean(TEST.rejects(fresh, confidence=0.95)) < 0.07
  # Off by as much as is common for one image, but all twenty of them.
  assert not TEST.rejects([3.2])
  assert TEST.rejects([3.2] * 20)


def test_p_values():
  p = TEST.p_values(np.array([[3.0], [3.2], [5.0]]))
  np.testing.assert_allclose(p[0], 1.0, atol=0.01)
  np.testing.assert_allclose(p[1], 0.317, atol=0.03)
  assert p[2] == 1 / 4001
  fresh = RNG.normal(3.0, 0.2, [4000, 3])
  p = TEST.p_values(fresh)
  np.testing.assert_allclose(
    np.quantile(p, [0.25, 0.75]), [0.25, 0.75], atol=0.05
  )


def test_bad_input():
  with pytest.raises(ValueError, match='at least 2 images, all finite'):
    latents.TypicalityTest(3.0, [1.0, np.inf])
  with pytest.raises(ValueError, match='`entropy` is nan'):
    latents.TypicalityTest(float('nan'), HELD_OUT)
  with pytest.raises(ValueError, match='it must be between 0 and 1'):
    TEST.threshold(1, 1.0)
  with pytest.raises(ValueError, match='`number` is 0'):
    TEST.threshold(0)
