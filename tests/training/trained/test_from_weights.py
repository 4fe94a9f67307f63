"""Flows from files of weights."""

import numpy as np
import pytest

from training.errors import UserError
from training.trained import open_flow
from training.trained.from_run import restore_run
from training.trained.weights_file import write_weights


def test_a_file_of_weights_is_used_like_its_run(used, tmp_path):
  run = used[0]
  restored = restore_run(run)
  path = tmp_path / 'flow.npz'
  write_weights(restored, path, restored.data, None)
  ours, theirs = open_flow(path), open_flow(run)
  images = theirs.test_images[:3]
  np.testing.assert_allclose(
    ours.bits_per_dim(images), theirs.bits_per_dim(images), rtol=1e-5
  )
  latents = ours.encode(images)
  np.testing.assert_allclose(latents, theirs.encode(images), atol=1e-4)
  assert (ours.name, ours.weights) == (theirs.name, theirs.weights)
  assert ours.dataset is None


def test_flows_of_the_package_are_opened_by_name():
  flow = open_flow('cinc_digits')
  assert flow.image_shape == (16, 16, 1)


def test_a_damaged_file_is_refused(tmp_path):
  path = tmp_path / 'flow.npz'
  path.write_bytes(b'no')
  with pytest.raises(UserError, match='is no file of a trained flow'):
    open_flow(path)
  with pytest.raises(UserError, match='does not exist'):
    open_flow(tmp_path / 'none.npz')
