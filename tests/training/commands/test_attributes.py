"""Tests of `tfp-cinc attributes`."""

import pathlib

import numpy as np
import pytest

from tests.training import tiny
from tests.training.png import read_png, write_png
from training.data.load import load_dataset
from training.run_folder.lock import lock_folder
from training.trained import open_flow

pytestmark = pytest.mark.slow


def test_directions_are_the_differences_of_class_means(call, path):
  code, out, _ = call(
    'attributes',
    path,
    *('--method', 'class_means', '--split', 'all', '--output', 'd.npz'),
  )
  assert code == 0
  assert '10 directions (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) from 1797 all' in out
  flow = open_flow(path)
  latents = flow.encode(flow.test_images)
  labels = flow.test_labels
  train = flow.dataset
  images = train.read_train(0, np.int64(0), train.num_train).numpy()
  numbers = train.train_numbers(0, 0, train.num_train).numpy()
  latents = np.concatenate([latents, flow.encode(images)])
  is_3 = np.concatenate([labels, train.train_labels[numbers]]) == 3
  expected = latents[is_3].mean(0) - latents[~is_3].mean(0)
  code, _, _ = call(
    'manipulate',
    path,
    'test:0',
    *('--attribute', '3', '--directions', 'd.npz', '--strengths', '1'),
    *('--files', '--output', 'x'),
  )
  assert code == 0
  moved = flow.decode(flow.encode(flow.test_images[:1]) + expected)
  difference = read_png('x/test_0_3_+1.png') - moved[0, ..., 0].astype(int)
  assert np.max(np.abs(difference)) <= 1


def test_numbers_as_labels_have_no_other_names(call, refused, used, tmp_path):
  images = load_dataset(tiny.get_config().data).test_images[:20]
  labels = np.arange(20) % 2
  np.savez(tmp_path / 'own.npz', images=images, labels=labels)
  code, out, _ = call(
    'attributes',
    used[1],
    *('--data', tmp_path / 'own.npz', '--split', 'all'),
  )
  assert code == 0
  assert '2 directions (0, 1) from 20 all images of own' in out
  pathlib.Path('directions.npz').unlink()
  np.savez(tmp_path / 'bare.npz', images=images)
  arguments = ('attributes', used[1], '--data', tmp_path / 'bare.npz')
  refused(*arguments, words=['have no labels'])
  words = ['are the same for all 3 images']
  refused('attributes', used[1], '--limit', 3, words=words)


def test_classes_of_a_folder_are_its_sub_folders(call, used, tmp_path):
  content = load_dataset(tiny.get_config().data)
  for number in range(40):
    label = content.test_labels[number] % 2
    path = tmp_path / 'own' / ('even', 'odd')[label] / f'{number}.png'
    write_png(path, content.test_images[number])
  code, out, _ = call('attributes', used[1], '--data', tmp_path / 'own')
  assert code == 0
  assert '2 directions (even, odd) from 40 all images of own' in out


def test_run_in_training_is_left_alone(refused, used):
  with lock_folder(used[0], 'wait'):
    words = ['another process is training in', '--output']
    refused('attributes', used[0], words=words)


def test_wrong_name_of_the_file_is_refused(refused, used):
  arguments = ('attributes', used[1], '--output', 'a.png')
  refused(*arguments, words=['must be the name of an .npz file'])
