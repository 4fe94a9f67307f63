"""Tests that damage to a sealed folder is found."""

import json
import random

import pytest

from training.run_folder import manifest

# echo -n one | sha256sum
ONE = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'


def sealed(folder):
  """Seals a folder of two files; returns the path of the manifest."""
  (folder / 'a').write_text('one')
  (folder / 'b').write_text('two')
  manifest.seal(folder, step=1, metric=3.25, written=0.5)
  return folder / 'manifest.json'


def test_facts_are_read(tmp_path):
  sealed(tmp_path)
  facts = manifest.read(tmp_path)
  assert manifest.fault(tmp_path) is None
  assert (facts['step'], facts['metric'], facts['written']) == (1, 3.25, 0.5)
  assert {name: size for name, (size, _) in facts['files'].items()} == {
    'a': 3,
    'b': 3,
  }


def test_damage_is_found_by_what_python_3_10_has(tmp_path, monkeypatch):
  monkeypatch.delattr('hashlib.file_digest', raising=False)
  sealed(tmp_path)
  assert manifest.read(tmp_path)['files']['a'] == (3, ONE)
  assert manifest.fault(tmp_path) is None
  (tmp_path / 'a').write_text('One')
  assert manifest.fault(tmp_path) == 'the checksum of a does not match'


def test_large_files_are_read_in_blocks(tmp_path, monkeypatch):
  monkeypatch.setattr(manifest, '_BLOCK', 2)
  sealed(tmp_path)
  assert manifest.read(tmp_path)['files']['a'] == (3, ONE)


def test_unlisted_file_is_not_a_fault(tmp_path):
  sealed(tmp_path)
  (tmp_path / 'c').write_text('three')
  assert manifest.fault(tmp_path) is None


def test_any_flipped_bit_of_the_manifest_is_found(tmp_path):
  path = sealed(tmp_path)
  content, facts = path.read_bytes(), manifest.read(tmp_path)
  chance = random.Random(0)
  for position in range(len(content)):
    damaged = bytearray(content)
    damaged[position] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    # A flipped bit in white space may have lost nothing.
    assert manifest.read(tmp_path) in (None, facts), damaged


def test_any_truncation_of_the_manifest_is_found(tmp_path):
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
def test_foreign_manifest_is_found(tmp_path, content):
  sealed(tmp_path).write_text(json.dumps(content))
  assert manifest.fault(tmp_path) == 'no readable manifest.json'
