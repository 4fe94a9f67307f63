"""The condition of an exported flow, as an input of its signatures."""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from tfp_cinc.dequantization import dequantize
from tfp_cinc.internal.choices import check_choice
from tfp_cinc.saved_model.requirements import require

__all__ = ['KINDS', 'ConditionInput']

# The ranks of the shapes of each kind.
KINDS = {
  'label': (1,),
  'values': (1, 3),
  'low_resolution': (3,),
  'mask': (3,),
}


@dataclasses.dataclass(frozen=True)
class ConditionInput:
  """A description of the condition of a flow.

  The kind says which inputs the condition of N images consists of, and how they
  become the condition [N, *shape] that the flow takes:

  - 'label': `labels` int32 [N], from 0 to K - 1, which become one-hot [N, K].
  - 'values': `condition` floating [N, K], such as several attributes 0 or 1, or
    a map [N, H', W', K]. It is not changed.
  - 'low_resolution': `low_resolution` uint8 [N, H', W', C], for
    super-resolution. Each pixel becomes the middle of its bin.
  - 'mask': `known` uint8 [N, H, W, C] and `mask` uint8 [N, H, W, 1], for
    inpainting. The mask is 0 where a pixel is known, and not 0 in the hole. The
    condition has C + 1 channels: the middles of the bins of the known pixels,
    with 0 in the hole, and the mask as 0 or 1.

  #### Example

  >>> digits = tfp_cinc.ConditionInput('label', (10,))
  >>> digits.inputs
  {'labels': (tf.int32, ['N'])}
  >>> digits.tensor({'labels': tf.constant([3, 1])}).shape
  TensorShape([2, 10])

  Attributes:
    kind: 'label', 'values', 'low_resolution' or 'mask'.
    shape: Shape of the condition of one image.
    names: Names of the K classes or values, or None.
    optional: Whether the flow was also trained without a condition, which is
      then 0 everywhere, so that samples can be guided.
  """

  kind: str
  shape: tuple[int, ...]
  names: tuple[str, ...] | None = None
  optional: bool = False

  def __post_init__(self):
    """Checks the attributes.

    Raises:
      ValueError: If an attribute is not as described above.
    """
    check_choice('kind', self.kind, tuple(KINDS))
    shape = tuple(int(size) for size in self.shape)
    object.__setattr__(self, 'shape', shape)
    if len(shape) not in KINDS[self.kind] or min(shape) < 1:
      raise ValueError(
        f'`shape` is {list(shape)}; a condition of the kind {self.kind!r} has '
        f'{" or ".join(map(str, KINDS[self.kind]))} positive sizes.'
      )
    if self.names is None:
      return
    names = tuple(map(str, self.names))
    object.__setattr__(self, 'names', names)
    if len(set(names)) != shape[-1] or len(names) != shape[-1]:
      raise ValueError(
        f'`names` are {list(names)}; {shape[-1]} different names are needed, '
        'one for each class or value.'
      )

  @property
  def inputs(self) -> dict[str, tuple[tf.DType, list]]:
    """Maps the names of the inputs to (dtype, shape), as in `Signature`."""
    *size, channels = self.shape
    inputs: dict[str, dict[str, tuple[tf.DType, list]]] = {
      'label': {'labels': (tf.int32, ['N'])},
      'values': {'condition': (tf.float32, ['N', *self.shape])},
      'low_resolution': {'low_resolution': (tf.uint8, ['N', *self.shape])},
      'mask': {
        'known': (tf.uint8, ['N', *size, channels - 1]),
        'mask': (tf.uint8, ['N', *size, 1]),
      },
    }
    return inputs[self.kind]

  def tensor(
    self, inputs: Mapping[str, tf.Tensor], num_bits: int = 8
  ) -> tf.Tensor:
    """Returns the condition that the flow takes.

    Args:
      inputs: The tensors that `inputs` describes, by name.
      num_bits: Bits per channel of the flow, 1 to 8.

    Returns:
      float32 `Tensor` [N, *shape]. A label out of range raises
      `tf.errors.InvalidArgumentError`.
    """
    if self.kind == 'label':
      return self._one_hot(inputs['labels'])
    if self.kind == 'values':
      return inputs['condition']
    if self.kind == 'low_resolution':
      return dequantize(inputs['low_resolution'], num_bits, noise=0.5)
    known = dequantize(inputs['known'], num_bits, noise=0.5)
    hole = tf.cast(tf.not_equal(inputs['mask'], 0), known.dtype)
    return tf.concat([known * (1.0 - hole), hole], -1)

  def _one_hot(self, labels):
    classes = self.shape[0]
    is_class = (labels >= 0) & (labels < classes)
    wrong = tf.concat([tf.boolean_mask(labels, ~is_class), [0]], 0)[0]
    checked = require(
      tf.reduce_all(is_class),
      '`labels` contains ',
      wrong,
      f'; labels are integers from 0 to {classes - 1}.',
    )
    with tf.control_dependencies([checked]):
      return tf.one_hot(labels, classes)

  def to_json(self) -> dict:
    """Returns a dict of JSON values, for the model card."""
    names = None if self.names is None else list(self.names)
    return {
      **dataclasses.asdict(self),
      'shape': list(self.shape),
      'names': names,
    }

  @classmethod
  def from_json(cls, values: dict) -> 'ConditionInput':
    """Returns the description that `to_json` returned as a dict.

    Args:
      values: A dict of JSON values.

    Raises:
      KeyError, TypeError, ValueError: If a value is missing or invalid.
    """
    return cls(
      values['kind'],
      tuple(values['shape']),
      None if values.get('names') is None else tuple(values['names']),
      bool(values.get('optional')),
    )
