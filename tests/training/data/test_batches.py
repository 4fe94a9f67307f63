"""Tests of the stream of training batches."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests.training.data.helpers import batches, data_config
from training.data.load import load_dataset
from training.errors import UserError


@pytest.fixture(scope='module')
def photos():
  return load_dataset(data_config(name='photos', image_size=32))


@pytest.fixture(scope='module')
def digits():
  return load_dataset(data_config())


@pytest.fixture(params=['photos', 'digits'])
def dataset(request):
  return request.getfixturevalue(request.param)


@pytest.mark.parametrize('size', [2, 3, 5, 8])
def test_workers_together_read_what_one_worker_reads(dataset, size):
  one = batches(dataset, 3, crop=2)
  parts = [batches(dataset, 3, crop=2, rank=r, size=size) for r in range(size)]
  for step in range(3):
    shares = [len(part[step]) for part in parts]
    assert max(shares) - min(shares) <= 1
    together = np.concatenate([part[step] for part in parts])
    np.testing.assert_array_equal(together, one[step])


@pytest.mark.parametrize('size', [1, 2, 3])
def test_workers_share_an_epoch_without_overlap(digits, size):
  steps = -(-digits.num_train // 50)
  bins = []
  for rank in range(size):
    stream = batches(
      digits, steps, batch_size=50, flip=False, rank=rank, size=size
    )
    first, end = 50 * rank // size, 50 * (rank + 1) // size
    for step, batch in enumerate(stream):
      assert len(batch) == end - first
      # The last step ends in the next epoch.
      left = max(0, digits.num_train - (50 * step + first))
      bins.append(np.floor((batch[:left] + 0.5) * 256).astype(np.uint8))
  read = sorted(image.tobytes() for image in np.concatenate(bins))
  test = [image.tobytes() for image in digits.test_images]
  pixels = np.round(load_digits().images * 255 / 16).astype(np.uint8)
  assert sorted([*read, *test]) == sorted(p.tobytes() for p in pixels)


def test_stream_resumes_at_any_step(dataset):
  np.testing.assert_array_equal(
    batches(dataset, 5)[3:], batches(dataset, 2, first_position=3 * 8)
  )


def test_stream_resumes_at_a_position_with_another_batch_size(dataset):
  images = np.concatenate(batches(dataset, 4, crop=1))
  following = batches(dataset, 3, crop=1, batch_size=5, first_position=16)
  np.testing.assert_array_equal(np.concatenate(following), images[16:31])


def test_seed_determines_the_stream(dataset):
  assert np.any(batches(dataset, 1)[0] != batches(dataset, 1, seed=4)[0])


def test_noise_is_uniform_and_independent_between_images(digits):
  values = np.concatenate(batches(digits, 40, batch_size=50, flip=False))
  noise = (values + 0.5) * 256 % 1
  np.testing.assert_allclose(
    np.histogram(noise, 10, (0, 1))[0] / noise.size, 0.1, atol=2e-3
  )
  flat = noise.reshape([len(noise), -1]) - 0.5
  correlations = flat @ flat.T / (flat.shape[1] / 12)
  np.fill_diagonal(correlations, 0)
  # With 64 numbers per image the standard deviation is 1/8; 4 million pairs.
  assert np.max(np.abs(correlations)) < 6 / 8


def test_gaussian_noise_is_added_to_the_middle_of_the_bins(digits):
  options = {'batch_size': 50, 'flip': False, 'num_bits': 4}
  uniform = np.concatenate(batches(digits, 40, **options))
  values = np.concatenate(batches(digits, 40, noise_scale=0.02, **options))
  middles = (np.floor((uniform + 0.5) * 16) + 0.5) / 16 - 0.5
  noise = (values - middles) / 0.02
  for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
    np.testing.assert_allclose(np.mean(noise**power), moment, atol=0.1)
  flat = noise.reshape([len(noise), -1])
  correlations = flat @ flat.T / flat.shape[1]
  np.fill_diagonal(correlations, 0)
  assert np.max(np.abs(correlations)) < 7 / 8
  rest = batches(digits, 2, noise_scale=0.02, first_position=38 * 50, **options)
  np.testing.assert_array_equal(np.concatenate(rest), values[38 * 50 :])


def test_flip_mirrors_about_half_of_the_images(photos):
  plain = np.concatenate(batches(photos, 16, flip=False))
  flipped = np.concatenate(batches(photos, 16))
  # The noise is drawn after the flip, so only the pixels can be compared.
  plain, flipped = (np.floor((x + 0.5) * 256) for x in (plain, flipped))
  mirrored = np.all(flipped == plain[:, :, ::-1], axis=(1, 2, 3))
  same = np.all(flipped == plain, axis=(1, 2, 3))
  assert np.all(mirrored | same)
  assert 40 < np.sum(mirrored & ~same) < 90


def test_crop_shifts_images_and_repeats_their_border(digits):
  read = {'flip': False, 'batch_size': 60}
  plain, moved = (
    np.floor((batches(digits, 1, crop=crop, **read)[0] + 0.5) * 256)
    for crop in (0, 1)
  )
  padded = np.pad(plain, [(0, 0), (1, 1), (1, 1), (0, 0)], mode='edge')
  places = {(top, left): 0 for top in range(3) for left in range(3)}
  for wide, image in zip(padded, moved, strict=True):
    found = [
      (top, left)
      for top, left in places
      if np.array_equal(wide[top : top + 8, left : left + 8], image)
    ]
    assert found
    places[found[0]] += 1
  assert all(places.values())


def test_batch_smaller_than_the_number_of_workers(digits):
  with pytest.raises(UserError, match='at least the number of workers, 9'):
    batches(digits, 1, size=9)
