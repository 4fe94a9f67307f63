"""Writes docs/configuration.md from the table of configuration values.

python docs/write_configuration_page.py
"""

import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).parents[1]
if __name__ == '__main__':
  sys.path.insert(0, str(ROOT))

from training.configs.loading import load_config  # noqa: E402
from training.configs.options import OPTIONS, Option  # noqa: E402
from training.run_folder.config_file import flat_dict  # noqa: E402

PAGE = ROOT / 'docs' / 'configuration.md'

_START = """# Configuration

All values of a configuration, with the defaults of `get_base_config()`.
`tfp-cinc configs` lists the configurations, each of which sets some of these
values, and `tfp-cinc configs NAME` prints all values of one.

CINC_PHOTOS

On the command line, every value is an option with the prefix `--config.`, for
example

```
tfp-cinc train --config cinc_photos --workdir runs/deep --config.flow.depth=8
```

`tfp-cinc train --help` prints this table. Values marked with a star may change
when a run is resumed; changing another value requires a new folder.

A configuration of your own is a Python file that defines `get_config()`:

```python
from tfp_cinc_training.configs.base import get_base_config


def get_config():
  \"\"\"Returns the configuration.\"\"\"
  config = get_base_config()
  config.data.name = 'folder'
  config.data.dir = 'my_images'
  config.flow.levels = 3
  config.flow.depth = 8
  return config
```

Other arguments of a function of `tfp_cinc.models` can be set there too, as
`config.flow.NAME`. [A first flow](first_flow.md#choose-the-parts-of-a-flow)
lists the words that `flow.layers`, `flow.network` and other arguments accept.
"""

_TITLES = {
  '': 'The run',
  'data': 'The data',
  'flow': 'The flow',
  'train': 'The training',
  'eval': 'The evaluation',
}


def page() -> str:
  """Returns the content of the page."""
  parts = [_START.replace('CINC_PHOTOS', _default_of_train())]
  for section, title in _TITLES.items():
    rows = [
      _row(option)
      for key, option in OPTIONS.items()
      if key.rpartition('.')[0] == section
    ]
    head = ['| value | default | range | meaning |', '|---|---|---|---|']
    parts.append('\n'.join([f'## {title}', '', *head, *rows, '']))
  return '\n'.join(parts)


def _default_of_train():
  """Returns a paragraph on the values of the default configuration."""
  values = flat_dict(load_config('cinc_photos').to_dict())
  changed = ', '.join(
    f'`{key}={values[key]!r}`'
    for key, option in OPTIONS.items()
    if values[key] != option.default
  )
  return textwrap.fill(
    'Without `--config`, `tfp-cinc train` starts from `cinc_photos`, not from '
    f'the defaults below. It sets {changed}.',
    80,
    break_on_hyphens=False,
    break_long_words=False,
  )


def _row(option: Option) -> str:
  star = ' *' if option.resumable else ''
  default = f'`{option.default!r}`'
  if option.default is None:
    default = 'default of the model'
  valid = option.bounds
  if option.choices:
    valid = ', '.join(
      f'`{choice or repr(choice)}`' for choice in option.choices
    )
  elif not valid:
    valid = option.type.__name__
  return f'| `{option.key}`{star} | {default} | {valid} | {option.help} |'


if __name__ == '__main__':
  PAGE.write_text(page())
