"""Directions of attributes."""

import subprocess
import sys

import numpy as np
import pytest

from tfp_cinc import latents
from tfp_cinc.latents.attributes import METHODS

RNG = np.random.default_rng(0)
# Attributes of unlike frequency, latents of unlike mean and deviation that
# depend on them.
A = (RNG.random([500, 4]) < [0.5, 0.1, 0.9, 0.3]).astype(np.float32)
Z = RNG.normal(size=[500, 6]) * [1, 2, 3, 1, 0.1, 1] + [0, 0, 1e3, 0, 5, 0]
Z += A @ RNG.normal(size=[4, 6])
NAMES = ['Smiling', 'Bald', 'Young', 'Wearing_Hat']


def batches(a=A, z=Z, sizes=(1, 7, 100, 0, 392)):
  """The images in batches of these sizes."""
  ends = np.cumsum(sizes)
  for start, end in zip(ends - sizes, ends, strict=True):
    yield z[start:end], a[start:end]


def class_means(a, z):
  """Glow's: means of all images with and without, in memory."""
  return np.stack([z[has > 0].mean(0) - z[has <= 0].mean(0) for has in a.T])


def correlation(a, z):
  """C = A^T Z of the CInC paper, of normalized A and Z."""
  a, z = ((x - x.mean(0)) / x.std(0) for x in (a.astype(np.float64), z))
  return a.T @ z / len(a)


def in_memory(method, a=A, z=Z):
  means = class_means(a, z)
  if method == 'class_means':
    return means
  found = correlation(a, z)
  lengths = (np.linalg.norm(x, axis=1, keepdims=True) for x in (means, found))
  return found * np.divide(*lengths)


@pytest.mark.parametrize('method', METHODS)
def test_they_are_those_of_all_images_at_once(method):
  found = latents.attribute_directions(batches(), method, NAMES)
  assert found.names == NAMES
  assert found.method == method
  assert found.directions.dtype == np.float32
  np.testing.assert_allclose(found.directions, in_memory(method), atol=1e-5)
  np.testing.assert_array_equal(found.direction('Young'), found.directions[2])
  signs = latents.attribute_directions(batches(a=2 * A - 1), method)
  assert signs.names == ['0', '1', '2', '3']
  np.testing.assert_array_equal(signs.directions, found.directions)


def test_float32_latents_far_from_zero():
  """Where sums of squares in float32 would have no digit left."""
  z = (Z + 1e4).astype(np.float32)
  found = latents.attribute_directions(batches(z=z))
  expected = in_memory('correlation', z=z.astype(np.float64))
  np.testing.assert_allclose(found.directions, expected, atol=1e-5)


def test_latents_of_one_deviation_have_the_same_direction_by_both():
  z = (Z - Z.mean(0)) / Z.std(0)
  found = [latents.attribute_directions(batches(z=z), m) for m in METHODS]
  np.testing.assert_allclose(*(f.directions for f in found), atol=1e-6)


def test_a_latent_that_never_varies_has_no_direction():
  z = Z.copy()
  z[:, 1] = 0.1
  found = latents.attribute_directions(batches(z=z)).directions
  assert np.all(np.isfinite(found))
  assert np.abs(found[:, 1]).max() < 1e-12


def test_classes():
  labels = np.array([1, 0, 2, 1])
  expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
  assert latents.one_hot_attributes(labels).tolist() == expected
  assert latents.one_hot_attributes(labels, 5).shape == (4, 5)
  with pytest.raises(ValueError, match='they must be 0 to 1'):
    latents.one_hot_attributes(labels, 2)
  with pytest.raises(ValueError, match='must be integers'):
    latents.one_hot_attributes(labels / 1)
  with pytest.raises(ValueError, match='must be integers'):
    latents.one_hot_attributes([labels])


def test_bad_batches():
  learn = latents.attribute_directions
  a = A.copy()
  a[:, 2] = 1
  with pytest.raises(ValueError, match=r"\['2'\] are the same for all 500"):
    learn(batches(a=a))
  with pytest.raises(ValueError, match='there are no images'):
    learn([])
  with pytest.raises(ValueError, match='has the attribute value 3; attributes'):
    learn(batches(a=3 * A))
  with pytest.raises(ValueError, match='has the attribute value nan'):
    learn([(Z, np.full([500, 1], np.nan))])
  with pytest.raises(ValueError, match='use `one_hot_attributes`'):
    learn([(Z, A[:, 0])])
  with pytest.raises(ValueError, match=r'must be \[n, 3\]'):
    learn(batches(), names=NAMES[:3])
  with pytest.raises(ValueError, match='latents that are not finite'):
    learn([(np.full_like(Z, np.inf), A)])
  with pytest.raises(ValueError, match=r'must be \[n, D\] and \[n, A\]'):
    learn([(Z[1:], A)])
  with pytest.raises(ValueError, match='previous batches have 4 and 6'):
    learn([(Z, A), (Z[:, 1:], A)])
  with pytest.raises(ValueError, match="did you mean 'class_means'"):
    learn(batches(), method='class_mean')


def test_saving_and_loading(tmp_path):
  found = latents.attribute_directions(
    batches(), names=NAMES, layer='level_0_step_1', weights='0' * 64
  )
  path = tmp_path / 'directions.npz'
  for _ in range(2):  # the second replaces the first
    found.save(path)
  again = latents.AttributeDirections.load(path)
  assert again.names == NAMES
  assert (again.method, again.layer) == ('correlation', 'level_0_step_1')
  assert again.weights == '0' * 64
  np.testing.assert_array_equal(again.directions, found.directions)
  latents.attribute_directions(batches()).save(str(path))
  again = latents.AttributeDirections.load(path)
  assert (again.layer, again.weights) == (None, None)
  assert [p.name for p in tmp_path.iterdir()] == ['directions.npz']


def test_file_of_an_earlier_version_has_no_weights(tmp_path):
  path = tmp_path / 'directions.npz'
  latents.attribute_directions(batches(), names=NAMES).save(path)
  with np.load(path) as file:
    content = {key: file[key] for key in file if key != 'weights'}
  np.savez(path, **content)
  again = latents.AttributeDirections.load(path)
  assert (again.names, again.weights) == (NAMES, None)


def test_directions_that_are_not_finite():
  with pytest.raises(ValueError, match='not finite'):
    latents.AttributeDirections(['Old'], [[0.0, np.nan]], 'correlation')


def test_files_that_are_not_directions(tmp_path):
  path = tmp_path / 'directions.npz'
  with pytest.raises(ValueError, match='does not exist'):
    latents.AttributeDirections.load(path)
  latents.attribute_directions(batches()).save(path)
  whole = path.read_bytes()
  other, single = tmp_path / 'other.npz', tmp_path / 'array.npy'
  np.savez(other, x=Z)
  np.save(single, Z)
  contents = {
    'cut': whole[: len(whole) // 2],
    'empty': b'',
    'text': b'Smiling',
    'damaged': whole[:700] + bytes(20) + whole[720:],
    'other': other.read_bytes(),
    'array': single.read_bytes(),
  }
  for name, content in contents.items():
    path.write_bytes(content)
    with pytest.raises(ValueError, match='is not a complete file of attr'):
      pytest.fail(f'{name}: {latents.AttributeDirections.load(path)}')


def test_an_unknown_attribute_has_its_nearest_named():
  found = latents.attribute_directions(batches(), names=np.array(NAMES))
  with pytest.raises(ValueError, match="'smilin'; the names include Smil"):
    found.direction('smilin')
  with pytest.raises(ValueError, match='names are Smiling, Bald, Young, Wear'):
    found.direction('xyz')
  with pytest.raises(ValueError, match=r'they must be \[3, D\]'):
    latents.AttributeDirections(NAMES[:3], found.directions, 'class_means')


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images():
  """20,000 images, whose latents would take 234 MiB in float32."""
  module = 'tests.programs.attributes_peak'
  result = subprocess.run(
    [sys.executable, '-m', module, '20000'],
    capture_output=True,
    text=True,
    check=False,
  )
  assert result.returncode == 0, result.stderr
  mebibytes, error = map(float, result.stdout.split()[-2:])
  assert mebibytes < 100
  assert error < 1e-4
