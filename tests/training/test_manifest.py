"""Damage to a sealed folder is told, that of the manifest too."""

import json
import random

import pytest

from training import manifest


def sealed(folder):
  """The manifest of two files in a folder."""
  (folder / 'a').write_text('one')
  (folder / 'b').write_text('two')
  manifest.seal(folder, step=1, metric=3.25, written=0.5)
  return folder / 'manifest.json'


def test_facts(tmp_path):
  sealed(tmp_path)
  facts = manifest.read(tmp_path)
  assert manifest.fault(tmp_path) is None
  assert (facts['step'], facts['metric'], facts['written']) == (1, 3.25, 0.5)
  assert {name: size for name, (size, _) in facts['files'].items()} == {
    'a': 3,
    'b': 3,
  }


def test_a_file_that_is_not_listed_is_no_fault(tmp_path):
  sealed(tmp_path)
  (tmp_path / 'c').write_text('three')
  assert manifest.fault(tmp_path) is None


def test_no_flipped_bit_of_the_manifest_passes(tmp_path):
  path = sealed(tmp_path)
  content, facts = path.read_bytes(), manifest.read(tmp_path)
  chance = random.Random(0)
  for position in range(len(content)):
    damaged = bytearray(content)
    damaged[position] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    # Of white space it may be that nothing was lost.
    assert manifest.read(tmp_path) in (None, facts), damaged


def test_every_truncation_is_told(tmp_path):
  path = sealed(tmp_path)
  content = path.read_bytes().rstrip()
  for length in range(len(content)):
    path.write_bytes(content[:length])
    assert manifest.fault(tmp_path) == 'no readable manifest.json'


@pytest.mark.parametrize(
  'content',
  [
    [],
    {},
    {'files': {}},
    {'files': ['a']},
    {'files': {'a': 3}},
    {'files': {'a': {'size': 'b', 'sha256': 0}}},
    {'step': 1, 'metric': 0.1, 'files': {'a': {'size': 3, 'sha256': ''}}},
  ],
)
def test_foreign_manifests(tmp_path, content):
  sealed(tmp_path).write_text(json.dumps(content))
  assert manifest.fault(tmp_path) == 'no readable manifest.json'
