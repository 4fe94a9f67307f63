"""Hooks that make tests independent of chance and of the memory of others."""

import ctypes
import gc
import random
import sys

import numpy as np
import pytest


def pytest_collection_finish():
  """Exempts all that imports made from garbage collection.

  TensorFlow makes half a million objects. Without them, a collection takes
  milliseconds, so that checks can afford to force it.
  """
  gc.collect()
  gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
  """Seeds all sources of chance, before the fixtures of the test are made."""
  del item
  import tensorflow as tf  # only in processes that run tests

  random.seed(0)
  np.random.seed(0)
  tf.random.set_seed(0)
  # Seeds of initial weights: NumPy takes them from the operating system.
  np.random.bit_generator.randbits = random.Random(0).getrandbits


@pytest.fixture(autouse=True, scope='module')
def _freed_memory():
  """Returns the memory of a module's tests to the operating system."""
  yield
  gc.collect()
  if sys.platform == 'linux':
    ctypes.CDLL('libc.so.6').malloc_trim(0)
