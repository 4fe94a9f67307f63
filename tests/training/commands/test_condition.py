"""Commands with flows that are conditional on labels or on images."""

import csv
import io
import pathlib
import re
import shutil

import numpy as np
import PIL.Image
import pytest

from tests.training.exported import export_conditional
from tests.training.png import read_png, write_png
from training.data.condition import low_resolution
from training.trained import open_flow

IMAGES = np.random.default_rng(0).integers(0, 256, [8, 8, 8, 1], np.uint8)


@pytest.fixture(params=['run', 'model'])
def path(request, conditional):
  """The folder of a run given labels, and then that of its SavedModel."""
  return conditional[request.param == 'model']


@pytest.fixture(scope='module')
def export(tmp_path_factory):
  """Exports a flow of random weights given a kind of condition."""
  folder = tmp_path_factory.mktemp('exported')

  def write(kind, shape, names=None):
    return export_conditional(folder / kind, IMAGES, kind, shape, names)

  return write


@pytest.fixture
def attributes(export):
  return export('values', [2], ['hat', 'smile'])


def test_sample_given_classes(call, path):
  code, out, _ = call(
    *('sample', path, '--condition', '3', '--condition', '7'),
    *('--number', 40, '--files', '--output', 'x'),
  )
  assert (code, out) == (0, 'Wrote 80 files into x\n')
  flow = open_flow(path)
  for label in (3, 7):
    labels = {'labels': np.full([40], label, np.int32)}
    expected = flow.sample(40, condition=labels)[..., 0]
    found = [read_png(f'x/{label}_T1_{i:04}.png') for i in range(40)]
    np.testing.assert_array_equal(found, expected)
  code, out, _ = call('sample', path, '--condition', '3', '--number', 4)
  assert code == 0
  assert out == f'Wrote {flow.folder / "samples_3_1_0.png"}\n'
  (flow.folder / 'samples_3_1_0.png').unlink()


@pytest.mark.slow
def test_guided_samples(call, refused, path, attributes, used):
  arguments = ('sample', path, '--condition', '3', '--number', 4)
  code, _, _ = call(
    *arguments, '--guidance', 2, '--files', '--output', 'x', '--seed', 5
  )
  assert code == 0
  flow = open_flow(path)
  labels = {'labels': np.full([4], 3, np.int32)}
  expected = flow.sample(4, seed=5, condition=labels, guidance=2.0)[..., 0]
  found = [read_png(file) for file in sorted(pathlib.Path('x').iterdir())]
  np.testing.assert_array_equal(found, expected)
  assert np.any(expected != flow.sample(4, seed=5, condition=labels)[..., 0])
  shutil.rmtree('x')
  words = ['allows no guidance, because it was trained without label dropout']
  arguments = ('sample', attributes, '--condition', 'hat', '--guidance', 1)
  refused(*arguments, words=words)
  words = ['is not conditional, so that no guidance is possible']
  refused('sample', used[1], '--guidance', 1, words=words)


def test_sample_given_attributes(call, attributes):
  code, out, _ = call(
    *('sample', attributes, '--number', 1, '--files', '--output', 'x'),
    *('--condition', 'smile,hat', '--condition', 'none', '--condition', '1'),
  )
  assert (code, out) == (0, 'Wrote 3 files into x\n')
  flow = open_flow(attributes)
  for name, values in {
    'smile,hat': [1, 1],
    'none': [0, 0],
    '1': [0, 1],
  }.items():
    condition = {'condition': np.float32([values])}
    [expected] = flow.sample(1, condition=condition)[..., 0]
    np.testing.assert_array_equal(read_png(f'x/{name}_T1_0000.png'), expected)


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('10', ["--condition '10' is no class", 'its classes are 0, 1, 2, 3, 4']),
    ('cat', ["--condition 'cat' is no class of this flow"]),
    (None, ['is a conditional flow; name a label by --condition']),
  ],
)
def test_missing_and_unknown_classes_are_refused(refused, path, text, words):
  arguments = () if text is None else ('--condition', text)
  refused('sample', path, *arguments, words=words)


def test_unknown_attribute_is_refused(refused, attributes):
  refused(
    *('sample', attributes, '--condition', 'hat,smiles'),
    words=["'smiles' is no attribute", '(did you mean smile?)', 'hat, smile.'],
  )


@pytest.mark.slow
def test_conditions_of_other_flows_are_refused(refused, used, export, digits):
  words = ['is not conditional; leave out --condition']
  refused('sample', used[1], '--condition', '3', words=words)
  refused('score', used[1], digits, '--condition', '3', words=words)
  words = ['is not conditional on images of low resolution', '=low_resolution']
  refused('upscale', used[1], 'test:0', words=words)
  words = ['is not conditional on masked images', '=mask']
  refused('inpaint', used[1], 'test:0', '--mask', 'm.png', words=words)
  small = export('low_resolution', [4, 4, 1])
  words = ['enlarge an image by `tfp-cinc upscale`']
  refused('sample', small, words=words)
  words = ['is conditional on a low resolution, not on labels']
  refused('sample', small, '--condition', '3', words=words)


def test_evaluate_prints_classes_and_accuracy(call, path):
  code, out, _ = call(
    *('evaluate', path, '--noise-draws', 1, '--limit', 50, '--classify', 40)
  )
  assert code == 0
  flow = open_flow(path)
  images, labels = flow.test_images[:50], flow.test_labels[:50]
  bits = flow.bits_per_dim(images, condition=flow.condition_of(images, labels))
  assert out.startswith(f'Test bits/dim given the class {np.mean(bits):.4f} +-')
  threes = labels == 3
  assert f'  3: {np.mean(bits[threes]):.4f}, {sum(threes)} images\n' in out
  given = [
    flow.bits_per_dim(
      images, condition=flow.condition_of(images, np.full([50], label))
    )
    for label in range(10)
  ]
  right = np.mean(np.argmin(given, axis=0)[:40] == labels[:40])
  found = re.search(r'own class: ([\d.]+)% \+- ([\d.]+)% \(.* 40 images\)', out)
  assert float(found[1]) == pytest.approx(100 * right, abs=2.6)
  error = 100 * np.sqrt(right * (1 - right) / 40)
  assert float(found[2]) == pytest.approx(error, abs=0.5)


@pytest.mark.slow
def test_classes_of_own_data_are_those_of_the_same_name(
  call, conditional, tmp_path
):
  flow = open_flow(conditional[1])
  images = flow.test_images[flow.test_labels == 7][:3]
  for number, image in enumerate(images):
    write_png(tmp_path / 'own' / '7' / f'{number}.png', image)
  code, out, error = call(
    'evaluate', conditional[1], '--data', tmp_path / 'own', '--noise-draws', 1
  )
  assert code == 0, error
  assert f'  7: {float(out.split()[5]):.4f}, 3 images' in out
  (tmp_path / 'own' / '7').rename(tmp_path / 'own' / 'seven')
  code, _, error = call('evaluate', conditional[1], '--data', tmp_path / 'own')
  assert (code, error.count('\n')) == (2, 1)
  assert 'does not know the labels seven of' in error
  (tmp_path / 'own' / 'seven').rename(tmp_path / 'images')
  arguments = ('evaluate', conditional[1], '--data', tmp_path / 'images')
  code, _, error = call(*arguments)
  assert (code, error.count('\n')) == (2, 1)
  assert 'is conditional on labels, and the images of images have none' in error


@pytest.mark.slow
def test_score_given_a_class(call, refused, path, digits):
  code, out, _ = call('score', path, digits, '--condition', '4')
  assert code == 0
  rows = csv.DictReader(io.StringIO(out))
  bits = {row['file']: float(row['bits_per_dim']) for row in rows}
  flow = open_flow(path)
  image = read_png(digits / 'a.png')[np.newaxis, ..., np.newaxis]
  condition = flow.condition_of(image, np.array([4]))
  [expected] = flow.bits_per_dim(image, same_noise=True, condition=condition)
  assert bits['a.png'] == pytest.approx(expected, abs=1e-4)
  words = ['which is not known here; name it by --condition']
  refused('score', path, digits, words=words)


@pytest.mark.slow
def test_change_of_the_label(call, refused, path, digits):
  code, out, _ = call(
    *('manipulate', path, 'test:0', 'test:1', '--to', '7', '--to', '2'),
    *('--files', '--output', 'x'),
  )
  assert (code, out) == (0, 'Wrote 4 files into x\n')
  flow = open_flow(path)
  images, labels = flow.test_images[:2], flow.test_labels[:2]
  latents = flow.encode(images, flow.condition_of(images, labels))
  other = flow.condition_of(images, np.array([7, 7]))
  expected = flow.decode(latents, other)[..., 0]
  found = [read_png(f'x/test_{i}_7.png') for i in range(2)]
  np.testing.assert_array_equal(found, expected)
  code, _, _ = call(
    *('manipulate', path, digits / 'a.png', '--condition', '3', '--to', '5'),
    *('--output', 'a.png'),
  )
  assert code == 0
  for file in ('a.png', *pathlib.Path('x').iterdir()):
    pathlib.Path(file).unlink()
  pathlib.Path('x').rmdir()
  words = ['name either an attribute to change by --attribute, or other labels']
  refused('manipulate', path, 'test:0', words=words)
  words = ["--to 'x' is no class of this flow"]
  refused('manipulate', path, 'test:0', '--to', 'x', words=words)


@pytest.mark.slow
def test_images_keep_their_labels(call, path, digits):
  code, out, _ = call('reconstruct', path, '--number', 3, '--output', 'r.png')
  assert code == 0
  assert '3 of 3 are identical' in out
  code, _, error = call('reconstruct', path, digits / 'a.png')
  assert (code, error.count('\n')) == (2, 1)
  assert 'name it by --condition' in error
  flow = open_flow(path)
  one, same = np.flatnonzero(flow.test_labels == flow.test_labels[0])[:2]
  other = np.flatnonzero(flow.test_labels != flow.test_labels[0])[0]
  ends = (f'test:{one}', f'test:{same}')
  code, _, _ = call('interpolate', path, *ends, '--output', 'i.png')
  assert code == 0
  ends = (f'test:{one}', f'test:{other}')
  code, _, error = call('interpolate', path, *ends, '--output', 'j.png')
  assert (code, error.count('\n')) == (2, 1)
  assert 'have different conditions' in error
  code, _, _ = call(
    'interpolate', path, *ends, '--condition', '1', '--output', 'j.png'
  )
  assert code == 0


@pytest.mark.slow
def test_upscale(call, export, tmp_path):
  path = export('low_resolution', [4, 4, 1])
  flow = open_flow(path)
  small = low_resolution(IMAGES[:1], 2).numpy()
  file = write_png(tmp_path / 'small.png', small[0])
  arguments = ('upscale', path, file, '--number', 3, '--temperature', 1)
  code, out, _ = call(*arguments, '--files', '--output', 'x')
  assert (code, out) == (0, 'Wrote 3 files into x\n')
  repeated = np.repeat(small, 3, 0)
  expected = flow.sample(3, condition={'low_resolution': repeated})[..., 0]
  found = [read_png(f'x/small_{i:02}.png') for i in range(3)]
  np.testing.assert_array_equal(found, expected)
  code, _, _ = call(*arguments, '--scale', 1, '--output', 'a.png')
  assert code == 0
  picture = np.asarray(PIL.Image.open('a.png').convert('L'))
  assert picture.shape[0] > 8
  large = write_png(tmp_path / 'large.png', IMAGES[0])
  code, _, error = call('upscale', path, large)
  assert (code, error.count('\n')) == (2, 1)
  assert 'has 8x8 pixels (width x height), but this flow takes 4x4' in error


@pytest.mark.slow
def test_inpaint(call, export, tmp_path):
  path = export('mask', [8, 8, 2])
  flow = open_flow(path)
  hole = np.zeros([8, 8, 1], np.uint8)
  hole[2:6, 3:7] = 1
  file = write_png(tmp_path / 'photo.png', IMAGES[0])
  mask = write_png(tmp_path / 'mask.png', 255 * hole)
  arguments = ('inpaint', path, file, '--mask', mask, '--number', 3)
  code, out, _ = call(
    *arguments, '--temperature', 1, '--files', '--output', 'x'
  )
  assert (code, out) == (0, 'Wrote 3 files into x\n')
  found = np.stack([read_png(f'x/photo_{i:02}.png') for i in range(3)])
  inside = hole[..., 0] == 1
  np.testing.assert_array_equal(
    found[:, ~inside], np.repeat(IMAGES[:1, ..., 0], 3, 0)[:, ~inside]
  )
  condition = {
    'known': np.repeat(IMAGES[:1], 3, 0),
    'mask': np.repeat(hole[np.newaxis], 3, 0),
  }
  expected = flow.sample(3, condition=condition)[..., 0]
  np.testing.assert_array_equal(found[:, inside], expected[:, inside])
  code, _, _ = call(*arguments, '--output', 'a.png')
  assert code == 0
  write_png(tmp_path / 'mask.png', 0 * hole)
  code, _, error = call(*arguments)
  assert (code, error.count('\n')) == (2, 1)
  assert 'mask.png has no hole: it must be white where' in error
