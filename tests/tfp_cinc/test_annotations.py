"""Public signatures have annotations, which py.typed promises."""

import importlib
import inspect
import pkgutil

import pytest

import tfp_cinc

PACKAGES = [
  module.name
  for module in pkgutil.iter_modules(tfp_cinc.__path__)
  if module.name not in ('internal', 'version')
]


def is_own(cls):
  return cls.__module__.partition('.')[0] == 'tfp_cinc'


def methods(cls):
  """Yields the public methods that a class inherits from this package.

  The signatures of overridden methods of TFP and TensorFlow are theirs.
  """
  for base in filter(is_own, cls.__mro__):
    foreign_bases = [
      c for c in base.__mro__ if not is_own(c) and c is not object
    ]
    for name, member in vars(base).items():
      if name in ('__init__', '__call__') or not (
        name.startswith('_') or any(name in vars(c) for c in foreign_bases)
      ):
        member = getattr(member, '__func__', getattr(member, 'fget', member))
        if inspect.isfunction(member):
          yield member


def unannotated(function):
  """Returns the names of the parameters without annotations, and 'return'."""
  signature = inspect.signature(function)
  missing = [
    parameter.name
    for parameter in signature.parameters.values()
    if parameter.annotation is parameter.empty
    and parameter.name not in ('self', 'cls')
  ]
  is_constructor = function.__name__ == '__init__'
  if signature.return_annotation is signature.empty and not is_constructor:
    missing.append('return')
  return missing


@pytest.mark.parametrize('name', ['tfp_cinc', *PACKAGES])
def test_public_functions_and_methods_have_annotations(name):
  module = tfp_cinc
  if name != 'tfp_cinc':
    module = importlib.import_module(f'tfp_cinc.{name}')
  public = [getattr(module, word) for word in module.__all__]
  functions = [x for x in public if inspect.isfunction(x)]
  for cls in filter(inspect.isclass, public):
    functions += methods(cls)
  missing = {
    f'{function.__module__}.{function.__qualname__}': names
    for function in functions
    if (names := unannotated(function))
  }
  assert not missing


def test_missing_annotations_are_found():
  class Base:
    def __init__(self, size, name: str = 'x'):
      pass

  def function(x, *, y: int):
    pass

  assert unannotated(Base.__init__) == ['size']
  assert unannotated(function) == ['x', 'return']
