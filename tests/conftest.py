"""Hooks that free the memory of earlier tests and take chance out of tests."""

import ctypes
import gc
import random
import zlib

import numpy as np
import pytest


def pytest_collection_finish():
  """Exempts all that is there before the first test from garbage collection.

  Imports make half a million objects. Without them a collection takes
  milliseconds, so that checks can afford to force one.
  """
  gc.collect()
  gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
  """Seeds what is drawn without a seed, before the test's fixtures are made."""
  seed = zlib.crc32(item.nodeid.encode())
  random.seed(seed)
  np.random.seed(seed)
  # The operating system's entropy, from which initial weights are drawn.
  np.random.bit_generator.randbits = random.Random(seed).getrandbits
  # `tf.random.set_seed` would also discard all kernels, which costs 30 ms in
  # each test. It does so because a kernel continues its random numbers when
  # another test has the same seed; here no two tests have.
  context = _tensorflow_context()
  context._seed, context._rng = seed, random.Random(seed)


@pytest.fixture(autouse=True, scope='module')
def _free_memory_after_module():
  """Frees what the tests of a module leave in memory."""
  yield
  free_memory()


def free_memory():
  """Frees what tests have left in memory; their traced functions end here."""
  from tensorflow.python.framework import ops
  from tensorflow.python.ops.parallel_for import pfor

  from tfp_cinc.internal import tfp_compat

  # TensorFlow, Keras and TFP leave graphs behind, which hold all Variables.
  pfor._channel_flatten_input_cache.clear()
  tfp_compat.tfp_cache().clear()
  for name in list(ops.gradient_registry.list()):
    if name.startswith('CustomGradient'):
      tfp_compat.free_gradient_with_graph(name)
  _tensorflow_context().clear_kernel_cache()
  gc.collect()
  # glibc keeps freed memory, unless it is told not to.
  malloc_trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
  if malloc_trim is not None:
    malloc_trim(0)


def _tensorflow_context():
  # Not imported above, as pytest-xdist's main process runs no tests.
  from tensorflow.python.eager import context

  return context.context()
