"""Writes docs/configuration.md from the table of configuration values.

python docs/write_configuration_page.py
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[1]
if __name__ == '__main__':
  sys.path.insert(0, str(ROOT))

from training.configs.options import OPTIONS, Option  # noqa: E402

PAGE = ROOT / 'docs' / 'configuration.md'

_START = """# Configuration

All values of a configuration, with their defaults. `tfp-cinc configs` lists the
configurations, each of which sets some of these values. On the command line,
every value is an option with the prefix `--config.`, for example

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
  parts = [_START]
  for section, title in _TITLES.items():
    rows = [
      _row(option)
      for key, option in OPTIONS.items()
      if key.rpartition('.')[0] == section
    ]
    head = ['| value | default | range | meaning |', '|---|---|---|---|']
    parts.append('\n'.join([f'## {title}', '', *head, *rows, '']))
  return '\n'.join(parts)


def _row(option: Option) -> str:
  star = ' *' if option.resumable else ''
  default = 'of the flow' if option.default is None else f'`{option.default!r}`'
  valid = option.bounds
  if option.choices:
    valid = ', '.join(f'`{choice}`' for choice in option.choices)
  elif not valid:
    valid = option.type.__name__
  return f'| `{option.key}`{star} | {default} | {valid} | {option.help} |'


if __name__ == '__main__':
  PAGE.write_text(page())
