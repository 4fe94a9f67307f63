"""Builds a wheel of Horovod for the installed TensorFlow."""

import hashlib
import importlib.util
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile

from ..errors import UserError
from ..run_folder.versions import package_versions

__all__ = ['VERSION', 'build', 'cache_folder', 'install']

VERSION = '0.28.1'

# Operations for XLA on GPUs. From TensorFlow 2.19 on the file does not compile,
# because TensorFlow no longer ships headers that it includes; see
# github.com/horovod/horovod/pull/4302. All that follows its includes is within
# `#if HAVE_GPU`.
_LEFT_OUT = 'xla_mpi_ops.cc'

# What setup.py imports; setuptools 81 removes pkg_resources.
_BUILD_PACKAGES = ('setuptools<81', 'wheel', 'packaging')

_OPTIONS = {
  'HOROVOD_WITH_TENSORFLOW': '1',
  'HOROVOD_WITH_GLOO': '1',
  'HOROVOD_WITHOUT_PYTORCH': '1',
  'HOROVOD_WITHOUT_MXNET': '1',
  'HOROVOD_WITHOUT_MPI': '1',
  # The CMake files of the bundled Gloo name a version that CMake 4 refuses.
  'CMAKE_POLICY_VERSION_MINIMUM': '3.5',
}

# Beginnings of the variables by which a user changes the build.
_CHOICES = ('CUDA', 'GPU', 'NCCL', 'ROCM', 'WITH')

_CHECK_SECONDS = 300  # two workers take 10 s; more means that they hang


def cache_folder() -> pathlib.Path:
  """Returns the folder in which wheels are kept."""
  cache = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(cache) / 'tfp_cinc' / 'horovod'


def build(cache: pathlib.Path) -> pathlib.Path:
  """Returns a wheel of Horovod that two workers of this machine have tested.

  A wheel is kept for each version of TensorFlow, Python, the compiler and each
  choice of build options.

  Args:
    cache: Folder in which wheels are kept. It need not exist.

  Returns:
    Path of the wheel.

  Raises:
    UserError: If the compiler or TensorFlow is missing, or a step fails. Its
      output is then in the file `build.log` in `cache`.
  """
  options = _options()
  folder = cache / _key(options)
  if found := list(folder.glob('horovod-*.whl')):
    return found[0]
  print(f'Building Horovod {VERSION} takes a few minutes, once.', flush=True)
  cache.mkdir(parents=True, exist_ok=True)
  with tempfile.TemporaryDirectory(dir=cache, prefix='.build-') as name:
    place = pathlib.Path(name)
    steps = _Steps(place, cache / 'build.log', {**os.environ, **options})
    wheel = steps.wheel()
    steps.check(wheel)
    try:
      wheel.parent.rename(folder)
    except OSError:
      if not folder.exists():  # otherwise another process was faster
        raise
  return next(folder.glob('horovod-*.whl'))


def install(wheel: pathlib.Path) -> None:
  """Installs a wheel, with the packages that it needs, for this Python.

  Args:
    wheel: Path of the wheel.

  Raises:
    UserError: If it cannot be installed.
  """
  # Horovod of the same version may be there for another TensorFlow.
  for arguments in (('--force-reinstall', '--no-deps'), ()):
    command = _pip('install', *arguments, str(wheel))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
      raise UserError(f'Horovod cannot be installed: {_end(done.stderr)}')


class _Steps:
  """The steps of a build, each a process whose output goes into a log."""

  def __init__(self, place: pathlib.Path, log: pathlib.Path, environment):
    self._place, self._log = place, log
    self._tools = place / 'tools'
    path = (str(self._tools / 'bin'), environment.get('PATH', ''))
    self._environment = {
      **environment,
      'PATH': os.pathsep.join(path),
      'PYTHONPATH': str(self._tools),
      'TF_CPP_MIN_LOG_LEVEL': '3',
    }
    log.write_bytes(b'')

  def wheel(self) -> pathlib.Path:
    """Returns the wheel, built from the changed sources."""
    tools = list(_BUILD_PACKAGES)
    if shutil.which('cmake') is None:
      tools.append('cmake')
    self._run(
      'installing the tools', _pip('install', '-t', self._tools, *tools)
    )
    arguments = ('--no-deps', '--no-build-isolation', '--no-binary', ':all:')
    self._run(
      'the download',
      _pip('download', *arguments, '-d', self._place, f'horovod=={VERSION}'),
    )
    with tarfile.open(next(self._place.glob('horovod-*.tar.gz'))) as archive:
      archive.extractall(self._place, filter='data')
    source = self._place / f'horovod-{VERSION}'
    _leave_out(source / 'horovod' / 'tensorflow' / 'CMakeLists.txt', _LEFT_OUT)
    result = self._place / 'wheel'
    self._run(
      'compiling',
      _pip('wheel', '--no-deps', '--no-build-isolation', '-w', result, source),
    )
    return next(result.glob('horovod-*.whl'))

  def check(self, wheel: pathlib.Path) -> None:
    """Lets two workers use the wheel, installed in a folder of its own."""
    installed = self._place / 'installed'
    self._run('installing the wheel', _pip('install', '-t', installed, wheel))
    # `-m` would import `horovod` from a checkout in the present folder.
    script = pathlib.Path(__file__).with_name('check.py')
    run = installed / 'bin' / 'horovodrun'
    self._environment['PYTHONPATH'] = str(installed)
    self._run(
      'averaging gradients on two workers',
      [
        *(sys.executable, run, '--gloo', '-np', '2', '-H', 'localhost:2'),
        *(sys.executable, script),
      ],
      timeout=_CHECK_SECONDS,
    )

  def _run(self, what, command, timeout=None):
    with self._log.open('ab') as log:
      try:
        code = subprocess.run(
          list(map(str, command)),
          cwd=self._place,
          env=self._environment,
          stdin=subprocess.DEVNULL,
          stdout=log,
          stderr=subprocess.STDOUT,
          timeout=timeout,
        ).returncode
      except subprocess.TimeoutExpired:
        code = f'no answer in {timeout} s'
    if code:
      end = _end(self._log.read_text(errors='replace'))
      raise UserError(
        f'Horovod {VERSION} cannot be built: {what} failed ({code}); the '
        f'output is in {self._log} and ends with {end!r}.'
      )


def _options():
  """Returns the environment variables of the build, with the user's choices."""
  chosen = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(tuple(f'HOROVOD_{choice}' for choice in _CHOICES))
  }
  return {**_OPTIONS, **chosen}


def _key(options):
  """Returns the name of what a wheel depends on."""
  tensorflow = package_versions(('tensorflow',))['tensorflow']
  if tensorflow is None:
    raise UserError('Horovod is built for TensorFlow, which is not installed.')
  if importlib.util.find_spec('pip') is None:
    raise UserError(f'pip is missing in the environment of {sys.executable}.')
  compiler, *_ = shlex.split(os.environ.get('CXX', '')) or ['g++']
  if shutil.which(compiler) is None:
    chosen = ', which the variable CXX names,' if 'CXX' in os.environ else ''
    raise UserError(
      f'Horovod is compiled, but {compiler}{chosen} is not on the PATH: '
      'install g++ (on Debian: apt-get install g++), or train in one process, '
      'without horovodrun.'
    )
  version = subprocess.run(
    [compiler, '-dumpfullversion', '-dumpversion'],
    capture_output=True,
    text=True,
  ).stdout.strip()
  parts = [
    f'tensorflow-{tensorflow}',
    sys.implementation.cache_tag,
    platform.machine(),
    f'{pathlib.Path(compiler).name}-{version}',
  ]
  if options != _OPTIONS:
    text = repr(sorted(options.items()))
    parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
  return '_'.join(parts)


def _leave_out(path, source):
  """Removes the line of a source file from a CMake file."""
  lines = path.read_text().splitlines(keepends=True)
  kept = [line for line in lines if source not in line]
  if len(kept) != len(lines) - 1:
    raise UserError(
      f'the sources of Horovod {VERSION} are not as expected: '
      f'{path.name} names {source} {len(lines) - len(kept)} times, not once.'
    )
  path.write_text(''.join(kept))


def _pip(command, *arguments):
  return [sys.executable, '-m', 'pip', command, '--quiet', *arguments]


def _end(text):
  """Returns the last line of a text."""
  return next((line for line in reversed(text.splitlines()) if line), '')
