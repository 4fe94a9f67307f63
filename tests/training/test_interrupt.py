"""Tests of Ctrl-C and SIGTERM."""

import os
import signal

import pytest

from training.interrupt import StopRequest, one_line_at_interrupt

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def handlers():
  return [signal.getsignal(number) for number in SIGNALS]


class Ended(BaseException):
  """Takes the place of the end of the process."""


@pytest.fixture
def before(monkeypatch):
  """The handlers of Python, even in a background job, which ignores Ctrl-C."""

  def end(code):
    raise Ended(code)

  monkeypatch.setattr('os._exit', end)
  kept = handlers()
  signal.signal(signal.SIGINT, signal.default_int_handler)
  yield handlers()
  for number, handler in zip(SIGNALS, kept, strict=True):
    signal.signal(number, handler)


def send(number):
  os.kill(os.getpid(), number)


@pytest.mark.parametrize('number', SIGNALS)
def test_first_signal_is_noted(before, number):
  with StopRequest() as request:
    assert not request.received
    send(number)
    assert request.received
  assert handlers() == before


def test_second_interrupt_ends_the_process_at_once(before, capfd):
  with StopRequest():
    send(signal.SIGINT)
    assert 'Ctrl-C again ends at once.' in capfd.readouterr().err
    with pytest.raises(Ended, match='130'):
      send(signal.SIGINT)
    assert capfd.readouterr().err == '\nInterrupted.\n'


@pytest.mark.parametrize('first', SIGNALS)
def test_further_terminations_change_nothing(before, first):
  """`horovodrun` sends SIGTERM to its workers when it gets Ctrl-C."""
  with StopRequest() as request:
    send(first)
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    assert request.received


def test_handlers_are_restored_once(before):
  with StopRequest() as request:
    assert handlers() != before
    request.restore_handlers()
    assert handlers() == before
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
  assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
  assert not request.received


def interrupt_a_library():
  try:
    send(signal.SIGINT)
  except KeyboardInterrupt:
    raise RuntimeError('KeyboardInterrupt: in a callback') from None


def interrupt_while_results_are_written():
  with StopRequest() as request:
    request.restore_handlers()
    send(signal.SIGINT)


def interrupt_twice():
  try:
    send(signal.SIGINT)
  finally:
    with pytest.raises(Ended, match='130'):
      send(signal.SIGINT)


@pytest.mark.parametrize(
  'command',
  [
    lambda: send(signal.SIGINT),
    interrupt_a_library,
    interrupt_while_results_are_written,
  ],
)
def test_interrupt_is_one_line(before, capfd, command):
  with pytest.raises(SystemExit) as end, one_line_at_interrupt():
    command()
  assert end.value.code == 130
  assert capfd.readouterr().err == 'Interrupted.\n'


def test_second_interrupt_does_not_wait_for_what_is_cleaned_up(before):
  with pytest.raises(SystemExit), one_line_at_interrupt():
    interrupt_twice()


def test_other_errors_pass_and_handlers_are_restored(before):
  with pytest.raises(ZeroDivisionError), one_line_at_interrupt():
    raise ZeroDivisionError
  assert handlers() == before


def test_background_job_ignores_the_interrupt(before):
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  with one_line_at_interrupt():
    send(signal.SIGINT)
