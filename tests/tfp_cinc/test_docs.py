"""The examples in docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import tfp_cinc

MODULES = [
  module.name
  for module in pkgutil.walk_packages(tfp_cinc.__path__, 'tfp_cinc.')
  if not module.ispkg
]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
  module = importlib.import_module(name)
  names = {'np': np, 'tf': tf, 'tfb': tfp.bijectors, 'tfp_cinc': tfp_cinc}
  assert doctest.testmod(module, extraglobs=names).failed == 0


def test_every_layer_has_an_example():
  for name in tfp_cinc.bijectors.__all__:
    layer = getattr(tfp_cinc.bijectors, name)
    if isinstance(layer, type) and issubclass(layer, tfp.bijectors.Bijector):
      assert layer.__doc__ is not None
      assert '>>>' in layer.__doc__, name
