"""Tests of a trained flow, opened from its run and from its SavedModel."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from training.errors import UserError
from training.loop import evaluation
from training.loop.evaluation import make_log_prob
from training.loop.run import Run
from training.loop.workers import Workers
from training.run_folder.config_file import read_config
from training.run_folder.lock import lock_folder
from training.trained import open_flow


@pytest.fixture(scope='module')
def flows(used):
  return [open_flow(path) for path in used]


@pytest.fixture(scope='module')
def images(flows):
  return flows[0].test_images[:70]


def test_both_have_the_same_attributes(flows):
  run, model = flows
  for flow in flows:
    assert flow.name == 'digits'
    assert flow.image_shape == (8, 8, 1)
    assert flow.num_bits == 8
    assert flow.batch_size == 32
    assert flow.label_names == tuple('0123456789')
    assert flow.directions.names == list('0123456789')
    assert len(flow.test_images) == len(flow.test_labels) == 180
  np.testing.assert_array_equal(run.latent_levels, model.latent_levels)
  assert np.bincount(run.latent_levels).tolist() == [32, 32]
  assert (run.folder, str(model.folder)) == (run.path, '.')


def test_both_compute_the_same(flows, images):
  run, model = flows
  latents = run.encode(images)
  assert (latents.shape, latents.dtype) == ((70, 64), np.float32)
  np.testing.assert_allclose(latents, model.encode(images), atol=1e-4)
  for flow in flows:
    np.testing.assert_array_equal(flow.decode(latents), images)
    assert flow.not_finite == 0
  samples = [flow.sample(70, 0.7, seed=3) for flow in flows]
  assert samples[0].shape == (70, 8, 8, 1)
  assert np.mean(samples[0] == samples[1]) > 0.99  # rounding differs
  bits = [flow.bits_per_dim_by_level(images, 2, seed=1) for flow in flows]
  assert bits[0].shape == (70, 2)
  np.testing.assert_allclose(*bits, atol=1e-4)
  np.testing.assert_allclose(
    bits[0].sum(1), run.bits_per_dim(images, 2, seed=1), atol=1e-9
  )


def test_bits_per_dim_are_those_of_training(used, flows, images):
  """They use the averaged weights and the same noise, in parts as well."""
  run = Run(read_config(used[0]), used[0], Workers())
  run.checkpoints.restore()

  def expected():
    return evaluation.bits_per_dim(
      make_log_prob(run.model.flow), images, num_bits=8, draws=2, batch_size=32
    )

  raw = expected()
  with run.model.average.applied():
    averaged = expected()
  np.testing.assert_allclose(
    flows[0].bits_per_dim(images, 2), averaged, atol=1e-5
  )
  assert np.max(np.abs(raw - averaged)) > 1e-3
  parts = [
    flows[0].bits_per_dim_by_level(images[start : start + 64], 2, first=start)
    for start in (0, 64)
  ]
  np.testing.assert_allclose(np.concatenate(parts).sum(1), averaged, atol=1e-5)


def test_same_noise_for_all_images(flows, images):
  single = [
    flows[0].bits_per_dim(image[np.newaxis], 2, same_noise=True)[0]
    for image in images[40:42]
  ]
  together = flows[0].bits_per_dim(images, 2, same_noise=True)[40:42]
  np.testing.assert_allclose(single, together, atol=1e-5)


def test_samples_continue_at_a_position(flows):
  whole = flows[0].sample(64, 1.0, seed=5)
  second = flows[0].sample(32, 1.0, seed=5, first=32)
  np.testing.assert_array_equal(whole[32:], second)
  assert not np.array_equal(whole[:32], second)
  assert flows[0].sample(0).shape == (0, 8, 8, 1)
  mode = flows[0].sample(2, 0.0)
  np.testing.assert_array_equal(mode[0], mode[1])


@pytest.mark.parametrize('method', ['linear', 'spherical'])
def test_interpolation_starts_and_ends_at_the_images(flows, images, method):
  for flow in flows:
    path = flow.interpolate(images[:3], images[3:6], 4, method)
    assert path.shape == (3, 4, 8, 8, 1)
    np.testing.assert_array_equal(path[:, 0], images[:3])
    np.testing.assert_array_equal(path[:, -1], images[3:6])
    assert not np.array_equal(path[:, 1], images[:3])


def test_manipulation_moves_latents_along_a_direction(flows, images):
  for flow in flows:
    moved = flow.manipulate(images[:2], '3', [-1.0, 0.0, 1.0])
    assert moved.shape == (2, 3, 8, 8, 1)
    np.testing.assert_array_equal(moved[:, 1], images[:2])
    latents = flow.encode(images[:2]) + flow.directions.direction('3')
    np.testing.assert_array_equal(moved[:, 2], flow.decode(latents))
    fine = flow.manipulate(images[:2], '3', [1.0], level=0)[:, 0]
    coarse = flow.manipulate(images[:2], '3', [1.0], level=1)[:, 0]
    assert not np.array_equal(fine, coarse)
    with pytest.raises(UserError, match='there is no attribute'):
      flow.manipulate(images[:1], 'three', [1.0])
    with pytest.raises(UserError, match='level 2 is not one of 0 to 1'):
      flow.manipulate(images[:1], '3', [1.0], level=2)


def test_arrays_that_do_not_fit_are_refused(flows, images):
  with pytest.raises(UserError, match=r"uint8 \['N', 8, 8, 1\]"):
    flows[0].encode(images[:, :4])
  with pytest.raises(UserError, match='float32'):
    flows[0].bits_per_dim(images.astype(np.float32))
  with pytest.raises(UserError, match=r"\['N', 64\]"):
    flows[0].decode(np.zeros([2, 63], np.float32))


def test_values_that_are_not_finite_are_counted(used):
  flow = open_flow(used[1])
  flow.decode(np.full([3, 64], np.nan, np.float32))
  flow.sample(2)
  assert (flow.not_finite, flow.num_made) == (3, 5)


def test_directions_of_other_weights_are_not_used(used, tmp_path, capsys):
  run = shutil.copytree(used[0], tmp_path / 'run')
  path = run / 'directions.npz'
  for time in (0, 2e9):  # file times do not matter
    os.utime(path, (time, time))
    assert open_flow(run).directions is not None
  found = open_flow(run).directions
  # An export while other weights were the newest.
  shutil.rmtree(run / 'checkpoints' / 'step_000000006')
  assert open_flow(run).directions is None
  assert 'learned with other weights' in capsys.readouterr().err
  shutil.copytree(used[0] / 'checkpoints', run / 'checkpoints', dirs_exist_ok=1)
  dataclasses.replace(found, weights=None).save(path)
  assert open_flow(run).directions is None
  error = capsys.readouterr().err
  assert f'{path} does not say to which weights it belongs' in error
  path.write_bytes(b'PK')
  assert open_flow(run).directions is None
  assert f'{path} is not a complete file' in capsys.readouterr().err


def test_run_in_training_can_be_used(used, images):
  with lock_folder(used[0], 'wait'):
    assert open_flow(used[0]).encode(images[:1]).shape == (1, 64)
