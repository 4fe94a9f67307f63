"""The stream of batches, and the images that come with scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits, load_sample_images

from tests.training.datasets_common import batches, data_config
from training import datasets
from training.errors import UserError


@pytest.fixture(scope='module')
def photos():
  return datasets.load(data_config(name='photos', image_size=32))


@pytest.fixture(scope='module')
def digits():
  return datasets.load(data_config())


@pytest.fixture(params=['photos', 'digits'])
def dataset(request):
  return request.getfixturevalue(request.param)


@pytest.mark.parametrize('size', [2, 3, 5, 8])
def test_workers_together_read_what_one_reads(dataset, size):
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
      # The last step goes on into the next epoch.
      left = max(0, digits.num_train - (50 * step + first))
      bins.append(np.floor((batch[:left] + 0.5) * 256).astype(np.uint8))
  read = sorted(image.tobytes() for image in np.concatenate(bins))
  test = [image.tobytes() for image in digits.test_images]
  pixels = np.round(load_digits().images * 255 / 16).astype(np.uint8)
  assert sorted([*read, *test]) == sorted(p.tobytes() for p in pixels)


def test_stream_goes_on_from_any_step(dataset):
  np.testing.assert_array_equal(
    batches(dataset, 5)[3:], batches(dataset, 2, first_position=3 * 8)
  )


def test_stream_goes_on_at_a_position_with_another_batch_size(dataset):
  images = np.concatenate(batches(dataset, 4, crop=1))
  following = batches(dataset, 3, crop=1, batch_size=5, first_position=16)
  np.testing.assert_array_equal(np.concatenate(following), images[16:31])


def test_seed_decides_the_stream(dataset):
  assert np.any(batches(dataset, 1)[0] != batches(dataset, 1, seed=4)[0])


def test_noise_is_uniform_and_of_no_other_image(digits):
  values = np.concatenate(batches(digits, 40, batch_size=50, flip=False))
  noise = (values + 0.5) * 256 % 1
  np.testing.assert_allclose(
    np.histogram(noise, 10, (0, 1))[0] / noise.size, 0.1, atol=2e-3
  )
  flat = noise.reshape([len(noise), -1]) - 0.5
  correlations = flat @ flat.T / (flat.shape[1] / 12)
  np.fill_diagonal(correlations, 0)
  # 64 numbers an image: standard deviation 1/8, of 4 million pairs.
  assert np.max(np.abs(correlations)) < 6 / 8


def test_an_epoch_is_every_image_once_and_the_next_in_another_order(digits):
  def epoch(number):
    start = tf.constant(number * digits.num_train, tf.int64)
    return digits.read_train(3, start, digits.num_train).numpy()

  first, second = epoch(0), epoch(1)
  assert np.mean(np.all(first == second, axis=(1, 2, 3))) < 0.02
  images = np.round(load_digits().images * 255 / 16).astype(np.uint8)
  tested = {image.tobytes() for image in digits.test_images}
  trained = sorted(image.tobytes() for image in first)
  assert trained == sorted(image.tobytes() for image in second)
  everything = sorted([*trained, *(i.tobytes() for i in digits.test_images)])
  assert everything == sorted(image.tobytes() for image in images)
  assert len(tested) == len(digits.test_images) == round(0.1 * len(images))


def test_labels_go_with_their_images(digits):
  content = load_digits()
  labels = {
    np.round(image * 255 / 16).astype(np.uint8).tobytes(): label
    for image, label in zip(content.images, content.target, strict=True)
  }
  # From the middle of the first epoch into the second.
  start = tf.constant(digits.num_train - 50, tf.int64)
  images = digits.read_train(3, start, 100).numpy()
  numbers = digits.train_numbers(3, start, 100)
  expected = [labels[image.tobytes()] for image in images]
  np.testing.assert_array_equal(digits.train_labels[numbers], expected)
  expected = [labels[image.tobytes()] for image in digits.test_images]
  np.testing.assert_array_equal(digits.test_labels, expected)


def test_photographs_have_no_labels(photos):
  assert photos.train_labels is None
  assert photos.test_labels is None
  assert photos.num_train is None


def test_photographs_train_left_and_test_right(photos):
  pictures = np.stack(load_sample_images().images)
  assert photos.image_shape == (32, 32, 3)
  # 13 rows and 4 columns of crops of each photograph's right 128 columns.
  assert len(photos.test_images) == 2 * 13 * 4
  np.testing.assert_array_equal(
    photos.test_images[0], pictures[0, :32, 512:544]
  )
  np.testing.assert_array_equal(
    photos.test_images[-1], pictures[1, 384:416, 608:640]
  )
  # All crops of the left 512 columns: [2, 396, 481, 3, 32, 32].
  left = np.lib.stride_tricks.sliding_window_view(
    pictures[:, :, :512], (32, 32), axis=(1, 2)
  )
  for crop in photos.read_train(0, tf.constant(0, tf.int64), 10).numpy():
    same_corner = np.argwhere(np.all(left[..., 0, 0] == crop[0, 0], axis=-1))
    assert any(
      np.array_equal(np.moveaxis(left[tuple(place)], 0, -1), crop)
      for place in same_corner
    )


def test_flip_mirrors_about_half_of_the_images(photos):
  plain = np.concatenate(batches(photos, 16, flip=False))
  flipped = np.concatenate(batches(photos, 16))
  # The noise is drawn after the flip: compare the pixels' bins.
  plain, flipped = (np.floor((x + 0.5) * 256) for x in (plain, flipped))
  mirrored = np.all(flipped == plain[:, :, ::-1], axis=(1, 2, 3))
  same = np.all(flipped == plain, axis=(1, 2, 3))
  assert np.all(mirrored | same)
  assert 40 < np.sum(mirrored & ~same) < 90


def test_crop_moves_images_and_repeats_their_border(digits):
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


def test_digits_are_padded():
  padded = datasets.load(data_config(image_size=11))
  assert padded.image_shape == (11, 11, 1)
  assert not np.any(padded.test_images[:, 0])
  assert not np.any(padded.test_images[:, :, -2:])


@pytest.mark.parametrize(
  ('values', 'message'),
  [
    ({'name': 'photoes'}, "did you mean 'photos'"),
    ({'name': 'tfds'}, 'config.data.tfds_name is empty'),
    ({'name': 'folder', 'dir': '/no/such'}, "'/no/such', which is no folder"),
    ({'name': 'arrays', 'dir': '/no/such'}, 'give a .npy or .npz file'),
    ({'num_bits': 9}, 'config.data.num_bits is 9'),
    ({'image_size': 4}, 'the digits have 8x8'),
    ({'name': 'photos', 'image_size': 200}, 'at most 128 pixels'),
    ({'test_fraction': 0.0}, 'at least one image must be for testing'),
    ({'crop': 8}, 'config.data.crop is 8; it must be from 0 to less than'),
    ({'cache_mb': -1}, 'config.data.cache_mb is -1'),
  ],
)
def test_bad_config(values, message):
  with pytest.raises(UserError, match=message):
    datasets.load(data_config(**values))


def test_a_batch_that_cannot_be_shared(digits):
  with pytest.raises(UserError, match='batch_size is 8, less than the 9'):
    batches(digits, 1, size=9)
