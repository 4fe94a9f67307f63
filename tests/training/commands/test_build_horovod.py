"""Tests of the command build-horovod, which runs once for all tests.

`make test` uses the command to install the Horovod that the other tests use.
Here a wheel is there already, or a step fails.
"""

import os
import pathlib

import pytest

from training.errors import UserError
from training.horovod_build import build


@pytest.fixture
def compiler(tmp_path, monkeypatch):
  """Returns a function that puts a compiler of a version on the path."""

  def put(version):
    path = tmp_path / 'compiler' / 'g++'
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\necho {version}\n')
    path.chmod(0o755)
    monkeypatch.setenv('PATH', str(path.parent), prepend=os.pathsep)

  return put


def keys(folder):
  """Returns the names of the folders in which `build` would keep a wheel."""
  return {path.parent.name for path in folder.glob('*/horovod-*.whl')}


def kept(folder):
  """Puts a wheel where `build` looks for it and returns its path."""
  path = folder / build._key(build._options()) / 'horovod-0.28.1-any.whl'
  path.parent.mkdir(parents=True)
  path.write_bytes(b'')
  return path


def test_wheel_is_kept_for_each_compiler_and_option(
  tmp_path, compiler, monkeypatch
):
  compiler('12.2.0')
  first = kept(tmp_path)
  assert build.build(tmp_path) == first
  compiler('14.1.0')
  second = kept(tmp_path)
  assert build.build(tmp_path) == second
  monkeypatch.setenv('HOROVOD_GPU_OPERATIONS', 'NCCL')
  third = kept(tmp_path)
  assert build.build(tmp_path) == third
  monkeypatch.setenv('HOROVOD_RANK', '0')  # of a run, not of a build
  assert build.build(tmp_path) == third
  assert len(keys(tmp_path)) == 3


def test_missing_compiler_is_named(call, monkeypatch):
  monkeypatch.setenv('CXX', 'no-compiler')
  code, _, error = call('build-horovod')
  assert code == 2
  assert (
    'no-compiler, which the variable CXX names, is not on the PATH' in error
  )


def test_failed_step_names_the_log_and_leaves_no_wheel(
  tmp_path, compiler, monkeypatch
):
  compiler('12.2.0')
  # No index and nothing to find: pip cannot install the tools.
  monkeypatch.setenv('PIP_NO_INDEX', '1')
  monkeypatch.setenv('PIP_FIND_LINKS', str(tmp_path))
  monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
  with pytest.raises(UserError, match='installing the tools failed') as error:
    build.build(tmp_path / 'cache')
  log = tmp_path / 'cache' / 'build.log'
  assert str(log) in str(error.value)
  assert 'setuptools' in log.read_text()
  assert {path.name for path in log.parent.iterdir()} == {'build.log'}


def test_changed_sources_are_noticed(tmp_path):
  path = pathlib.Path(tmp_path / 'CMakeLists.txt')
  path.write_text('a.cc\nxla_mpi_ops.cc\nb.cc\n')
  build._leave_out(path, 'xla_mpi_ops.cc')
  assert path.read_text() == 'a.cc\nb.cc\n'
  with pytest.raises(UserError, match=r'names xla_mpi_ops\.cc 0 times'):
    build._leave_out(path, 'xla_mpi_ops.cc')
