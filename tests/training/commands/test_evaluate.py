"""Tests of `tfp-cinc evaluate`."""

import pathlib

import numpy as np
import pytest

from tests.training.png import read_png
from training.trained import open_flow


def test_bits_per_dim_of_the_test_images(call, path):
  code, out, _ = call('evaluate', path, '--noise-draws', 2)
  assert code == 0
  first, heading, *levels = out.splitlines()
  bits = open_flow(path).bits_per_dim(open_flow(path).test_images, 2)
  error = np.std(bits) / np.sqrt(180)
  assert first == (
    f'Test bits/dim {np.mean(bits):.4f} +- {error:.4f} (standard error over '
    '180 images of digits, 2 noise draws each)'
  )
  assert heading == 'By level; the levels add up to that:'
  assert len(levels) == 2
  parts = [float(line.split()[2]) for line in levels]
  np.testing.assert_allclose(sum(parts), np.mean(bits), atol=2e-4)


@pytest.mark.slow
def test_bits_per_dim_of_other_images(call, refused, used, digits, tmp_path):
  code, out, _ = call(
    'evaluate', used[0], '--split', 'train', '--limit', 40, '--noise-draws', 1
  )
  assert code == 0
  assert 'Train bits/dim' in out
  assert 'over 40 images' in out
  images = np.stack([read_png(file) for file in sorted(digits.iterdir())])
  parts = {'train': images[:2], 'test': images[2:], 'validation': images[1:]}
  np.savez(tmp_path / 'own.npz', **parts)
  for split, number in [('validation', 2), ('test', 1), ('all', 5)]:
    code, out, _ = call(
      'evaluate', used[1], '--data', tmp_path / 'own.npz', '--split', split
    )
    assert code == 0
    assert f'over {number} images of own' in out
  words = ["no split 'tests'", "'train'"]
  refused('evaluate', used[1], '--split', 'tests', words=words)
  code, out, _ = call('evaluate', used[1], '--data', tmp_path / 'own.npz')
  assert 'All bits/dim' in out
  assert 'over 5 images' in out
  code, out, _ = call('evaluate', used[1], '--data', digits)
  assert code == 0
  assert 'over 3 images of digits' in out
  np.save('color.npy', np.zeros([4, 8, 8, 3], np.uint8))
  code, _, error = call('evaluate', used[1], '--data', 'color.npy')
  assert (code, error.count('\n')) == (2, 1)
  assert '[8, 8, 3], but this flow takes [8, 8, 1]' in error
  pathlib.Path('color.npy').unlink()
  refused('evaluate', used[1], '--data', 'none', words=['does not exist'])
  refused('evaluate', used[1], '--limit', 0, words=["'--limit': 0 is not in"])
