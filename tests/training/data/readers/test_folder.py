"""Tests of folders of images: splits, labels and names."""

import os

import numpy as np
import PIL.Image
import pytest

from tests.training.data.helpers import (
  batches,
  epoch,
  load_folder,
  pixels,
  random_image,
  same_images,
  save_image,
)
from training.errors import UserError


def test_splits_and_labels_by_sub_folders(tmp_path):
  images = {
    (split, kind, i): save_image(
      tmp_path / split / kind / f'{i}.png', random_image(hash_)
    )
    for hash_, (split, kind, i) in enumerate(
      (split, kind, i)
      for split in ('train', 'validation', 'test')
      for kind in ('merger', 'noninteracting')
      for i in range(3)
    )
  }
  dataset = load_folder(tmp_path)
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
  assert (dataset.num_classes, dataset.num_attributes) == (2, None)
  assert list(dataset.read_others) == ['validation']
  found, labels = dataset.read_others['validation']()
  assert labels.tolist() == [0, 0, 0, 1, 1, 1]
  for number, image in enumerate(found):
    kind = dataset.label_names[labels[number]]
    np.testing.assert_array_equal(image, images['validation', kind, number % 3])


def test_splits_in_any_case_and_images_outside_of_them(tmp_path):
  save_image(tmp_path / 'Train' / '0.png', random_image(0))
  image = save_image(tmp_path / 'TEST' / '0.png', random_image(1))
  save_image(tmp_path / 'valid' / '0.png', random_image(2))
  save_image(tmp_path / 'more' / '0.png', random_image(3))
  save_image(tmp_path / 'train.png', random_image(4))
  dataset = load_folder(tmp_path)
  assert dataset.num_train == 1
  np.testing.assert_array_equal(dataset.test_images, [image])
  assert list(dataset.read_others) == ['valid']
  (warning,) = dataset.warnings
  assert warning.startswith('2 of 5 images')


@pytest.mark.parametrize('name', ['validation', 'valid', 'val'])
def test_validation_images_are_tested_if_there_is_no_test_folder(
  tmp_path, name
):
  save_image(tmp_path / 'train' / '0.png', random_image(0))
  image = save_image(tmp_path / name / '0.png', random_image(1))
  dataset = load_folder(tmp_path)
  np.testing.assert_array_equal(dataset.test_images, [image])
  assert dataset.train_labels is None
  assert dataset.num_classes is None
  assert dataset.test_labels is None


@pytest.mark.parametrize('name', ['test', 'Validation', 'val'])
def test_images_held_out_without_a_train_folder_are_not_trained_on(ten, name):
  folder, _ = ten
  save_image(folder / name / '0.png', random_image(10))
  message = f"has a sub-folder '{name.lower()}' but none named 'train'; put"
  with pytest.raises(UserError, match=message):
    load_folder(folder)


def test_sub_folders_are_classes_without_splits(tmp_path):
  for number, name in enumerate(['train/0', 'train/1', 'car/0', 'car/1']):
    save_image(tmp_path / f'{name}.png', random_image(number))
  dataset = load_folder(tmp_path, test_fraction=0.25)
  assert dataset.label_names == ('car', 'train')
  assert (dataset.num_train, len(dataset.test_images)) == (3, 1)


def test_part_of_a_folder_is_held_out(ten):
  folder, images = ten
  dataset = load_folder(folder, test_fraction=0.3)
  assert (dataset.name, dataset.num_train) == ('ten', 7)
  assert same_images([*epoch(dataset), *dataset.test_images], images)


def test_other_files_give_a_warning(ten):
  folder, _ = ten
  (folder / 'notes.txt').write_text('no image')
  (folder / '.hidden.png').write_text('no image')
  (warning,) = load_folder(folder).warnings
  assert warning.startswith('skipped 1 of 11 files')
  assert 'notes.txt' in warning


def test_folder_that_links_to_itself_has_each_image_once(ten):
  folder, images = ten
  (folder / 'again').symlink_to(folder)
  os.mkfifo(folder / 'z.png')
  dataset = load_folder(folder, test_fraction=0.3)
  assert dataset.warnings == ()
  assert same_images([*epoch(dataset), *dataset.test_images], images)


def test_classes_and_loose_images_give_a_warning(tmp_path):
  for number, name in enumerate(['a/0', 'a/1', 'b/2', '3']):
    save_image(tmp_path / f'{name}.png', random_image(number))
  dataset = load_folder(tmp_path, test_fraction=0.25)
  assert dataset.label_names is None
  (warning,) = dataset.warnings
  assert 'not used as classes, because 1 of 4 images' in warning


def test_digest_is_that_of_the_images_wherever_they_are(ten, tmp_path):
  folder, _ = ten
  before = load_folder(folder).facts.digest
  assert before
  moved = folder.rename(tmp_path / 'moved')
  assert load_folder(moved).facts.digest == before
  save_image(moved / '3.png', random_image(99)[:4])
  assert load_folder(moved).facts.digest != before


def test_folder_without_images_is_refused(tmp_path):
  with pytest.raises(UserError, match='holds no files; name a folder of files'):
    load_folder(tmp_path)
  (tmp_path / 'notes.txt').write_text('no image')
  with pytest.raises(UserError, match='none of the 1 files in'):
    load_folder(tmp_path)


def test_images_are_cropped_to_squares_and_resized(tmp_path):
  image = random_image(0, 20, 16)
  for split in ('train', 'test'):
    save_image(tmp_path / split / 'x.png', image)
  dataset = load_folder(tmp_path)
  middle = image[2:18].reshape([8, 2, 8, 2, 3]).mean((1, 3))
  np.testing.assert_allclose(dataset.test_images[0], middle, atol=1)
  (batch,) = batches(dataset, 1, flip=False, batch_size=1)
  np.testing.assert_array_equal(pixels(batch), dataset.test_images)


def test_gray_images(ten):
  folder, images = ten
  dataset = load_folder(folder, channels=1)
  assert dataset.image_shape == (8, 8, 1)
  gray = [PIL.Image.fromarray(image).convert('L') for image in images]
  assert same_images(
    [*epoch(dataset), *dataset.test_images],
    [np.asarray(image)[..., np.newaxis] for image in gray],
  )
  with pytest.raises(UserError, match=r'config\.data\.channels is 4'):
    load_folder(folder, channels=4)


def test_image_is_rotated_by_its_exif(tmp_path):
  image = random_image(0)
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # rotate by 90 degrees, clockwise
  PIL.Image.fromarray(np.rot90(image)).save(tmp_path / 'x.png', exif=exif)
  save_image(tmp_path / 'y.png', image)
  dataset = load_folder(tmp_path, test_fraction=0.5)
  np.testing.assert_array_equal(dataset.test_images, epoch(dataset))


def test_names_that_are_not_valid_text(tmp_path, capfd):
  names = [b'train/\xe9.png', b'train/c.png', b'test/\xe8.png']
  files = [tmp_path / os.fsdecode(name) for name in names]
  images = [save_image(file, random_image(i)) for i, file in enumerate(files)]
  files[0].write_bytes(b'')
  cache = {'cache_mb': 0, 'cache_dir': str(tmp_path / '.cache')}
  dataset = load_folder(tmp_path, **cache)
  np.testing.assert_array_equal(dataset.test_images, images[2:])
  np.testing.assert_array_equal(epoch(dataset), [images[1], images[1]])
  assert 'train/?.png (' in capfd.readouterr().err
  # Part of them is held out by the hashes of their names.
  assert load_folder(tmp_path / 'train', test_fraction=0.5).num_train == 1
