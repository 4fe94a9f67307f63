"""Tests of the request to stop a run."""

import os
import signal

import pytest

from training.loop.train import StopRequest

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize('number', SIGNALS)
def test_first_signal_is_noted(number):
  before = [signal.getsignal(x) for x in SIGNALS]
  with StopRequest() as request:
    assert not request.received
    os.kill(os.getpid(), number)
    assert request.received
    # A second Ctrl-C ends the process at once.
    assert [signal.getsignal(x) for x in SIGNALS] == before
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
  assert [signal.getsignal(x) for x in SIGNALS] == before


def test_handlers_are_restored_without_a_signal():
  before = [signal.getsignal(x) for x in SIGNALS]
  with StopRequest() as request:
    assert [signal.getsignal(x) for x in SIGNALS] != before
  assert not request.received
  assert [signal.getsignal(x) for x in SIGNALS] == before
