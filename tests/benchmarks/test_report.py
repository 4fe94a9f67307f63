"""Tests of how benchmarks are timed and reported."""

import json
import os
import subprocess
import sys

import psutil

from benchmarks import report, timing


def test_tables_are_printed_and_written_to_a_file(capsys, tmp_path):
  rows = [{'flow': 'one', 'ratio': 1.0}, {'flow': 'other', 'ratio': None}]
  path = tmp_path / 'folder' / 'table.json'
  report.write('Title', 'Conditions.', rows, path)
  printed = capsys.readouterr().out
  assert '| one   | 1     |' in printed
  assert '| other |       |' in printed
  assert json.loads(path.read_text())['rows'] == rows


def test_alternatives_take_turns():
  calls = []
  functions = {name: lambda name=name: calls.append(name) for name in 'ab'}
  seconds = timing.medians(functions, rounds=5)
  assert calls == [*'aabb', *'ab' * 5]
  assert all(value >= 0 for value in seconds.values())
  rows = timing.ratios({'a': 2.0, 'b': 1.0}, 'a')
  assert [row['ratio'] for row in rows] == [1.0, 0.5]


def test_a_function_runs_in_another_process():
  assert timing.in_new_process(os.getpid) != os.getpid()


def test_a_new_process_ends_with_a_killed_parent():
  program = """
from benchmarks.timing import in_new_process
forever = 'import os, signal; print(os.getpid(), flush=True); signal.pause()'
if __name__ == '__main__':
  in_new_process(exec, forever)
"""
  with subprocess.Popen(
    [sys.executable, '-c', program],
    stdout=subprocess.PIPE,
    text=True,
  ) as parent:
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    child.wait(60)
