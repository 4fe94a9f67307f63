"""tfp-cinc build-horovod."""

from .options import click_command

__all__ = ['command']


@click_command(
  'build-horovod',
  '',
  short_help='Build Horovod, for training on several workers.',
)
def command():
  """Build Horovod for the installed TensorFlow, check and install it.

  It takes a few minutes, once: the wheel is kept in ~/.cache/tfp_cinc for the
  versions of TensorFlow, Python and the compiler. It needs g++.
  """
  from ..horovod_build.build import VERSION, build, cache_folder, install

  cache = cache_folder()
  print(f'Horovod {VERSION}: building takes a few minutes, once.', flush=True)
  wheel = build(cache)
  install(wheel)
  print(f'Installed {wheel}, with which two workers have reduced gradients.')
