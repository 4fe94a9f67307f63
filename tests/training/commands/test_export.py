"""Tests of `tfp-cinc export`."""

import dataclasses
import json
import pathlib
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import latents, models
from training.run_folder import manifest
from training.run_folder.lock import lock_folder
from training.trained.from_run import restore_run


def test_saved_model_of_a_run(call, refused, used):
  code, out, _ = call(
    'export', used[0], '--output', 'new', '--license', 'all rights reserved'
  )
  assert (code, out) == (0, 'Wrote new\n')
  card = pathlib.Path('new/model_card.json').read_text()
  assert '"data_license": "all rights reserved"' in card
  assert '"test_bits_per_dim"' in card
  files = {file.name for file in pathlib.Path('new/assets.extra').iterdir()}
  assert {
    'config.json',
    'directions.npz',
    'metrics.json',
    'samples.png',
  } < files
  shutil.rmtree('new')
  refused('export', used[1], words=['is a SavedModel already'])
  refused('export', 'none', words=['holds no run'])
  pathlib.Path('file').write_text('')
  code, _, error = call('export', used[0], '--output', 'file')
  assert code == 2
  assert 'is not a SavedModel' in error


@pytest.mark.slow
def test_saved_model_of_the_best_checkpoint(call, used, tmp_path):
  run = shutil.copytree(used[0], tmp_path / 'run')
  checkpoint = run / 'checkpoints' / 'step_000000004'
  facts = manifest.read(checkpoint)
  (checkpoint / 'manifest.json').unlink()
  manifest.seal(checkpoint, step=4, metric=0.5, written=facts['written'])
  for which, step in (('newest', 6), ('best', 4)):
    code, _, _ = call('export', run, '--output', 'x', '--checkpoint', which)
    assert code == 0
    card = json.loads(pathlib.Path('x', 'model_card.json').read_text())
    assert card['step'] == step
    # Directions and pictures are those of the newest weights.
    assert bool(card['attributes']) == (which == 'newest')
    files = {file.name for file in pathlib.Path('x', 'assets.extra').iterdir()}
    assert ('samples.png' in files) == (which == 'newest')


@pytest.mark.slow
def test_run_in_training_is_exported_only_elsewhere(call, refused, used):
  with lock_folder(used[0], 'wait'):
    words = ['another process is training in', '--output']
    refused('export', used[0], words=words)
    code, _, _ = call('export', used[0], '--output', 'x')
    assert code == 0


@pytest.mark.slow
def test_directions_of_other_weights_are_not_exported(call, refused, used):
  other = latents.AttributeDirections(
    ['3'], np.zeros([1, 64]), 'correlation', weights='0' * 64
  )
  path = used[0].parent / 'other.npz'
  other.save(path)
  words = [f'{path} holds directions that were learned with other weights']
  refused('export', used[0], '--output', 'x', '--directions', path, words=words)
  dataclasses.replace(other, weights=None).save(path)  # made by hand
  code, _, _ = call('export', used[0], '--output', 'x', '--directions', path)
  assert code == 0
  card = json.loads(pathlib.Path('x', 'model_card.json').read_text())
  assert card['attributes'] == ['3']


@pytest.mark.slow
def test_full_disk_is_reported_in_one_sentence(refused, used):
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
  try:
    words = ['error: x cannot be written: File too large.']
    refused('export', used[0], '--output', 'x', words=words)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_weights_of_a_run_in_a_file(call, refused, used):
  words = 'export', used[0], '--output', 'flow.npz'
  refused(*words, '--precision', 'bfloat16', words=['file of weights'])
  code, out, _ = call(*words)
  assert (code, out) == (0, 'Wrote flow.npz\n')
  card = models.card('flow.npz')
  assert card['metrics']['step'] == card['step']
  run = restore_run(used[0])
  images = tf.zeros([2, *card['image_shape']])
  np.testing.assert_array_equal(
    models.load('flow.npz').log_prob(images), run.model.flow.log_prob(images)
  )
