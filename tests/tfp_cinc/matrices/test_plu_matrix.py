"""Matrices in factored form."""

import numpy as np
import pytest

from tfp_cinc.matrices import PLUMatrix


def test_missing_factors_are_the_identity():
  unit = PLUMatrix(lower=np.array([2.0, 3.0, 4.0]))
  dense = unit.dense().numpy()
  np.testing.assert_array_equal(np.diag(dense), np.ones(3))
  np.testing.assert_array_equal(np.triu(dense, 1), np.zeros([3, 3]))
  assert sorted(dense[np.tril_indices(3, -1)]) == [2.0, 3.0, 4.0]
  assert float(unit.log_abs_det()) == 0.0
  signed = PLUMatrix(lower=np.zeros([1]), sign=[1, -1])
  np.testing.assert_array_equal(signed.dense(), np.diag([1.0, -1.0]))
  np.testing.assert_array_equal(signed.inverse(), np.diag([1.0, -1.0]))


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'lower': np.zeros(2)}, '`lower` has 2 entries'),
    ({'lower': np.zeros(3), 'log_scale': np.zeros(2)}, 'must be \\[3\\]'),
    ({'lower': np.zeros(3), 'sign': np.ones(4)}, '`sign` has shape'),
  ],
)
def test_sizes_must_agree(arguments, message):
  with pytest.raises(ValueError, match=message):
    PLUMatrix(**arguments)
