"""Every configuration builds its flow, and the README says which there are."""

import pathlib
import runpy

ROOT = pathlib.Path(__file__).parents[2]


def test_readme_has_the_table_of_all_configurations():
  script = runpy.run_path(str(ROOT / 'docs' / 'write_model_table.py'))
  table = script['table']()
  configs = [
    p.stem for p in (ROOT / 'training' / 'configs').glob('[a-z]*_*.py')
  ]
  assert len(configs) >= 13
  assert all(f'| `{name}` |' in table for name in configs)
  readme = (ROOT / 'README.md').read_text()
  assert table in readme, 'run `python docs/write_model_table.py`'
