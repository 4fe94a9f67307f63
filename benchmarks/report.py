"""Reports the results of a benchmark as a table and a JSON file."""

import json
import os
import pathlib
import platform
import time

__all__ = ['machine', 'write']


def machine() -> str:
  """Returns a short description of the machine."""
  cores = len(os.sched_getaffinity(0))
  with open('/proc/cpuinfo') as file:
    flags = file.read()
  telling = ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16')
  vectors = [name for name in telling if name in flags]
  return (
    f'{cores} CPU cores ({", ".join(vectors)}), {platform.machine()}, '
    f'{platform.system()}'
  )


def write(title: str, what: str, rows: list[dict], out=None) -> None:
  """Prints a Markdown table, and writes it as JSON if `out` is given.

  Args:
    title: Title of the table.
    what: Description of the conditions, in sentences.
    rows: Rows with the same keys, which are the columns.
    out: Path of the JSON file. None writes no file.
  """
  date = time.strftime('%Y-%m-%d')
  print(f'## {title}\n\n{what} {machine()}, {date}.\n')
  cells = [list(rows[0]), *([_cell(v) for v in row.values()] for row in rows)]
  widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
  for i, row in enumerate(cells):
    padded = (c.ljust(w) for c, w in zip(row, widths, strict=True))
    print(f'| {" | ".join(padded)} |')
    if not i:
      print(f'|{"|".join("-" * (width + 2) for width in widths)}|')
  print(flush=True)
  if out:
    value = {
      'title': title,
      'what': what,
      'machine': machine(),
      'date': date,
      'rows': rows,
    }
    path = pathlib.Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + '\n')


def _cell(value):
  if value is None:
    return ''
  return f'{value:.3g}' if isinstance(value, float) else str(value)
