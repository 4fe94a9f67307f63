"""Tests of `tfp-cinc score`."""

import csv
import io
import os
import pathlib
import shutil

import numpy as np
import PIL.Image
import pytest

from training.data.compression import webp_bits_per_dim
from training.trained import open_flow


def test_table_of_bits_per_dim(call, path, digits):
  shutil.copy(digits / 'a.png', digits / 'again.png')
  (digits / 'sub').mkdir()
  (digits / 'sub' / 'notes.txt').write_text('none')
  large = PIL.Image.open(digits / 'b.png').resize([16, 16])
  large.save(digits / 'sub' / 'large.png')
  code, out, error = call('score', path, digits)
  assert code == 0
  assert error == '4 of 6 files scored\n'
  rows = list(csv.DictReader(io.StringIO(out)))
  scored, unread = rows[:4], rows[4:]
  bits = {row['file']: float(row['bits_per_dim']) for row in scored}
  assert sorted(bits) == ['a.png', 'again.png', 'b.png', 'c.png']
  assert list(bits.values()) == sorted(bits.values(), reverse=True)
  assert bits['a.png'] == bits['again.png']
  flow = open_flow(path)
  expected = flow.bits_per_dim(flow.test_images[:1], same_noise=True)[0]
  assert bits['a.png'] == pytest.approx(expected, abs=1e-4)
  assert [row['file'] for row in unread] == ['sub/large.png', 'sub/notes.txt']
  assert '16x16 pixels' in unread[0]['error']
  assert 'is not a readable image' in unread[1]['error']
  code, out, error = call(
    'score', path, digits, '--resize', '--output', 'x.csv', '--noise-draws', 2
  )
  assert (code, out) == (0, '')
  assert '5 of 6 files scored' in error
  assert pathlib.Path('x.csv').read_text().count('\n') == 7


def test_images_are_turned_and_listed_once(call, used, digits, tmp_path):
  """As in training; a pipe would be waited for, and a loop never end."""
  exif = PIL.Image.Exif()
  exif[0x0112] = 3
  image = PIL.Image.open(digits / 'a.png')
  image.transpose(PIL.Image.Transpose.ROTATE_180).save(
    digits / 'turned.png', exif=exif
  )
  (digits / 'again').symlink_to(digits)
  os.mkfifo(digits / 'z.png')
  code, out, error = call('score', used[1], digits)
  assert (code, error) == (0, '4 of 4 files scored\n')
  rows = csv.DictReader(io.StringIO(out))
  bits = {row['file']: row['bits_per_dim'] for row in rows}
  assert sorted(bits) == ['a.png', 'b.png', 'c.png', 'turned.png']
  assert bits['turned.png'] == bits['a.png']


def test_wrong_folders_are_refused(refused, path, digits, tmp_path):
  refused('score', path, digits / 'a.png', words=['is not a folder'])
  (tmp_path / 'empty').mkdir()
  refused('score', path, tmp_path / 'empty', words=['holds no file'])
  arguments = ('score', path, digits, '--output', tmp_path)
  refused(*arguments, words=['is a folder; name a CSV file'])
  arguments = ('score', path, digits, '--output', 'no/such/a.csv')
  refused(*arguments, words=['the folder no does not exist'])


@pytest.mark.parametrize('method', ['typicality', 'complexity'])
def test_other_scores_come_first(call, path, digits, method):
  options = ['--typical', 3.0] if method == 'typicality' else []
  code, out, _ = call('score', path, digits, '--method', method, *options)
  assert code == 0
  rows = list(csv.DictReader(io.StringIO(out)))
  assert list(rows[0]) == [method, 'bits_per_dim', 'file', 'error']
  scores = [float(row[method]) for row in rows]
  assert scores == sorted(scores, reverse=True)
  for row, score in zip(rows, scores, strict=True):
    bits = float(row['bits_per_dim'])
    if method == 'typicality':
      expected = abs(bits - 3.0)
    else:
      image = np.asarray(PIL.Image.open(digits / row['file']))
      expected = bits - webp_bits_per_dim(image[np.newaxis, ..., np.newaxis])[0]
    assert score == pytest.approx(expected, abs=2e-4)


def test_typicality_takes_the_test_images_of_a_run(call, used, digits):
  code, out, _ = call('score', used[0], digits, '--method', 'typicality')
  assert code == 0
  flow = open_flow(used[0])
  typical = flow.bits_per_dim(flow.test_images).mean()
  for row in csv.DictReader(io.StringIO(out)):
    distance = abs(float(row['bits_per_dim']) - typical)
    assert float(row['typicality']) == pytest.approx(distance, abs=2e-4)


def test_a_typical_value_needs_its_method(refused, used, digits):
  refused(
    'score', used[0], digits, '--typical', 3.0, words=['--typical is for']
  )
