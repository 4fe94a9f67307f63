"""Ctrl-C and SIGTERM: how commands end when they are asked to."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

__all__ = ['EXIT_CODE', 'StopRequest', 'one_line_at_interrupt']

EXIT_CODE = 130  # of a process that Ctrl-C ended: 128 + SIGINT

_AGAIN = 'Stopping after the present step; Ctrl-C again ends at once.'


class StopRequest:
  """Notes SIGTERM, which schedulers and `horovodrun` send, and Ctrl-C.

  A second Ctrl-C ends the process at once. Further SIGTERM change nothing,
  because `horovodrun` sends one to workers that have received another.

  Attributes:
    received: Whether a signal has come.
  """

  def __init__(self):
    self.received = False
    self._before = {}

  def __enter__(self):
    for number in (signal.SIGTERM, signal.SIGINT):
      self._before[number] = signal.signal(number, self._note)
    return self

  def __exit__(self, *_):
    self.restore_handlers()

  def restore_handlers(self) -> None:
    """Lets signals do again what they did before the `with` block."""
    while self._before:
      signal.signal(*self._before.popitem())

  def _note(self, number, _):
    self.received = True
    if number == signal.SIGINT:
      _say(_AGAIN)
      signal.signal(signal.SIGINT, _end_at_once)


@contextlib.contextmanager
def one_line_at_interrupt() -> Iterator[None]:
  """Ends the process with one line and `EXIT_CODE` at Ctrl-C.

  Within the block, Ctrl-C raises `KeyboardInterrupt`, and a second Ctrl-C, for
  example while a library cleans up, ends the process at once.

  Raises:
    SystemExit: If the block ended with an error after Ctrl-C. Libraries may
      have turned `KeyboardInterrupt` into any other exception.
  """
  received = False

  def interrupt(*_):
    nonlocal received
    received = True
    signal.signal(signal.SIGINT, _end_at_once)
    raise KeyboardInterrupt

  # A background job ignores Ctrl-C, and only the main thread gets signals.
  is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
  is_main = threading.current_thread() is threading.main_thread()
  if is_usual and is_main:
    signal.signal(signal.SIGINT, interrupt)
  try:
    yield
  except BaseException as error:
    if not received and not isinstance(error, KeyboardInterrupt):
      raise
    print('Interrupted.', file=sys.stderr)
    sys.exit(EXIT_CODE)
  finally:
    if is_usual and is_main and not received:
      signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_at_once(*_):
  """Ends the process without any cleaning up.

  Files are written under temporary names, so none of them is half-written.
  """
  _say('Interrupted.')
  os._exit(EXIT_CODE)


def _say(sentence):
  """Prints a sentence below the ^C of a terminal, from a signal handler."""
  # Not by `print`, which may be what the signal interrupted.
  os.write(2, f'\n{sentence}\n'.encode())
