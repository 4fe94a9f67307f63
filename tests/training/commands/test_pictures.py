"""Tests of the commands that write pictures made with a trained flow."""

import io
import os
import pathlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

import tfp_cinc
from tests.training.png import read_png, write_png
from training.trained import open_flow
from training.trained.trained_flow import TrainedFlow


def test_sample(call, path):
  code, out, _ = call(
    'sample', path, '--number', 5, '--temperature', '0.5,1', '--seed', 3
  )
  assert code == 0
  name = 'samples_0.5_1_3.png'
  folder = open_flow(path).folder
  assert out == f'Wrote {folder / name}\n'
  (folder / name).unlink()
  code, _, _ = call(
    'sample', path, '--number', 5, '--files', '--output', 'x', '--scale', 2
  )
  assert code == 0
  files = sorted(pathlib.Path('x').iterdir())
  assert [file.name for file in files] == [f'T1_{i:04}.png' for i in range(5)]
  expected = open_flow(path).sample(5)[..., 0]
  for file, image in zip(files, expected, strict=True):
    np.testing.assert_array_equal(read_png(file)[::2, 1::2], image)


def test_temperatures_0_and_1_are_no_decimal_comma(call, used):
  code, out, _ = call(
    *('sample', used[1], '--number', 1, '--temperature', '0,1'),
    *('--files', '--output', 'x'),
  )
  assert (code, out) == (0, 'Wrote 2 files into x\n')


def test_reconstruct(call, path, digits):
  code, out, _ = call('reconstruct', path, '--number', 4, '--output', 'a.png')
  assert code == 0
  assert '4 of 4 are identical; largest difference 0 of 255' in out
  assert read_png('a.png').shape[1] > 400
  code, out, _ = call(
    'reconstruct', path, digits / 'b.png', '--files', '--output', 'x'
  )
  assert code == 0
  np.testing.assert_array_equal(read_png('x/b.png'), read_png(digits / 'b.png'))


def test_files_of_the_same_name_are_all_written(call, path, digits, tmp_path):
  files = [digits / 'a.png']
  for number, name in enumerate(
    ['x/a.png', 'x/a_1.png', 'x/b c.png', 'b_c.png']
  ):
    image = np.full([8, 8, 1], 10 * number, np.uint8)
    files.append(write_png(tmp_path / name, image))
  code, out, _ = call('reconstruct', path, *files, '--files', '--output', 'y')
  assert code == 0
  assert 'Wrote 5 files' in out
  assert len(list(pathlib.Path('y').iterdir())) == 5


def test_reconstruct_in_few_bits(call, digits):
  """The bits that the flow drops do not count as a difference."""
  flow = tfp_cinc.models.glow([8, 8, 1], levels=1, depth=1, hidden_channels=4)
  images = np.stack([read_png(file) for file in sorted(digits.iterdir())])
  values = tfp_cinc.dequantize(images[..., np.newaxis], 4, seed=0)
  tfp_cinc.initialize_from_data(flow, values)
  tfp_cinc.export_saved_model(flow, 'few', [8, 8, 1], num_bits=4)
  code, out, _ = call(
    'reconstruct', 'few', digits / 'a.png', '--output', 'a.png'
  )
  assert code == 0
  assert '1 of 1 are identical; largest difference 0 of 255, in 4 bits' in out


@pytest.mark.slow
def test_interpolate(call, path, digits):
  code, _, _ = call(
    'interpolate',
    path,
    digits / 'a.png',
    'test:5',
    *('--steps', 4, '--method', 'spherical', '--files', '--output', 'x'),
  )
  assert code == 0
  files = sorted(pathlib.Path('x').iterdir())
  assert len(files) == 4
  flow = open_flow(path)
  np.testing.assert_array_equal(read_png(files[0]), read_png(digits / 'a.png'))
  np.testing.assert_array_equal(read_png(files[3]), flow.test_images[5, ..., 0])
  code, _, _ = call('interpolate', path, 'test:0', 'test:1')
  assert code == 0
  (flow.folder / 'interpolate_test_0_test_1.png').unlink()


@pytest.mark.slow
def test_manipulate(call, path, digits):
  code, _, _ = call(
    'manipulate',
    path,
    digits / 'a.png',
    'test:1',
    *('--attribute', '3,8', '--strengths', '-2:2:5', '--output', 'x.png'),
  )
  assert code == 0
  assert read_png('x.png').shape[0] > 4 * 96
  code, _, _ = call(
    'manipulate',
    path,
    digits / 'a.png',
    *('--attribute', '3', '--strengths', '-1,0,1', '--level', 1),
    *('--files', '--output', 'y'),
  )
  assert code == 0
  image = read_png(digits / 'a.png')
  [[expected]] = open_flow(path).manipulate(
    image[np.newaxis, ..., np.newaxis], '3', [1.0], level=1
  )
  np.testing.assert_array_equal(read_png('y/a_3_0.png'), image)
  np.testing.assert_array_equal(read_png('y/a_3_+1.png'), expected[..., 0])


@pytest.mark.parametrize(
  ('arguments', 'remedy'),
  [
    (('sample', '--number', 4), 'Use a lower temperature or train longer.'),
    (
      ('manipulate', 'test:0', '--attribute', '3', '--strengths', '0,1,2,3'),
      'Use lower strengths or train longer.',
    ),
    (('interpolate', 'test:0', 'test:1', '--steps', 4), 'Train longer.'),
  ],
)
def test_values_that_are_not_finite_are_counted(
  call, used, monkeypatch, arguments, remedy
):
  def one_not_finite(self, answer):
    values = answer['values'].numpy()
    values[0] = np.nan
    return count(self, {**answer, 'values': tf.constant(values)})

  count = TrainedFlow._pixels
  monkeypatch.setattr(TrainedFlow, '_pixels', one_not_finite)
  command, *rest = arguments
  code, _, error = call(command, used[1], *rest, '--output', 'a.png')
  assert code == 0
  words = '1 of 4 images contain values that are not finite; ignore them.'
  assert error == f'{words} {remedy}\n'


def test_pipe_of_directions_is_refused_at_once(call, used):
  os.mkfifo('pipe.npz')
  code, _, error = call(
    *('manipulate', used[1], 'test:0', '--attribute', '3'),
    *('--directions', 'pipe.npz'),
  )
  assert (code, error.count('\n')) == (2, 1)
  assert 'pipe.npz is not a file; name an .npz file' in error


@pytest.mark.slow
def test_bad_images_are_refused(refused, path, digits):
  """In the place of each image that the commands take."""
  file, good = digits / 'bad.png', digits / 'a.png'
  transparent = io.BytesIO()
  PIL.Image.new('RGBA', (8, 8)).save(transparent, 'PNG')
  bad = {
    'has an alpha channel': transparent.getvalue(),
    'cannot be decoded': good.read_bytes()[:-30],
  }
  for word, content in bad.items():
    file.write_bytes(content)
    refused('interpolate', path, good, file, words=['bad.png', word])
  write_png(file, np.zeros([4, 4, 1], np.uint8))
  refused('reconstruct', path, file, words=['bad.png has 4x4 pixels'])
  write_png(file, np.zeros([8, 8, 3], np.uint8))
  arguments = ('manipulate', path, file, '--attribute', '3')
  refused(*arguments, words=['bad.png is color'])
  refused('reconstruct', path, 'test:180', words=['from 0 to 179'])
  refused('interpolate', path, 'test:0', 'none.png', words=['none.png'])


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['sample', '--number', '0'], "'--number': 0 is not in the range 1<=x<="),
    (['sample', '--temperature', '-1'], "'--temperature': -1.0 is not in"),
    (['sample', '--temperature', 'nan'], "'nan' is not a number"),
    (['sample', '--temperature', '0.5,'], "'' is not a valid float"),
    (['sample', '--denoise'], 'no noise to remove, because it was trained'),
    (['sample', '--output', 'a.jpg'], 'must be the name of a PNG file'),
    (['sample', '--temperature', '0,7'], 'write 0.7 for one, or 0.0,7 for two'),
    (['sample', '--temperature', '0,05'], 'write 0.05 for one'),
    (['sample', '--number', '100000000'], '100000000 is not in the range'),
    (['sample', '--number', '1000000'], 'the picture would have 100'),
    (['sample', '--scale', '100000'], "'--scale': 100000 is not in the range"),
    (['sample', '--scale', '1000'], 'million; use a smaller --scale'),
    (['sample', '--output', 'no/such/a.png'], 'the folder no does not exist'),
    (['sample', '--files', '--output', 'no/such'], 'the folder no does not'),
    (['reconstruct', '--scale', '1000'], 'million; use a smaller --scale'),
    (['interpolate', 'test:0', 'test:1', '--steps', '100000000'], '2<=x<=1000'),
    (['interpolate', 'test:0', 'test:1', '--scale', '1000'], 'a smaller'),
    (
      ['manipulate', 'test:0', '--attribute', '3', '--scale', '1000'],
      'million; use a smaller --scale',
    ),
    (['interpolate', 'test:0'], "missing argument 'SECOND'"),
    (['interpolate', 'test:0', 'test:1', '--steps', '1'], "'--steps': 1 is"),
    (['manipulate', '--attribute', '3'], "missing argument 'IMAGE...'"),
    (['manipulate', 'test:0'], 'name either an attribute to change by'),
    (
      ['manipulate', 'test:0', '--attribute', '3', '--strengths', '1:2'],
      'FIRST:LAST:NUMBER',
    ),
    (
      ['manipulate', 'test:0', '--attribute', '33'],
      "there is no attribute '33'; the names include 3",
    ),
    (
      ['manipulate', 'test:0', '--attribute', '3', '--level', '2'],
      'level 2 is not one of 0 to 1',
    ),
    (
      ['manipulate', 'test:0', '--attribute=3', '--directions', 'none'],
      'none does not exist',
    ),
  ],
)
def test_wrong_calls_are_refused(refused, used, arguments, message):
  command, *rest = arguments
  refused(command, used[1], *rest, words=[message])
