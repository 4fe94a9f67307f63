"""Tests of the versions that a run was made with."""

import tensorflow as tf

from training.run_folder.versions import package_versions


def test_versions_are_those_of_the_packages():
  found = package_versions()
  # The metadata of development versions have a dot in place of the hyphen.
  assert found['tensorflow'] == tf.__version__.replace('-', '.')
  assert found['python'].startswith('3.')


def test_a_package_of_another_distribution_is_found(tmp_path, monkeypatch):
  """Such as `tensorflow` of tf-nightly or tensorflow-cpu."""
  folder = tmp_path / 'some_nightly-1.5.dist-info'
  folder.mkdir()
  (folder / 'METADATA').write_text('Name: some-nightly\nVersion: 1.5\n')
  (folder / 'top_level.txt').write_text('some_package\n')
  monkeypatch.syspath_prepend(tmp_path)
  found = package_versions(('some-package', 'missing'))
  assert found['some-package'] == '1.5'
  assert found['missing'] is None
