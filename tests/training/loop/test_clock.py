"""Tests of the time limit and the speed of a run."""

import types

import pytest
import tensorflow as tf

from training.loop import clock as clock_module
from training.loop.clock import Clock


@pytest.fixture
def time(monkeypatch):
  """A clock that a test sets by `time.now`."""
  time = types.SimpleNamespace(now=1000.0)
  time.monotonic = lambda: time.now
  monkeypatch.setattr(clock_module, 'time', time)
  return time


def step(clock, time, seconds, num_images=8):
  """Takes a step of some seconds."""
  clock.start_step()
  time.now += seconds
  clock.end_step(num_images)


def test_limit_ends_a_run_two_steps_early(time):
  seconds = tf.Variable(0.0, dtype=tf.float64)
  clock = Clock(seconds, limit=60)
  for _ in range(4):
    assert not clock.is_ending
    step(clock, time, 10)
  assert float(seconds) == 40
  assert clock.seconds_left == 20
  assert clock.is_ending


def test_time_of_earlier_sessions_counts(time):
  seconds = tf.Variable(50.0, dtype=tf.float64)
  clock = Clock(seconds, limit=60)
  assert clock.seconds_left == 10
  assert not clock.is_ending
  step(clock, time, 9)
  assert float(seconds) == 59
  assert clock.is_ending


def test_run_without_a_limit(time):
  clock = Clock(tf.Variable(0.0, dtype=tf.float64))
  step(clock, time, 10**6)
  assert not clock.is_ending


def test_speed_is_that_of_the_steps_since_the_last_call(time):
  clock = Clock(tf.Variable(0.0, dtype=tf.float64))
  step(clock, time, 2)
  time.now += 100  # an evaluation
  step(clock, time, 2)
  assert clock.images_per_second() == pytest.approx(4)
  step(clock, time, 1, num_images=16)
  assert clock.images_per_second() == pytest.approx(16)
