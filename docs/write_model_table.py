"""Writes the tables of the pages: `python docs/write_model_table.py`.

docs/first_flow.md lists the words that `multiscale_flow` takes and what each
stands for, from the tables in which it looks them up.

Each row of the README's is a configuration in training/configs for a few
minutes; its model and the number of parameters are those of the flow that it
builds. Each row of docs/configs.md is one of a paper's experiment, whose flow
would take long to build; the published result is what its docstring says.
"""

import importlib
import inspect
import pathlib
import re

import tensorflow as tf

from tfp_cinc import bijectors, math, models, networks
from tfp_cinc.bijectors.coupling_functions import (
  COUPLING_FUNCTIONS,
  SCALE_FUNCTIONS,
)
from tfp_cinc.models.steps import COUPLINGS, LAYERS
from training import datasets, steps

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = ROOT / 'training' / 'configs'
README = ROOT / 'README.md'
PAPER_PAGE = ROOT / 'docs' / 'configs.md'
WORDS_PAGE = ROOT / 'docs' / 'first_flow.md'
WORD_MARKS = '<!-- words -->\n', '<!-- end of words -->'
START, END = '<!-- models -->\n', '<!-- end of models -->'

PAPERS = {
  'autoregressive_conv': 'IAF (Kingma et al. 2016)',
  'cinc': 'CInC Flow (Nagar et al. 2021), behind a 1x1',
  'cinc_paper': 'CInC Flow (Nagar et al. 2021)',
  'emerging': 'Emerging (Hoogeboom et al. 2019)',
  'ffjord': 'FFJORD (Grathwohl et al. 2019)',
  'glow': 'Glow (Kingma and Dhariwal 2018)',
  'iaf': 'IAF (Kingma et al. 2016)',
  'maf': 'MAF (Papamakarios et al. 2017)',
  'nice': 'NICE (Dinh et al. 2015)',
  'periodic': 'Emerging (Hoogeboom et al. 2019)',
  'real_nvp': 'RealNVP (Dinh et al. 2017)',
  'residual': 'i-ResNet (Behrmann et al. 2019)',
  'shift_conv': 'shift n x n (Truong et al. 2019)',
}


PAPER_PAGE_START = """\
# The papers' experiments

Each row is a file of `training/configs`, whose docstring
has its command and what was chosen where the paper says nothing; all share
`papers.py`. The results are the papers'; none of these has been trained here.
`downsampled_imagenet` is van den Oord's downsampling. `--config.smoke=True`
makes two small steps of any of them on made-up images, without its data.

This page is written by `python docs/write_model_table.py`.

"""


def is_small(name: str) -> bool:
  """Whether a configuration is for minutes, and not a paper's experiment."""
  return name.endswith(('_photos', '_digits'))


def modules():
  """(name, module) of each configuration."""
  for path in sorted(CONFIGS.glob('[a-z]*_*.py')):
    yield path.stem, importlib.import_module(f'training.configs.{path.stem}')


def rows():
  """(model, paper, configuration, number of parameters) of the small ones."""
  for config_name, module in modules():
    if not is_small(config_name):
      continue
    config = module.get_config()
    shape = datasets.load(config.data).image_shape
    flow = steps.build_flow(config, shape)
    name = config.flow.name
    yield name, PAPERS[name], config_name, math.parameter_count(flow)


def paper_table() -> str:
  """The table of the papers' experiments in Markdown."""
  lines = [
    '| config | flow | data | L | K | published | source |',
    '|---|---|---|---:|---:|---|---|',
  ]
  for name, module in modules():
    if is_small(name):
      continue
    config = module.get_config()
    flow, data = config.flow, config.data
    published, source = published_result(module)
    quad = ', quad-coupling' if flow.coupling == 'quad' else ''
    cells = [
      f'`{name}`',
      PAPERS[flow.name] + quad,
      f'`{data.tfds_name}`' if data.name == 'tfds' else 'a folder',
      flow.levels or '-',
      flow.depth,
      published,
      source,
    ]
    lines.append(f'| {" | ".join(map(str, cells))} |')
  return '\n'.join(lines) + '\n'


def published_result(module) -> tuple[str, str]:
  """The result and its source, of 'Published: RESULT (SOURCE).'."""
  _, _, text = module.__doc__.partition('Published: ')
  paragraph = ' '.join(text.split('\n\n')[0].split())
  return re.fullmatch(r'(.+?) \((.+)\)\.', paragraph).groups()


def table() -> str:
  """The README's table in Markdown."""
  lines = [
    '| model | paper | function | config | parameters |',
    '|---|---|---|---|---:|',
  ]
  for name, paper, config, parameters in rows():
    what = inspect.getdoc(getattr(models, name)).splitlines()[0].rstrip('.')
    what = what.removeprefix('Returns a flow of ').removeprefix('Returns ')
    what = what[0].upper() + what[1:]
    lines.append(
      f'| {what} | {paper} | `models.{name}` | `{config}` | {parameters:,} |'
    )
  return '\n'.join(lines) + '\n'


def word_table() -> str:
  """The table of words and the objects that they stand for, in Markdown."""
  rows = [('layers', word, factory) for word, factory in LAYERS.items()]
  for word, (function, blocks) in COUPLINGS.items():
    name = COUPLING_FUNCTIONS[function].__name__
    rows.append(('coupling', word, f'`bijectors.{name}`, {blocks} blocks'))
  for word, function in SCALE_FUNCTIONS.items():
    what = 'tanh(h)' if function is tf.tanh else inspect.getdoc(function)
    rows.append(('scale_function', word, f'log scale = {what}'))
  rows += [('network', word, make) for word, make in networks.NETWORKS.items()]
  lines = ['| argument | word | object |', '|---|---|---|']
  for argument, word, value in rows:
    if callable(value):
      module = networks if argument == 'network' else bijectors
      name = value.__name__
      if not hasattr(module, name):  # a function around a layer
        name = inspect.getdoc(value).split('`')[1]
      value = f'`{module.__name__.removeprefix("tfp_cinc.")}.{name}`'
    value = value.splitlines()[0].rstrip('.')
    lines.append(f'| `{argument}` | `{word}` | {value} |')
  return '\n'.join(lines) + '\n'


def replaced(text: str, start: str, end: str, new: str) -> str:
  """Returns text with other lines between two marks."""
  pattern = re.escape(start) + '.*?' + re.escape(end)
  return re.sub(pattern, lambda _: start + new + end, text, flags=re.DOTALL)


def main():
  """Writes the page of the papers, and the tables between marks."""
  PAPER_PAGE.write_text(PAPER_PAGE_START + paper_table())
  README.write_text(replaced(README.read_text(), START, END, table()))
  page = WORDS_PAGE.read_text()
  WORDS_PAGE.write_text(replaced(page, *WORD_MARKS, word_table()))


if __name__ == '__main__':
  main()
