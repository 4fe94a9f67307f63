"""Data sets prepared with TensorFlow Datasets."""

import io

import numpy as np
import tensorflow as tf

from ...errors import UserError
from ...progress import tracked
from ..cache import needed_bytes, tell, write_file
from ..dataset import Dataset, held_out, shuffled_dataset
from ..location import prepared_tfds_folder
from ..pixels import BrokenImage, decode, fit
from ..sources import ArraySource, Source, digest
from . import catalogue, download

__all__ = ['prepared']


class _Records(Source):
  """The images of a split, in the order of its files.

  Args:
    builder: Builder of TensorFlow Datasets.
    split: Name of the split.
    entry: Entry of the data set in the catalogue.
    size: Height and width of the images.
    numbers: Sorted indices of the images to use. None uses all.
  """

  def __init__(self, builder, split, entry, size, numbers=None):
    feature = builder.info.features['image']
    channels = 1 if feature.shape[-1] == 1 else 3
    self._builder, self._split, self._entry = builder, split, entry
    count = builder.info.splits[split].num_examples
    self._numbers = np.arange(count) if numbers is None else numbers
    self.shape = (size, size, channels)

  def __len__(self):
    return len(self._numbers)

  def labels(self):
    """Returns int64 [N] classes, or [N, A] attributes sorted by name."""
    import tensorflow_datasets as tfds

    label = self._entry.label
    if label not in self._builder.info.features:
      return None
    stream = self._builder.as_dataset(
      split=self._split, decoders=tfds.decode.PartialDecoding({label: True})
    )
    rows = []
    for example in stream.as_numpy_iterator():
      value = example[label]
      if isinstance(value, dict):
        value = [value[name] for name in sorted(value)]
      rows.append(np.asarray(value, np.int64))
    return np.stack(rows)[self._numbers]

  def identity(self):
    """Returns a text that identifies the version and the images used."""
    numbers = digest(self._numbers.tobytes())
    crop, pad = self._entry.crop, self._entry.pad
    return (
      f'{self._builder.data_path} {self._split} {self.shape} {crop} {pad} '
      f'{numbers}'
    )

  def _decode(self, content, number):
    try:
      image = decode(io.BytesIO(content), self.shape[-1])
    except BrokenImage as error:
      raise BrokenImage(
        f'number {number} of {self._builder.info.full_name} {self._split} '
        f'({error})'
      ) from None
    return fit(image, *self.shape[:2], self._entry.crop, self._entry.pad)


class _RandomAccess(_Records):
  """A split of array_record files, which can be read in any order."""

  def __init__(self, *args):
    import tensorflow_datasets as tfds

    super().__init__(*args)
    self._records = self._builder.as_data_source(
      split=self._split,
      deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES,
    )

  def image(self, number):
    """Returns one image, uint8 [H, W, C]; may raise `BrokenImage`."""
    number = self._numbers[number]
    return self._decode(
      self._features(number)['image'].bytes_list.value[0], number
    )

  def labels(self):
    """Returns int64 [N] classes, or [N, A] attributes sorted by name."""
    label = self._entry.label
    feature = self._builder.info.features.get_tensor_spec().get(label)
    if feature is None:
      return None
    rows = []
    for number in self._numbers:
      features = self._features(number)
      row = (
        [features[f'{label}/{name}'] for name in sorted(feature)]
        if isinstance(feature, dict)
        else [features[label]]
      )
      rows.append([value.int64_list.value[0] for value in row])
    rows = np.array(rows, np.int64)
    return rows if isinstance(feature, dict) else rows[:, 0]

  def _features(self, number):
    record = self._records[int(number)]
    return tf.train.Example.FromString(record).features.feature


class _InOrder(_Records):
  """A split of TFRecord files, which can only be read in order."""

  def __iter__(self):
    """Yields all images in order, and a `BrokenImage` for each broken one."""
    import tensorflow_datasets as tfds

    chosen = np.zeros([self._builder.info.splits[self._split].num_examples])
    chosen[self._numbers] = 1
    stream = self._builder.as_dataset(
      split=self._split,
      decoders=tfds.decode.PartialDecoding(
        {'image': True}, decoders={'image': tfds.decode.SkipDecoding()}
      ),
    )
    for number, example in enumerate(stream.as_numpy_iterator()):
      if chosen[number]:
        try:
          yield self._decode(example['image'], number)
        except BrokenImage as error:
          yield error

  def image(self, number):
    """Not available, because these files can only be read in order."""
    raise NotImplementedError

  def at_random(self, config):
    """Decodes all images into memory or into a memory-mapped file."""
    shape, size = (len(self), *self.shape), needed_bytes(self)
    if size <= config.cache_mb * 2**20:
      images = np.empty(shape, np.uint8)
      intact = tracked(_intact(self), len(self), 'decoded {} images')
      for number, image in enumerate(intact):
        images[number] = image
    elif config.cache_dir:
      images = write_file(
        config.cache_dir, self.identity(), shape, lambda: _intact(self)
      )
    else:
      raise UserError(
        f'config.data.tfds_name: the {len(self)} training images of '
        f'{config.tfds_name} take {size / 2**20:.0f} MiB, more than '
        f'config.data.cache_mb {config.cache_mb}, and TFRecord files cannot be '
        'read in random order; increase config.data.cache_mb, name a folder '
        'config.data.cache_dir, or prepare the data set again in another '
        'folder with `tfp-cinc prepare`, which writes another format.'
      )
    return ArraySource(images)


def _intact(source):
  """Yields all images; reports broken ones and repeats the one before them."""
  last, missing = None, 0
  for image in source:
    if isinstance(image, BrokenImage):
      tell(f'Using another image instead of a broken one: {image}.')
      missing += 1
      if last is None:
        continue
    else:
      last, missing = image, missing + 1
    # The first intact image also replaces broken ones before it.
    for _ in range(missing):
      yield last
    missing = 0
  if last is None:
    raise UserError('config.data: none of the images can be decoded.')


def prepared(config) -> Dataset:
  """Loads the 'image' feature of a data set of TensorFlow Datasets.

  `catalogue.py` defines the test split, the cropping and padding, and the
  labels. If there is no test split, a part of 'train' is held out. It is chosen
  by a hash of the indices of the images.

  From array_record files, which `download.py` writes, each worker reads and
  decodes only its own images. TFRecord files can only be read in order. Before
  the first step, each worker decodes all images into memory, N * H * W * C
  bytes. If these are more than `config.cache_mb` MiB, one worker of each
  machine decodes them into a file in `config.cache_dir` instead; see
  `cache.write_file`.

  Args:
    config: The `data` section of a configuration.

  Returns:
    `Dataset` with the labels of the feature that the catalogue names.

  Raises:
    UserError: If the data set is not prepared, has no images, or does not fit
      into memory.
  """
  import tensorflow_datasets as tfds

  if config.download:
    download.prepare(config.tfds_name, config.dir)
  entry = catalogue.find(config.tfds_name)
  builder = tfds.builder_from_directory(
    prepared_tfds_folder(config.tfds_name, config.dir)
  )
  features = dict((builder.info.features or {}).items())
  splits = builder.info.splits
  if not isinstance(features.get('image'), tfds.features.Image):
    raise UserError(
      f"config.data.tfds_name: {config.tfds_name} has no feature 'image' that "
      f'is an image; its features are {sorted(features)}.'
    )
  if 'train' not in splits:
    raise UserError(
      f"config.data.tfds_name: {config.tfds_name} has no split 'train'; its "
      f'splits are {sorted(splits)}.'
    )
  is_random = builder.info.file_format.value == 'array_record'
  kind = _RandomAccess if is_random else _InOrder
  tests = [split for split in entry.test_splits if split in splits]
  common = (entry, config.image_size)
  others = {
    split: kind(builder, split, *common)
    for split in splits
    if split not in ('train', *tests[:1])
  }
  if tests:
    train = kind(builder, 'train', *common)
    test = kind(builder, tests[0], *common)
  else:
    count = splits['train'].num_examples
    train, test = (
      # In the order of the files, which is random already.
      kind(builder, 'train', *common, np.sort(numbers))
      for numbers in held_out(
        (str(i).encode() for i in range(count)), config.test_fraction
      )
    )
  name = builder.info.full_name + (f' ({entry.note})' if entry.note else '')
  return shuffled_dataset(
    name,
    train,
    test,
    config,
    label_names=_label_names(features.get(entry.label)),
    others=others,
    license=builder.info.redistribution_info.license,
    num_classes=getattr(features.get(entry.label), 'num_classes', None),
    num_attributes=_num_attributes(features.get(entry.label)),
  )


def _num_attributes(feature):
  """Returns the number of attributes; None if there are no attributes."""
  import tensorflow_datasets as tfds

  is_dict = isinstance(feature, tfds.features.FeaturesDict)
  return len(feature) if is_dict else None


def _label_names(feature):
  """Returns the names of the classes or attributes, in label order."""
  import tensorflow_datasets as tfds

  if isinstance(feature, tfds.features.FeaturesDict):
    return sorted(feature.keys())
  return getattr(feature, 'names', None)
