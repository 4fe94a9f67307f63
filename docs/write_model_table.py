"""Writes the README's table of models: `python docs/write_model_table.py`.

Each row is a configuration in training/configs; its model and the number of
parameters are those of the flow that it builds.
"""

import importlib
import pathlib
import re

from tfp_cinc import math
from training import datasets, steps

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / 'README.md'
START, END = '<!-- models -->\n', '<!-- end of models -->'

PAPERS = {
  'autoregressive_conv': 'IAF (Kingma et al. 2016)',
  'cinc': 'CInC Flow (Nagar et al. 2021)',
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


def rows():
  """(model, paper, configuration, number of parameters) of each."""
  for path in sorted((ROOT / 'training' / 'configs').glob('*_*.py')):
    if path.stem == '__init__':
      continue
    module = importlib.import_module(f'training.configs.{path.stem}')
    config = module.get_config()
    shape = datasets.load(config.data).image_shape
    flow = steps.build_flow(config, shape)
    name = config.flow.name
    yield name, PAPERS[name], path.stem, math.parameter_count(flow)


def table() -> str:
  """The table in Markdown."""
  lines = ['| model | paper | config | parameters |', '|---|---|---|---:|']
  lines += [
    f'| `models.{model}` | {paper} | `{config}` | {parameters:,} |'
    for model, paper, config, parameters in rows()
  ]
  return '\n'.join(lines) + '\n'


def main():
  """Replaces what stands between the two marks in the README."""
  text = README.read_text()
  pattern = re.escape(START) + '.*?' + re.escape(END)
  new = START + table() + END
  README.write_text(re.sub(pattern, lambda _: new, text, flags=re.DOTALL))


if __name__ == '__main__':
  main()
