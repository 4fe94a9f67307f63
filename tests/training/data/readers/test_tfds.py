"""Tests of the catalogue, with small data sets of the same form."""

import pathlib
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.datasets.celeb_a.celeb_a_dataset_builder import (
  ATTR_HEADINGS,
  IDENTITY_HEADINGS,
  LANDMARK_HEADINGS,
)

from tests.training.data.helpers import (
  batches,
  data_config,
  epoch,
  same_images,
)
from training.data.load import load_dataset
from training.data.location import prepared_tfds_folder
from training.data.readers.catalogue import CATALOGUE
from training.errors import UserError

FORMATS = ('tfrecord', 'array_record')
CELEB_A = {
  'image': tfds.features.Image(shape=(218, 178, 3), encoding_format='png'),
  'landmarks': dict.fromkeys(LANDMARK_HEADINGS, np.int64),
  'attributes': dict.fromkeys(ATTR_HEADINGS, np.bool_),
  'identity': dict.fromkeys(IDENTITY_HEADINGS, np.int64),
}


def image_feature(shape, **options):
  return tfds.features.Image(
    shape=shape, **{'encoding_format': 'png'} | options
  )


def with_label(shape, classes=10):
  label = tfds.features.ClassLabel(num_classes=classes)
  return {'image': image_feature(shape), 'label': label}


# name -> (version, image_shape of the files, features, splits, image_size), as
# in tensorflow_datasets 4.9, but without the loss of JPEG.
SETS = {
  'mnist': ('3.0.1', (28, 28, 1), with_label((28, 28, 1)), ('test',), 32),
  'fashion_mnist': (
    *('3.0.1', (28, 28, 1), with_label((28, 28, 1))),
    *(('test',), 32),
  ),
  'cifar10': ('3.0.2', (32, 32, 3), with_label((32, 32, 3)), ('test',), 32),
  **{
    f'downsampled_imagenet/{size}x{size}': (
      *('2.0.0', (size, size, 3), {'image': image_feature((None, None, 3))}),
      *(('validation',), size),
    )
    for size in (32, 64)
  },
  **{
    f'imagenet_resized/{size}x{size}': (
      *('0.1.0', (size, size, 3), with_label((size, size, 3), 1000)),
      *(('validation',), size),
    )
    for size in (32, 64)
  },
  'celeb_a': ('2.1.0', (218, 178, 3), CELEB_A, ('validation', 'test'), 74),
  'celeb_a_hq/256': (
    *('2.0.0', (256, 256, 3)),
    {
      'image': image_feature((256, 256, 3)),
      'image/filename': tfds.features.Text(),
    },
    *((), 256),
  ),
  'lsun/bedroom': (
    *('3.1.0', (70, 100, 3)),
    {'image': image_feature((None, None, 3)), 'id': tfds.features.Text()},
    *(('validation',), 35),
  ),
  'lsun/cat': (
    *('3.1.0', (70, 100, 3)),
    {'image': image_feature((None, None, 3)), 'id': tfds.features.Text()},
    *((), 35),
  ),
  'a_set_of_mine': (
    *('1.0.0', (32, 32, 3), with_label((32, 32, 3))),
    *(('validation',), 32),
  ),
}


def example(features, shape, seed):
  chance = np.random.default_rng(seed)
  values = {
    'image': chance.integers(0, 256, shape, np.uint8),
    'label': np.int64(seed % 10),
    'attributes': {
      name: bool(chance.integers(2)) for name in sorted(ATTR_HEADINGS)
    },
    'landmarks': {name: np.int64(seed) for name in LANDMARK_HEADINGS},
    'identity': {'Identity_No': np.int64(seed)},
    'image/filename': f'{seed}.png',
    'id': str(seed),
  }
  return {key: values[key] for key in features}


def prepare(folder, name, file_format, sizes=(11, 5)):
  """Prepares a data set; returns {split: examples}."""
  version, shape, features, tests, _ = SETS[name]
  family, _, config = name.partition('/')
  splits = {
    split: [
      example(features, shape, 1000 * place + number) for number in range(count)
    ]
    for place, (split, count) in enumerate(
      zip(('train', *tests), (*sizes, sizes[1])[: 1 + len(tests)], strict=True)
    )
  }
  tfds.dataset_builders.store_as_tfds_dataset(
    name=family,
    config=config or None,
    version=version,
    features=tfds.features.FeaturesDict(features),
    split_datasets={
      split: list(enumerate(examples)) for split, examples in splits.items()
    },
    data_dir=folder,
    file_format=file_format,
  )
  return splits


def load(folder, name, **values):
  config = {'name': 'tfds', 'tfds_name': name, 'dir': str(folder), **values}
  return load_dataset(data_config(**config))


def expected(name, examples):
  """Returns the expected pixels, computed in another way."""
  images = np.stack([example['image'] for example in examples])
  if name in ('mnist', 'fashion_mnist'):
    return np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
  if name == 'celeb_a':  # 218x178: 35 rows and 15 columns from the borders
    images = images[:, 35:183, 15:163].reshape([-1, 74, 2, 74, 2, 3])
    return images.mean((2, 4))
  if name.startswith('lsun'):
    images = images[:, :, 15:85].reshape([-1, 35, 2, 35, 2, 3])
    return images.mean((2, 4))
  return images


def find(image, images):
  """Returns the number of the nearest image; they differ only by rounding."""
  gaps = np.abs(images.astype(float) - image).max((1, 2, 3))
  assert gaps.min() <= 1
  return int(gaps.argmin())


def test_sets_cover_the_whole_catalogue():
  assert set(CATALOGUE) <= {
    key for name in SETS for key in (name, name.split('/')[0])
  }


@pytest.mark.parametrize('file_format', FORMATS)
@pytest.mark.parametrize('name', SETS)
def test_values_labels_and_sharding(tmp_path, name, file_format):
  version, shape, features, tests, size = SETS[name]
  splits = prepare(tmp_path, name, file_format)
  dataset = load(tmp_path, name, image_size=size)
  assert dataset.name.startswith(f'{name}/{version}')
  assert dataset.image_shape == (size, size, shape[2])
  split = {'a_set_of_mine': None, 'celeb_a': 'test'}.get(
    name, tests[0] if tests else None
  )
  trained = splits['train']
  held_out = splits[split] if split else trained
  read = epoch(dataset, batch_size=4)
  train_places = [find(image, expected(name, trained)) for image in read]
  test_places = [
    find(image, expected(name, held_out)) for image in dataset.test_images
  ]
  if split:
    assert sorted(train_places) == list(range(11))
    assert sorted(test_places) == list(range(5))
  else:
    assert sorted(train_places + test_places) == list(range(11))
    assert len(test_places) == 1
  for count in (2, 3):
    parts = [
      batches(dataset, 3, batch_size=4, flip=False, rank=rank, size=count)
      for rank in range(count)
    ]
    together = np.concatenate(
      [np.concatenate(p) for p in zip(*parts, strict=True)]
    )
    together = np.floor((together + 0.5) * 256).astype(np.uint8)
    np.testing.assert_array_equal(together[: len(read)], read)
  check_labels(dataset, features, trained, held_out, train_places, test_places)
  assert set(dataset.read_others) == set(tests) - {split}
  for other, read_other in dataset.read_others.items():
    images, _ = read_other()
    places = [find(image, expected(name, splits[other])) for image in images]
    assert sorted(places) == list(range(5))


def check_labels(dataset, features, trained, held_out, train_places, tested):
  numbers = dataset.train_numbers(3, 0, dataset.num_train).numpy()
  names = sorted(ATTR_HEADINGS)
  if 'label' in features:
    labels = [
      [example['label'] for example in split] for split in (trained, held_out)
    ]
  elif 'attributes' in features:
    assert dataset.label_names == tuple(names)
    assert dataset.num_attributes == len(names)
    labels = [
      [[example['attributes'][name] for name in names] for example in split]
      for split in (trained, held_out)
    ]
  else:
    assert dataset.train_labels is None
    assert dataset.num_classes is dataset.num_attributes is None
    assert dataset.test_labels is None
    return
  np.testing.assert_array_equal(
    dataset.train_labels[numbers], np.array(labels[0])[train_places]
  )
  np.testing.assert_array_equal(
    dataset.test_labels, np.array(labels[1])[tested]
  )


def test_name_warns_of_another_downsampling(tmp_path):
  prepare(tmp_path, 'imagenet_resized/32x32', 'array_record')
  prepare(tmp_path, 'downsampled_imagenet/32x32', 'array_record')
  resized = load(tmp_path, 'imagenet_resized/32x32', image_size=32)
  assert 'bits/dim are not comparable' in resized.name
  downsampled = load(tmp_path, 'downsampled_imagenet/32x32', image_size=32)
  assert downsampled.name == 'downsampled_imagenet/32x32/2.0.0'


def test_large_set_in_order_needs_a_cache_folder(tmp_path):
  splits = prepare(tmp_path, 'cifar10', 'tfrecord')
  with pytest.raises(
    UserError, match='TFRecord files cannot be read in random'
  ):
    load(tmp_path, 'cifar10', image_size=32, cache_mb=0).open_train()
  cache = tmp_path / 'cache'
  values = {'image_size': 32, 'cache_mb': 0, 'cache_dir': str(cache)}
  dataset = load(tmp_path, 'cifar10', **values)
  assert same_images(epoch(dataset), expected('cifar10', splits['train']))
  (path,) = cache.glob('*.npy')
  written = path.stat().st_mtime_ns
  memory = load(tmp_path, 'cifar10', image_size=32)
  np.testing.assert_array_equal(
    epoch(load(tmp_path, 'cifar10', **values)), epoch(memory)
  )
  assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize('file_format', FORMATS)
def test_broken_records_are_replaced_or_left_out(tmp_path, capfd, file_format):
  name = 'downsampled_imagenet/32x32'
  whole = [np.full([32, 32, 3], 50 * i, np.uint8) for i in range(4)]
  encoded = [tf.io.encode_png(image).numpy() for image in whole]
  encoded[1] = encoded[1][:60]
  encoded[2] = b'no image'
  features = tfds.features.FeaturesDict(
    {'image': tfds.features.Image(encoding_format='png')}
  )
  paths = []
  for number, content in enumerate(encoded):
    paths.append(tmp_path / f'{number}.png')
    paths[-1].write_bytes(content)
  examples = [(i, {'image': str(path)}) for i, path in enumerate(paths)]
  tfds.dataset_builders.store_as_tfds_dataset(
    name='downsampled_imagenet',
    config='32x32',
    version='2.0.0',
    features=features,
    split_datasets={'train': examples, 'validation': examples},
    data_dir=tmp_path / 'data',
    file_format=file_format,
  )
  dataset = load(tmp_path / 'data', name, image_size=32)
  read = epoch(dataset)
  assert len(read) == 4
  kinds = {image.tobytes() for image in read}
  assert kinds == {whole[0].tobytes(), whole[3].tobytes()}
  assert same_images(dataset.test_images, [whole[0], whole[3]])
  told = capfd.readouterr().err
  assert told.count('instead of a broken one: number') == 2
  assert told.count('Left out a broken test image: number') == 2


def test_version_is_part_of_the_folder(tmp_path):
  prepare(tmp_path, 'cifar10', 'array_record')
  folder = prepared_tfds_folder('cifar10:3.0.2', str(tmp_path))
  assert folder == str(tmp_path / 'cifar10' / '3.0.2')
  with pytest.raises(UserError, match=r"'cifar10:9\.9\.9' is not prepared"):
    prepared_tfds_folder('cifar10:9.9.9', str(tmp_path))


def test_missing_set_is_reported_at_once(tmp_path):
  started = time.monotonic()
  with pytest.raises(UserError, match='download=True'):
    load(tmp_path, 'cifar10')
  assert time.monotonic() - started < 2
  assert not list(pathlib.Path(tmp_path).iterdir())


def test_set_without_images_is_refused(tmp_path):
  tfds.dataset_builders.store_as_tfds_dataset(
    name='words',
    version='1.0.0',
    features=tfds.features.FeaturesDict({'text': tfds.features.Text()}),
    split_datasets={'train': [(0, {'text': 'a'})]},
    data_dir=tmp_path,
  )
  with pytest.raises(UserError, match=r"no feature 'image' .* \['text'\]"):
    load(tmp_path, 'words')
