"""Tests of the request to stop a run."""

import os
import signal

import pytest

from training.loop.train import StopRequest

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def handlers():
  return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def before():
  """The handlers of Python, even in a background job, which ignores Ctrl-C."""
  kept = handlers()
  signal.signal(signal.SIGINT, signal.default_int_handler)
  yield handlers()
  for number, handler in zip(SIGNALS, kept, strict=True):
    signal.signal(number, handler)


@pytest.mark.parametrize('number', SIGNALS)
def test_first_signal_is_noted(before, number):
  with StopRequest() as request:
    assert not request.received
    os.kill(os.getpid(), number)
    assert request.received
    # A second Ctrl-C ends the process at once.
    assert handlers() == before
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
  assert handlers() == before


def test_handlers_are_restored_without_a_signal(before):
  with StopRequest() as request:
    assert handlers() != before
  assert not request.received
  assert handlers() == before
