"""Creation and shape checks of the Variables of fully connected networks."""

import itertools
import math
import numbers
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

__all__ = ['check_dense_shapes', 'dense_variables']


def dense_variables(
  sizes: Sequence[int],
  *,
  last_scale: float,
  seed: int | None,
  dtype,
) -> tuple[list[tf.Variable], list[tf.Variable]]:
  """Returns new weights and biases of a fully connected network.

  Args:
    sizes: Sizes of the input, of each hidden layer and of the output.
    last_scale: Factor of the initial weight of the last layer.
    seed: Seed of the initial weights, which are drawn from N(0, 1 / inputs).
      None draws new ones.
    dtype: Floating dtype of the Variables.

  Returns:
    Two lists with one Variable for each layer: the weights [inputs, outputs],
    and the biases [outputs], which start at zero.

  Raises:
    ValueError: If there is no hidden layer or a size is less than 1.
  """
  whole = all(isinstance(size, numbers.Integral) for size in sizes)
  if len(sizes) < 3 or not whole or min(sizes) < 1:
    raise ValueError(
      f'the sizes of the layers are {list(sizes)}; at least one hidden layer '
      'is needed, and each size must be an integer of at least 1.'
    )
  rng = np.random.default_rng(seed)
  weights, biases = [], []
  for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
    weight = rng.normal(size=[inputs, outputs]) / math.sqrt(inputs)
    if i == len(sizes) - 2:
      weight *= last_scale
    weights.append(tf.Variable(tf.cast(weight, dtype), name=f'weight_{i}'))
    biases.append(tf.Variable(tf.zeros([outputs], dtype), name=f'bias_{i}'))
  return weights, biases


def check_dense_shapes(weights: Sequence, biases: Sequence) -> list[int]:
  """Checks the shapes of a network and returns its sizes [D_0, ..., D_n].

  The sizes of the input and the output, D_0 and D_n, must be equal.

  Args:
    weights: Sequence of n >= 2 tensors or Variables [D_{i-1}, D_i].
    biases: Sequence of n tensors or Variables [D_i].

  Returns:
    List of n + 1 integers.

  Raises:
    ValueError: If the shapes are not as described above.
  """
  if len(weights) < 2 or len(biases) != len(weights):
    raise ValueError(
      f'there are {len(weights)} `weights` and {len(biases)} `biases`; their '
      'numbers must be equal and at least 2.'
    )
  shapes = [tuple(weight.shape) for weight in weights]
  sizes = [shapes[0][0], *(shape[-1] for shape in shapes)]
  if shapes != list(itertools.pairwise(sizes)) or sizes[0] != sizes[-1]:
    raise ValueError(
      f'`weights` have the shapes {shapes}; the number of rows of each must '
      'equal the number of columns of the previous one, and the last one must '
      'have as many columns as the first one has rows.'
    )
  bias_shapes = [tuple(bias.shape) for bias in biases]
  if bias_shapes != [(size,) for size in sizes[1:]]:
    raise ValueError(
      f'`biases` have the shapes {bias_shapes}; with these weights they must '
      f'be {[(size,) for size in sizes[1:]]}.'
    )
  return sizes
