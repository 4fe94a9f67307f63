"""Writes the tables of configurations: `python docs/write_model_table.py`.

Each row of the README's is a configuration in training/configs for a few
minutes; its model and the number of parameters are those of the flow that it
builds. Each row of docs/configs.md is one of a paper's experiment, whose flow
would take long to build; the published result is what its docstring says.
"""

import importlib
import inspect
import pathlib
import re

from tfp_cinc import math, models
from training import datasets, steps

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = ROOT / 'training' / 'configs'
README = ROOT / 'README.md'
PAPER_PAGE = ROOT / 'docs' / 'configs.md'
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
    lines.append(
      f'| {what} | {paper} | `models.{name}` | `{config}` | {parameters:,} |'
    )
  return '\n'.join(lines) + '\n'


def main():
  """Writes the page, and what stands between the two marks in the README."""
  PAPER_PAGE.write_text(PAPER_PAGE_START + paper_table())
  text = README.read_text()
  pattern = re.escape(START) + '.*?' + re.escape(END)
  new = START + table() + END
  README.write_text(re.sub(pattern, lambda _: new, text, flags=re.DOTALL))


if __name__ == '__main__':
  main()
