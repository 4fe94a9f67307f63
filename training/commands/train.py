"""tfp-cinc train."""

import os

import click

from ..configs.loading import config_names, load_config, override
from ..configs.options import OPTIONS
from ..configs.smoke import reduce_if_smoke
from ..data.location import kind_of_data
from ..errors import UserError, did_you_mean
from ..run_folder.config_file import check_config
from ..validation import check_config_values
from .options import click_command

__all__ = ['command']

_PREFIX = '--config.'


class _TrainCommand(click.Command):
  """A command with all values of a configuration as options."""

  def overrides(self, ctx) -> list[tuple[str, str]]:
    """Returns the (key, text) of all --config.KEY=VALUE of a call.

    Raises:
      UserError: If an option is unknown or has no value.
    """
    values, rest = [], list(ctx.args)
    while rest:
      word = rest.pop(0)
      if not word.startswith('-'):
        raise UserError(f'train takes only options, not {word!r}.')
      option, separator, text = word.partition('=')
      if not option.startswith(_PREFIX):
        known = [x for parameter in self.params for x in parameter.opts]
        known += [f'{_PREFIX}{key}' for key in OPTIONS]
        raise UserError(
          f'there is no option {option}{did_you_mean(option, known)}; see '
          '`tfp-cinc train --help`.'
        )
      if not separator:
        if not rest:
          raise UserError(f'{option} has no value; write {option}=VALUE.')
        text = rest.pop(0)
      values.append((option.removeprefix(_PREFIX), text))
    return values

  def format_options(self, ctx, formatter):
    super().format_options(ctx, formatter)
    sections = {'': 'The run', 'data': 'The data', 'flow': 'The flow'}
    sections |= {'train': 'The training', 'eval': 'The evaluation'}
    for section, title in sections.items():
      rows = [
        (f'{_PREFIX}{key}={option.type.__name__.upper()}', _describe(option))
        for key, option in OPTIONS.items()
        if key.rpartition('.')[0] == section
      ]
      with formatter.section(f'{title} (values of the configuration)'):
        formatter.write_dl(rows, col_max=38)


def _describe(option):
  """Returns the help text of an option, with its range and its default."""
  facts = []
  if option.choices:
    facts.append(' | '.join(option.choices))
  elif option.bounds:
    facts.append(option.bounds)
  default = 'that of the model' if option.default is None else option.default
  facts.append(
    f'default {default!r}' if default == '' else f'default {default}'
  )
  if option.resumable:
    facts.append('resumable')
  return f'{option.help}. [{"; ".join(facts)}]'


def _absolute(path):
  return os.path.abspath(os.path.expanduser(path))


def _complete_config(ctx, parameter, incomplete):
  return [name for name in config_names() if name.startswith(incomplete)]


@click_command(
  'train',
  '--data my_images --workdir runs/mine --config.train.num_steps=20000 '
  '--config.train.max_minutes=60',
  cls=_TrainCommand,
  context_settings={'ignore_unknown_options': True, 'allow_extra_args': True},
)
@click.option(
  '--workdir',
  metavar='FOLDER',
  help='Folder of the run. A run of the same configuration there is resumed. '
  '[required]',
)
@click.option(
  '--config',
  'name',
  metavar='NAME',
  default='cinc_photos',
  show_default=True,
  shell_complete=_complete_config,
  help='Configuration: a name that `tfp-cinc configs` lists, or a Python file '
  'that defines get_config().',
)
@click.option(
  '--data',
  metavar='PATH',
  help='Folder of your images (PNG, JPEG, ...), or a .npy or .npz file; sets '
  'config.data.name and config.data.dir.',
)
@click.pass_context
def command(ctx, workdir, name, data):
  """Train a flow, or resume the run in a folder.

  Any value of the configuration can be set by --config.KEY=VALUE. The defaults
  below are those of a configuration that does not set the value;
  `tfp-cinc configs NAME` prints the values of one. Resumable values may change
  when a run is resumed.
  """
  values = ctx.command.overrides(ctx)
  config = load_config(name)
  if data is not None:
    config.data.name, config.data.dir = kind_of_data(data, '--data'), data
  if workdir is None:
    raise UserError(
      'the option --workdir is missing; name the folder of the run, such as '
      '--workdir runs/mine.'
    )
  if not workdir.strip():
    raise UserError(
      f'--workdir is {workdir!r}; name the folder of the run, such as '
      'runs/mine.'
    )
  override(config, values)
  reduce_if_smoke(config)
  # Absolute, so that the run can be used from any folder.
  if config.data.dir:
    config.data.dir = _absolute(config.data.dir)
  if config.train.initial_weights.endswith('.npz'):
    config.train.initial_weights = _absolute(config.train.initial_weights)
  check_config_values(config)
  check_config(config, workdir)
  from ..loop.train import train

  train(config, workdir)
