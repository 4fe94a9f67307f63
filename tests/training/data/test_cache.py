"""Tests of the cache of decoded images, and of images that are broken."""

import concurrent.futures
import multiprocessing
import resource

import numpy as np
import pytest
import tensorflow as tf

from tests.training.data.helpers import (
  batches,
  epoch,
  load_folder,
  random_image,
  same_images,
  save_image,
)
from training.data.batches import next_batch, training_batches
from training.data.pixels import decode
from training.errors import UserError


@pytest.mark.parametrize('size', [2, 3])
@pytest.mark.parametrize('cache', ['memory', 'file', 'none'])
def test_workers_share_a_folder_in_any_cache(ten, tmp_path, size, cache):
  folder, _ = ten
  values = {
    'memory': {},
    'file': {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')},
    'none': {'cache_mb': 0},
  }[cache]
  one = batches(load_folder(folder), 4, batch_size=5)
  parts = [
    batches(
      load_folder(folder, **values), 4, batch_size=5, rank=rank, size=size
    )
    for rank in range(size)
  ]
  for step in range(4):
    together = np.concatenate([part[step] for part in parts])
    np.testing.assert_array_equal(together, one[step])
  resumed = batches(
    load_folder(folder, **values), 1, batch_size=5, first_position=3 * 5
  )
  np.testing.assert_array_equal(resumed[0], one[3])
  written = list((tmp_path / 'cache').glob('*.npy'))
  assert len(written) == (cache == 'file')


def test_only_the_images_of_the_positions_are_decoded(ten, capfd):
  folder, _ = ten
  start = tf.constant(0, tf.int64)
  expected = load_folder(folder).read_train(3, start, 3).numpy()
  wanted = {image.tobytes() for image in expected}
  # The first image is read at the start, to check that there are images.
  dataset = load_folder(folder)
  dataset.open_train()
  for path in folder.iterdir():
    if decode(path).tobytes() not in wanted:
      path.write_bytes(b'')
  np.testing.assert_array_equal(dataset.read_train(3, start, 3), expected)
  assert 'broken' not in capfd.readouterr().err


def test_folder_of_broken_images_is_refused(ten, capfd):
  folder, _ = ten
  for path in folder.iterdir():
    path.write_bytes(path.read_bytes()[:50])
  dataset = load_folder(folder)
  for _ in range(2):
    with pytest.raises(UserError, match='9 images in a row cannot be decoded'):
      batches(dataset, 1)
  assert 'broken one' in capfd.readouterr().err


def test_images_that_break_while_they_are_used(ten):
  folder, _ = ten
  stream = training_batches(
    load_folder(folder), seed=3, batch_size=9, num_bits=8, flip=False
  )
  for path in folder.iterdir():
    path.write_bytes(b'')
  with pytest.raises(UserError, match=r'^config\.data: 9 images .* above\.$'):
    next_batch(iter(stream))


def test_nothing_is_decoded_until_an_image_is_read(ten, tmp_path):
  folder, _ = ten
  for path in folder.iterdir():
    path.write_bytes(b'')
  dataset = load_folder(folder, cache_mb=0, cache_dir=str(tmp_path / 'cache'))
  assert dataset.num_train == 9
  assert dataset.image_shape == (8, 8, 3)
  assert not (tmp_path / 'cache').exists()


def read_in_process(folder, cache):
  """Returns the first epoch of a folder; runs in a process of its own."""
  dataset = load_folder(folder, cache_mb=0, cache_dir=cache)
  return epoch(dataset)


@pytest.mark.slow
def test_processes_write_the_cache_file_once(ten, tmp_path):
  folder, _ = ten
  cache = tmp_path / 'cache'
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
    jobs = [
      executor.submit(read_in_process, str(folder), str(cache))
      for _ in range(2)
    ]
    results = [job.result() for job in jobs]
  for result in results:
    np.testing.assert_array_equal(result, epoch(load_folder(folder)))
  (path,) = cache.glob('*.npy')
  written = path.stat().st_ino, path.stat().st_mtime_ns
  read_in_process(folder, str(cache))
  assert (path.stat().st_ino, path.stat().st_mtime_ns) == written
  assert not list(cache.glob('*.tmp'))


def test_changed_images_are_written_to_another_file(ten, tmp_path):
  folder, images = ten
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')}
  epoch(load_folder(folder, **cache))
  images[4] = save_image(folder / '4.png', random_image(99))
  dataset = load_folder(folder, **cache)
  assert same_images([*epoch(dataset), *dataset.test_images], images)
  small = load_folder(folder, **{**cache, 'image_size': 4})
  assert small.image_shape == (4, 4, 3)


def test_cache_folder_that_cannot_be_written(ten):
  with pytest.raises(UserError, match=r'cache_dir: /dev/null/x/images-.*MiB'):
    load_folder(ten[0], cache_mb=0, cache_dir='/dev/null/x').open_train()


def test_failed_write_leaves_no_file(ten, tmp_path):
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')}
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
  try:
    with pytest.raises(UserError, match=r'cannot be written \(File too large'):
      load_folder(ten[0], **cache).open_train()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  names = [path.suffix for path in (tmp_path / 'cache').iterdir()]
  assert names == ['.lock']
  np.testing.assert_array_equal(
    epoch(load_folder(ten[0], **cache)), epoch(load_folder(ten[0]))
  )


@pytest.mark.parametrize('cache_mb', [0, 100])
def test_broken_images_are_replaced_or_left_out(tmp_path, capfd, cache_mb):
  images = [
    save_image(tmp_path / 'train' / f'{i}.png', random_image(i))
    for i in range(4)
  ]
  save_image(tmp_path / 'test' / 'a' / '0.png', random_image(7))
  whole = save_image(tmp_path / 'test' / 'b' / '1.png', random_image(8, 64, 64))
  garbage = tmp_path / 'train' / '1.png'
  garbage.write_bytes(bytes(range(256)))
  cut = tmp_path / 'train' / '3.png'
  cut.write_bytes(cut.read_bytes()[:-60])
  lost = tmp_path / 'test' / 'a' / '0.png'
  lost.write_bytes(b'')
  dataset = load_folder(tmp_path, cache_mb=cache_mb)
  assert dataset.num_train == 4
  expected = [images[i] for i in (0, 2, 2, 0)]
  assert same_images(epoch(dataset), expected)
  again = load_folder(tmp_path, cache_mb=cache_mb)
  np.testing.assert_array_equal(epoch(again), epoch(dataset))
  assert len(dataset.test_images) == 1
  np.testing.assert_allclose(
    dataset.test_images[0],
    whole.reshape([8, 8, 8, 8, 3]).mean((1, 3)),
    atol=1,
  )
  told = capfd.readouterr().err
  assert f'instead of a broken one: {garbage} (' in told
  assert f'instead of a broken one: {cut} (' in told
  assert 'Left out a broken test image' in told
  assert str(lost) in told
