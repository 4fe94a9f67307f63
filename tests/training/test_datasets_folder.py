"""Folders of images: splits, labels, formats, broken files and the cache."""

import concurrent.futures
import multiprocessing
import os
import pathlib
import resource

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from tests.training.datasets_common import (
  batches,
  data_config,
  epoch,
  pixels,
  same_images,
)
from training import datasets
from training.datasets.sources import BrokenImage, decode
from training.errors import UserError


def random_image(seed, height=8, width=8):
  chance = np.random.default_rng(seed)
  return chance.integers(0, 256, [height, width, 3], np.uint8)


def save(path, image):
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(image).save(path)
  return image


def load(folder, **values):
  config = {'name': 'folder', 'dir': str(folder), 'image_size': 8, **values}
  return datasets.load(data_config(**config))


@pytest.fixture
def ten(tmp_path):
  """A folder of ten 8x8 images, and these."""
  folder = tmp_path / 'ten'
  images = [save(folder / f'{i}.png', random_image(i)) for i in range(10)]
  return folder, np.stack(images)


def test_splits_and_labels_by_sub_folders(tmp_path):
  images = {
    (split, kind, i): save(
      tmp_path / split / kind / f'{i}.png', random_image(hash_)
    )
    for hash_, (split, kind, i) in enumerate(
      (split, kind, i)
      for split in ('train', 'validation', 'test')
      for kind in ('merger', 'noninteracting')
      for i in range(3)
    )
  }
  dataset = load(tmp_path)
  assert dataset.num_train == 6
  numbers = dataset.train_numbers(3, 0, 6).numpy()
  for image, label in zip(
    epoch(dataset), dataset.train_labels[numbers], strict=True
  ):
    kind = ('merger', 'noninteracting')[label]
    assert any(
      np.array_equal(image, images['train', kind, i]) for i in range(3)
    )
  assert len(dataset.test_images) == 6
  for image, label in zip(
    dataset.test_images, dataset.test_labels, strict=True
  ):
    kind = ('merger', 'noninteracting')[label]
    assert any(np.array_equal(image, images['test', kind, i]) for i in range(3))
  assert dataset.label_names == ('merger', 'noninteracting')
  assert list(dataset.read_others) == ['validation']
  found, labels = dataset.read_others['validation']()
  assert labels.tolist() == [0, 0, 0, 1, 1, 1]
  for number, image in enumerate(found):
    kind = dataset.label_names[labels[number]]
    np.testing.assert_array_equal(image, images['validation', kind, number % 3])


def test_splits_in_other_letters_and_images_beside_them(tmp_path):
  save(tmp_path / 'Train' / '0.png', random_image(0))
  image = save(tmp_path / 'TEST' / '0.png', random_image(1))
  save(tmp_path / 'valid' / '0.png', random_image(2))
  save(tmp_path / 'more' / '0.png', random_image(3))
  save(tmp_path / 'train.png', random_image(4))
  dataset = load(tmp_path)
  assert dataset.num_train == 1
  np.testing.assert_array_equal(dataset.test_images, [image])
  assert list(dataset.read_others) == ['valid']
  (warning,) = dataset.warnings
  assert warning.startswith('2 of 5 images')


@pytest.mark.parametrize('name', ['validation', 'valid', 'val'])
def test_without_a_test_folder_validation_is_for_testing(tmp_path, name):
  save(tmp_path / 'train' / '0.png', random_image(0))
  image = save(tmp_path / name / '0.png', random_image(1))
  dataset = load(tmp_path)
  np.testing.assert_array_equal(dataset.test_images, [image])
  assert dataset.train_labels is None
  assert dataset.test_labels is None


def test_part_of_a_folder_is_held_out(ten):
  folder, images = ten
  dataset = load(folder, test_fraction=0.3)
  assert (dataset.name, dataset.num_train) == ('ten', 7)
  assert same_images([*epoch(dataset), *dataset.test_images], images)


@pytest.mark.parametrize('size', [2, 3])
@pytest.mark.parametrize('cache', ['memory', 'file', 'none'])
def test_workers_share_a_folder_in_any_cache(ten, tmp_path, size, cache):
  folder, _ = ten
  values = {
    'memory': {},
    'file': {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')},
    'none': {'cache_mb': 0},
  }[cache]
  one = batches(load(folder), 4, batch_size=5)
  parts = [
    batches(load(folder, **values), 4, batch_size=5, rank=rank, size=size)
    for rank in range(size)
  ]
  for step in range(4):
    together = np.concatenate([part[step] for part in parts])
    np.testing.assert_array_equal(together, one[step])
  resumed = batches(
    load(folder, **values), 1, batch_size=5, first_position=3 * 5
  )
  np.testing.assert_array_equal(resumed[0], one[3])
  written = list((tmp_path / 'cache').glob('*.npy'))
  assert len(written) == (cache == 'file')


def test_no_image_is_decoded_but_those_of_the_positions(ten, capfd):
  folder, _ = ten
  start = tf.constant(0, tf.int64)
  expected = load(folder).read_train(3, start, 3).numpy()
  wanted = {image.tobytes() for image in expected}
  # The first is read at the start, to see that there are images.
  dataset = load(folder)
  dataset.open_train()
  for path in folder.iterdir():
    if decode(path).tobytes() not in wanted:
      path.write_bytes(b'')
  np.testing.assert_array_equal(dataset.read_train(3, start, 3), expected)
  assert 'broken' not in capfd.readouterr().err


def test_a_folder_of_broken_images(ten, capfd):
  folder, _ = ten
  for path in folder.iterdir():
    path.write_bytes(path.read_bytes()[:50])
  dataset = load(folder)
  for _ in range(2):
    with pytest.raises(UserError, match='9 images in a row cannot be decoded'):
      batches(dataset, 1)
  assert 'broken one' in capfd.readouterr().err


def test_images_that_break_while_they_are_used(ten):
  folder, _ = ten
  stream = datasets.training_batches(
    load(folder), seed=3, batch_size=9, num_bits=8, flip=False
  )
  for path in folder.iterdir():
    path.write_bytes(b'')
  with pytest.raises(UserError, match=r'^config\.data: 9 images .* above\.$'):
    datasets.next_batch(iter(stream))


def test_nothing_is_decoded_where_no_image_is_asked_for(ten, tmp_path):
  folder, _ = ten
  for path in folder.iterdir():
    path.write_bytes(b'')
  dataset = load(folder, cache_mb=0, cache_dir=str(tmp_path / 'cache'))
  assert dataset.num_train == 9
  assert dataset.image_shape == (8, 8, 3)
  assert not (tmp_path / 'cache').exists()


def read_in_process(folder, cache):
  """The first epoch of a folder, in a process that starts with others."""
  dataset = load(folder, cache_mb=0, cache_dir=cache)
  return epoch(dataset)


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
    np.testing.assert_array_equal(result, epoch(load(folder)))
  (path,) = cache.glob('*.npy')
  written = path.stat().st_ino, path.stat().st_mtime_ns
  read_in_process(folder, str(cache))
  assert (path.stat().st_ino, path.stat().st_mtime_ns) == written
  assert not list(cache.glob('*.tmp'))


def test_the_cache_file_follows_the_images(ten, tmp_path):
  folder, images = ten
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')}
  epoch(load(folder, **cache))
  images[4] = save(folder / '4.png', random_image(99))
  dataset = load(folder, **cache)
  assert same_images([*epoch(dataset), *dataset.test_images], images)
  small = load(folder, **{**cache, 'image_size': 4})
  assert small.image_shape == (4, 4, 3)


def test_a_cache_folder_that_cannot_be_written(ten):
  with pytest.raises(UserError, match=r'cache_dir: /dev/null/x/images-.*MiB'):
    load(ten[0], cache_mb=0, cache_dir='/dev/null/x').open_train()


def test_a_write_that_fails_midway_leaves_no_file(ten, tmp_path):
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / 'cache')}
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
  try:
    with pytest.raises(UserError, match=r'cannot be written \(File too large'):
      load(ten[0], **cache).open_train()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  names = [path.suffix for path in (tmp_path / 'cache').iterdir()]
  assert names == ['.lock']
  np.testing.assert_array_equal(
    epoch(load(ten[0], **cache)), epoch(load(ten[0]))
  )


@pytest.mark.parametrize('cache_mb', [0, 100])
def test_broken_images_are_replaced_told_and_left_out(
  tmp_path, capfd, cache_mb
):
  images = [
    save(tmp_path / 'train' / f'{i}.png', random_image(i)) for i in range(4)
  ]
  save(tmp_path / 'test' / 'a' / '0.png', random_image(7))
  whole = save(tmp_path / 'test' / 'b' / '1.png', random_image(8, 64, 64))
  garbage = tmp_path / 'train' / '1.png'
  garbage.write_bytes(bytes(range(256)))
  cut = tmp_path / 'train' / '3.png'
  cut.write_bytes(cut.read_bytes()[:-60])
  lost = tmp_path / 'test' / 'a' / '0.png'
  lost.write_bytes(b'')
  dataset = load(tmp_path, cache_mb=cache_mb)
  assert dataset.num_train == 4
  expected = [images[i] for i in (0, 2, 2, 0)]
  assert same_images(epoch(dataset), expected)
  again = load(tmp_path, cache_mb=cache_mb)
  np.testing.assert_array_equal(epoch(again), epoch(dataset))
  assert len(dataset.test_images) == 1
  np.testing.assert_allclose(
    dataset.test_images[0],
    whole.reshape([8, 8, 8, 8, 3]).mean((1, 3)),
    atol=1,
  )
  told = capfd.readouterr().err
  assert f'in place of a broken one: {garbage} (' in told
  assert f'in place of a broken one: {cut} (' in told
  assert 'Left out a broken test image' in told
  assert str(lost) in told


def test_files_of_other_names_are_told(ten):
  folder, _ = ten
  (folder / 'notes.txt').write_text('no image')
  (folder / '.hidden.png').write_text('no image')
  (warning,) = load(folder).warnings
  assert warning.startswith('skipped 1 of 11 files')
  assert 'notes.txt' in warning


def test_a_folder_without_images(tmp_path):
  (tmp_path / 'notes.txt').write_text('no image')
  with pytest.raises(UserError, match='none of the 1 files below'):
    load(tmp_path)


def test_images_are_cropped_to_squares_and_resized(tmp_path):
  image = random_image(0, 20, 16)
  for split in ('train', 'test'):
    save(tmp_path / split / 'x.png', image)
  dataset = load(tmp_path)
  middle = image[2:18].reshape([8, 2, 8, 2, 3]).mean((1, 3))
  np.testing.assert_allclose(dataset.test_images[0], middle, atol=1)
  (batch,) = batches(dataset, 1, flip=False, batch_size=1)
  np.testing.assert_array_equal(pixels(batch), dataset.test_images)


def test_grey_images(ten):
  folder, images = ten
  dataset = load(folder, channels=1)
  assert dataset.image_shape == (8, 8, 1)
  grey = [PIL.Image.fromarray(image).convert('L') for image in images]
  assert same_images(
    [*epoch(dataset), *dataset.test_images],
    [np.asarray(image)[..., np.newaxis] for image in grey],
  )
  with pytest.raises(UserError, match=r'config\.data\.channels is 4'):
    load(folder, channels=4)


def test_an_image_is_turned_as_its_exif_says(tmp_path):
  image = random_image(0)
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # turn by 90 degrees, clockwise
  PIL.Image.fromarray(np.rot90(image)).save(tmp_path / 'x.png', exif=exif)
  save(tmp_path / 'y.png', image)
  dataset = load(tmp_path, test_fraction=0.5)
  np.testing.assert_array_equal(dataset.test_images, epoch(dataset))


def test_damaged_exif_is_passed_over(tmp_path):
  image = PIL.Image.fromarray(random_image(0))
  exif = b'Exif\0\0' + bytes(range(64))
  image.save(tmp_path / 'x.jpg', exif=exif, dpi=(72, 72), quality=100)
  pixels_ = decode(tmp_path / 'x.jpg', upright=True)
  np.testing.assert_array_equal(pixels_, decode(tmp_path / 'x.jpg'))


def test_names_that_are_no_text(tmp_path, capfd):
  names = [b'train/\xe9.png', b'train/c.png', b'test/\xe8.png']
  files = [tmp_path / os.fsdecode(name) for name in names]
  images = [save(file, random_image(i)) for i, file in enumerate(files)]
  files[0].write_bytes(b'')
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / '.cache')}
  dataset = load(tmp_path, **cache)
  np.testing.assert_array_equal(dataset.test_images, images[2:])
  np.testing.assert_array_equal(epoch(dataset), [images[1], images[1]])
  assert 'train/?.png (' in capfd.readouterr().err
  # Where a part is held out, by the hashes of the names.
  assert load(tmp_path / 'train', test_fraction=0.5).num_train == 1


def png(path: pathlib.Path, pixels_, mode):
  PIL.Image.frombytes(mode, pixels_.shape[1::-1], pixels_.tobytes()).save(path)
  return path


def test_grey_alpha_palette_and_sixteen_bits(tmp_path):
  rgb = random_image(0)
  grey = rgb[..., :1]
  path = png(tmp_path / 'grey.png', grey, 'L')
  np.testing.assert_array_equal(decode(path), np.repeat(grey, 3, -1))
  np.testing.assert_array_equal(decode(path, 1), grey)
  alpha = np.concatenate([rgb, grey], -1)
  np.testing.assert_array_equal(
    decode(png(tmp_path / 'rgba.png', alpha, 'RGBA')), rgb
  )
  deep = grey.astype(np.uint16) * 256 + 200
  path = png(tmp_path / 'deep.png', deep, 'I;16')
  np.testing.assert_array_equal(decode(path), np.repeat(grey, 3, -1))
  palette = PIL.Image.fromarray(rgb).quantize(4)
  palette.save(tmp_path / 'palette.png')
  np.testing.assert_array_equal(
    decode(tmp_path / 'palette.png'), np.asarray(palette.convert('RGB'))
  )
  PIL.Image.fromarray(np.full([4, 4], np.nan, np.float32)).save(
    tmp_path / 'nan.tif'
  )
  with pytest.raises(BrokenImage, match='floating-point'):
    decode(tmp_path / 'nan.tif')
