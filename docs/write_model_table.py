"""Writes the tables in the documentation: `python docs/write_model_table.py`.

- docs/first_flow.md: the words that `multiscale_flow` accepts and the objects
  that they stand for.
- README.md: the configurations directly in training/configs. The script builds
  their flows to count the parameters.
- docs/configs.md: the configurations of the papers' experiments, with the
  results in training/configs/papers/published.json. Building their flows would
  take too long.
"""

import inspect
import json
import pathlib
import re
import sys

import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[1]
if __name__ == '__main__':
  sys.path.insert(0, str(ROOT))

from tfp_cinc import bijectors, math, matrices, models, networks  # noqa: E402
from tfp_cinc.bijectors.causal_conv2d import DIAGONAL_BLOCKS  # noqa: E402
from tfp_cinc.bijectors.coupling_functions import (  # noqa: E402
  COUPLING_FUNCTIONS,
  SCALE_FUNCTIONS,
)
from tfp_cinc.math.causal_conv import PADDINGS  # noqa: E402
from tfp_cinc.matrices import MATRICES  # noqa: E402
from tfp_cinc.models.steps import COUPLINGS, LAYERS  # noqa: E402
from training.configs.loading import config_names, load_config  # noqa: E402
from training.data.load import load_dataset  # noqa: E402
from training.loop.model import build_flow  # noqa: E402

PUBLISHED = ROOT / 'training' / 'configs' / 'papers' / 'published.json'
README = ROOT / 'README.md'
PAPER_PAGE = ROOT / 'docs' / 'configs.md'
WORDS_PAGE = ROOT / 'docs' / 'first_flow.md'
WORD_MARKS = '<!-- words -->\n', '<!-- end of words -->'
START, END = '<!-- models -->\n', '<!-- end of models -->'

PAPERS = {
  'autoregressive_conv': 'IAF (Kingma et al. 2016)',
  'cinc': 'CInC Flow (Nagar et al. 2021), with 1x1 convolutions',
  'cinc_paper': 'CInC Flow (Nagar et al. 2021)',
  'emerging': 'Emerging (Hoogeboom et al. 2019)',
  'ffjord': 'FFJORD (Grathwohl et al. 2019)',
  'glow': 'Glow (Kingma and Dhariwal 2018)',
  'iaf': 'IAF (Kingma et al. 2016)',
  'jet': 'Jet (Kolesnikov et al. 2024)',
  'maf': 'MAF (Papamakarios et al. 2017)',
  'nice': 'NICE (Dinh et al. 2015)',
  'periodic': 'Emerging (Hoogeboom et al. 2019)',
  'real_nvp': 'RealNVP (Dinh et al. 2017)',
  'residual': 'i-ResNet (Behrmann et al. 2019)',
  'shift_conv': 'shift n x n (Truong et al. 2019)',
  'tarflow': 'TarFlow (Zhai et al. 2024)',
}


PAPER_PAGE_START = """\
# The papers' experiments

Each row is a configuration in `training/configs/papers`. Its docstring gives
its command and the settings that we chose because the paper does not state
them; `recipes.py` has the shared settings. L and K are the levels and the depth
of the flow. The bits/dim are those of the papers: we have not trained these
configurations. `downsampled_imagenet` is the version by van den Oord et al.
`--config.smoke=True` runs two small steps of any configuration on generated
images, without its data set.

`python docs/write_model_table.py` generates this page.

"""


def rows():
  """Yields (model, paper, config, parameter count) of the small configs."""
  for config_name in config_names(''):
    config = load_config(config_name)
    shape = load_dataset(config.data).image_shape
    flow = build_flow(config, shape)
    name = config.flow.name
    yield name, PAPERS[name], config_name, math.parameter_count(flow)


def paper_table() -> str:
  """Returns the Markdown table of the papers' experiments."""
  results = json.loads(PUBLISHED.read_text())
  lines = [
    '| config | flow | data | L | K | bits/dim | source |',
    '|---|---|---|---:|---:|---:|---|',
  ]
  for name in config_names('papers'):
    config, result = load_config(name), results[name]
    flow, data = config.flow, config.data
    quad = ', quad-coupling' if flow.coupling == 'quad' else ''
    cells = [
      f'`{name}`',
      PAPERS[flow.name] + quad,
      f'`{data.tfds_name}`' if data.name == 'tfds' else 'a folder',
      flow.levels or '-',
      flow.depth,
      result['bits_per_dim'] or '-',
      result['source'],
    ]
    lines.append(f'| {" | ".join(map(str, cells))} |')
  return '\n'.join(lines) + '\n'


def table() -> str:
  """Returns the Markdown table of the README."""
  lines = [
    '| model | paper | function | config | parameters |',
    '|---|---|---|---|---:|',
  ]
  by_model = {}
  for name, paper, config, parameters in rows():
    by_model.setdefault((name, paper), []).append((config, parameters))
  for (name, paper), configs in by_model.items():
    what = inspect.getdoc(getattr(models, name)).splitlines()[0].rstrip('.')
    what = what.removeprefix('Returns a flow of ').removeprefix('Returns ')
    what = what[0].upper() + what[1:]
    names = ', '.join(f'`{config}`' for config, _ in configs)
    counts = ', '.join(f'{parameters:,}' for _, parameters in configs)
    lines.append(f'| {what} | {paper} | `models.{name}` | {names} | {counts} |')
  return '\n'.join(lines) + '\n'


def word_table() -> str:
  """Returns the Markdown table of words and the objects they stand for."""
  rows = [('layers', word, factory) for word, factory in LAYERS.items()]
  for word, (function, blocks) in COUPLINGS.items():
    name = COUPLING_FUNCTIONS[function].__name__
    rows.append(('coupling', word, f'`bijectors.{name}`, {blocks} blocks'))
  for word, function in SCALE_FUNCTIONS.items():
    what = 'tanh(h)' if function is tf.tanh else inspect.getdoc(function)
    rows.append(('scale_function', word, f'log scale = {what}'))
  rows += [('network', word, make) for word, make in networks.NETWORKS.items()]
  rows += [('parametrization', word, make) for word, make in MATRICES.items()]
  rows += [('diagonal_block', word, '') for word in DIAGONAL_BLOCKS]
  rows += [('padding', word, '') for word in PADDINGS]
  rows.append(
    ('padding', 'in_turn', 'the four in turn, convolution by convolution')
  )
  modules = {'network': networks, 'parametrization': matrices}
  lines = ['| argument | word | object |', '|---|---|---|']
  for argument, word, value in rows:
    if callable(value):
      module = modules.get(argument, bijectors)
      name = value.__name__
      if not hasattr(module, name):  # a function that wraps a layer
        name = inspect.getdoc(value).split('`')[1]
      value = f'`{module.__name__.removeprefix("tfp_cinc.")}.{name}`'
    value = value.split('\n')[0].rstrip('.')
    lines.append(f'| `{argument}` | `{word}` | {value} |')
  return '\n'.join(lines) + '\n'


def replaced(text: str, start: str, end: str, new: str) -> str:
  """Returns `text` with the lines between two marks replaced by `new`."""
  pattern = re.escape(start) + '.*?' + re.escape(end)
  return re.sub(pattern, lambda _: start + new + end, text, flags=re.DOTALL)


def main():
  """Writes the page of the papers and the tables between marks."""
  PAPER_PAGE.write_text(PAPER_PAGE_START + paper_table())
  README.write_text(replaced(README.read_text(), START, END, table()))
  page = WORDS_PAGE.read_text()
  WORDS_PAGE.write_text(replaced(page, *WORD_MARKS, word_table()))


if __name__ == '__main__':
  main()
