"""One flow, from its run and from its SavedModel."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training import tiny
from training import evaluate, steps, workdir
from training.errors import UserError
from training.run import load_run
from training.trained_flow import open_flow


@pytest.fixture(scope='module')
def flows(used):
  return [open_flow(path) for path in used]


@pytest.fixture(scope='module')
def images(flows):
  return flows[0].test_images[:70]


@pytest.fixture
def model(used, tmp_path):
  """A copy of the SavedModel."""
  return shutil.copytree(used[1], tmp_path / 'model')


def refusal(path):
  with pytest.raises(UserError) as caught:
    open_flow(path)
  assert '\n' not in str(caught.value)
  assert str(path) in str(caught.value)
  return str(caught.value)


def test_both_say_the_same_of_themselves(flows):
  run, model = flows
  for flow in flows:
    assert flow.name == 'digits'
    assert flow.image_shape == (8, 8, 1)
    assert flow.num_bits == 8
    assert flow.batch_size == 32
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
  assert np.mean(samples[0] == samples[1]) > 0.99  # others round otherwise
  bits = [flow.bits_per_dim_by_level(images, 2, seed=1) for flow in flows]
  assert bits[0].shape == (70, 2)
  np.testing.assert_allclose(*bits, atol=1e-4)
  np.testing.assert_allclose(
    bits[0].sum(1), run.bits_per_dim(images, 2, seed=1), atol=1e-9
  )


def test_bits_per_dim_are_those_of_training(used, flows, images):
  """By the averaged weights, with the same noise, in parts too."""
  run = load_run(used[0])

  def expected():
    return evaluate.bits_per_dim(
      steps.make_log_prob(run.flow), images, num_bits=8, draws=2, batch_size=32
    )

  raw = expected()
  with run.average.applied():
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


def test_the_same_noise_for_all(flows, images):
  alone = [
    flows[0].bits_per_dim(image[np.newaxis], 2, same_noise=True)[0]
    for image in images[40:42]
  ]
  together = flows[0].bits_per_dim(images, 2, same_noise=True)[40:42]
  np.testing.assert_allclose(alone, together, atol=1e-5)


def test_samples_go_on_where_they_ended(flows):
  whole = flows[0].sample(64, 1.0, seed=5)
  second = flows[0].sample(32, 1.0, seed=5, first=32)
  np.testing.assert_array_equal(whole[32:], second)
  assert not np.array_equal(whole[:32], second)
  assert flows[0].sample(0).shape == (0, 8, 8, 1)
  mode = flows[0].sample(2, 0.0)
  np.testing.assert_array_equal(mode[0], mode[1])


@pytest.mark.parametrize('method', ['linear', 'spherical'])
def test_interpolate_goes_from_one_to_the_other(flows, images, method):
  for flow in flows:
    way = flow.interpolate(images[:3], images[3:6], 4, method)
    assert way.shape == (3, 4, 8, 8, 1)
    np.testing.assert_array_equal(way[:, 0], images[:3])
    np.testing.assert_array_equal(way[:, -1], images[3:6])
    assert not np.array_equal(way[:, 1], images[:3])


def test_manipulate(flows, images):
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


def test_arrays_that_do_not_fit(flows, images):
  with pytest.raises(UserError, match=r"uint8 \['N', 8, 8, 1\]"):
    flows[0].encode(images[:, :4])
  with pytest.raises(UserError, match='float32'):
    flows[0].bits_per_dim(images.astype(np.float32))
  with pytest.raises(UserError, match=r"\['N', 64\]"):
    flows[0].decode(np.zeros([2, 63], np.float32))


def test_a_model_in_float64_is_refused(tmp_path):
  flow = tfp_cinc.models.glow(
    [4, 4, 1], levels=1, depth=1, hidden_channels=2, dtype=tf.float64
  )
  images = np.arange(32, dtype=np.uint8).reshape([2, 4, 4, 1])
  tfp_cinc.initialize_from_data(
    flow, tf.cast(tfp_cinc.dequantize(images, seed=0), tf.float64)
  )
  tfp_cinc.export_saved_model(flow, tmp_path / 'model', [4, 4, 1])
  assert 'is of a flow in float64' in refusal(tmp_path / 'model')


def test_values_that_are_not_finite_are_counted(used):
  flow = open_flow(used[1])
  flow.decode(np.full([3, 64], np.nan, np.float32))
  assert flow.not_finite == 3


def test_newer_weights_have_other_directions(used, tmp_path, capsys):
  run = shutil.copytree(used[0], tmp_path / 'run')
  (run / 'directions.npz').touch()
  assert open_flow(run).directions is not None
  import os

  os.utime(run / 'directions.npz', (0, 0))
  assert open_flow(run).directions is None
  assert 'directions.npz is not used' in capsys.readouterr().err


def test_a_folder_of_nothing(tmp_path):
  assert 'holds no run and no SavedModel' in refusal(tmp_path)
  assert 'holds no run and no SavedModel' in refusal(tmp_path / 'none')


def test_a_run_without_checkpoint(tmp_path):
  workdir.write_config(tiny.get_config(), tmp_path)
  assert 'holds no checkpoint yet' in refusal(tmp_path)


def test_a_run_in_training_can_be_used(used, images):
  with workdir.lock(used[0]):
    assert open_flow(used[0]).encode(images[:1]).shape == (1, 64)


def test_a_saved_model_of_another_project(tmp_path):
  module = tf.Module()
  module.f = tf.function(lambda x: x, input_signature=[tf.TensorSpec([])])
  tf.saved_model.save(module, str(tmp_path / 'other'))
  assert 'of another project or of an older version' in refusal(
    tmp_path / 'other'
  )


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'format': 'other'}, 'of another project'),
    ({'format_version': 2}, 'of version 2 of the format'),
    ({'image_shape': 'large'}, 'of another project'),
  ],
)
def test_a_card_of_another_kind(model, change, message):
  path = model / 'model_card.json'
  path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
  assert message in refusal(model)


def test_a_damaged_saved_model(model):
  (model / 'assets.extra' / 'latents.npz').write_bytes(b'PK')
  assert 'latents.npz' in refusal(model)
  (model / 'saved_model.pb').write_bytes(b'none')
  assert 'cannot be loaded' in refusal(model)
  (model / 'model_card.json').unlink()
  assert 'of an older version' in refusal(model)


def test_damaged_directions(model):
  path = model / 'assets.extra' / 'directions.npz'
  path.write_bytes(path.read_bytes()[:100])
  assert 'directions.npz' in refusal(model)


def test_a_saved_model_without_configuration_has_no_data(model):
  (model / 'assets.extra' / 'config.json').unlink()
  flow = open_flow(model)
  assert flow.dataset is None
  assert flow.test_images is None
  assert flow.test_labels is None
