"""Forks writers of files and folders, which kill themselves.

Run by `test_files` as `python -m tests.programs.file_writers FOLDER`.
TensorFlow is imported only once, because each writer is a fork.
"""

import os
import pathlib
import signal
import sys

from tfp_cinc.internal import files

# Events after which a folder holds other names or contents.
_CHANGES = (
  'open',
  'os.chmod',
  'os.mkdir',
  'os.remove',
  'os.rename',
  'os.rmdir',
  'shutil.rmtree',
  'tempfile.mkdtemp',
  'tempfile.mkstemp',
)


def write_file(folder, text):
  """Replaces the file `target`."""
  files.replace_file(folder / 'target', text.encode())


def write_folder(folder, text):
  """Replaces the folder `target` of two files, one of them in a folder."""
  with files.replace_folder(folder / 'target') as new:
    (new / 'a').write_text(text)
    (new / 'inner').mkdir()
    (new / 'inner' / 'b').write_text(text)


def write_folder_in_two_steps(folder, text):
  """Does the same on a system that cannot exchange two names."""
  files._exchange = lambda first, second: False
  write_folder(folder, text)


WRITERS = {
  function.__name__: function
  for function in (write_file, write_folder, write_folder_in_two_steps)
}


def die_at(number):
  """Kills this process at its change of the file system with this number."""
  seen = 0

  def die(event, _):
    nonlocal seen
    if event in _CHANGES:
      if seen == number:
        os.kill(os.getpid(), signal.SIGKILL)
      seen += 1

  sys.addaudithook(die)


def main(folder):
  """Forks a writer at each line of standard input and waits for its end.

  A line has the name of a function of `WRITERS`, the name of the folder in
  which it writes 'new', and the number for `die_at`. The answer is 'finished'
  or 'killed'.
  """
  for line in sys.stdin:
    name, where, number = line.split()
    child = os.fork()
    if not child:
      die_at(int(number))
      WRITERS[name](folder / where, 'new')
      os._exit(0)
    _, status = os.waitpid(child, 0)
    print('killed' if os.WIFSIGNALED(status) else 'finished', flush=True)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
