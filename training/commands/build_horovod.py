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

  It takes a few minutes, once: the wheel is kept in ~/.cache/tfp_cinc, or in
  $XDG_CACHE_HOME/tfp_cinc, for the versions of TensorFlow, Python and the
  compiler. It needs g++, or the compiler that the variable CXX names.
  """
  from ..horovod_build.build import build, cache_folder, install

  wheel = build(cache_folder())
  install(wheel)
  print(f'Installed {wheel}, which averages the gradients of two workers.')
