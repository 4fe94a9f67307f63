"""Snapshots of all values of an object graph, to be written later."""

import uuid

import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

__all__ = ['Snapshots', 'write']

_GRAPH_KEY = '_CHECKPOINTABLE_OBJECT_GRAPH'


class Snapshots:
  """Copies the values that a `tf.train.Checkpoint` would write.

  `write` writes a copy. The files have the same keys as those of
  `tf.train.Checkpoint.write`, and `tf.train.Checkpoint.read` reads them.
  `tf.train.CheckpointOptions(enable_async=True)` is not used, because it raises
  an error of its thread only at the next save, when it is too late to clean up,
  and misses variables that are made after its first save.
  """

  def __init__(self, checkpoint: tf.train.Checkpoint):
    """Captures the checkpoint; nothing is copied yet."""
    self._checkpoint = checkpoint
    self._made_of = None

  def take(self) -> dict[str, tf.Tensor]:
    """Copies all values to the memory of the host.

    The first call finds the keys of the variables, which takes seconds for a
    flow of a thousand variables. A call after new variables were made does this
    again.

    Returns:
      {key: tensor}. Later changes of the variables do not affect the tensors.

    Raises:
      TypeError: If the graph has state that is not in a `tf.Variable`.
    """
    made_of = self._fingerprint()
    if made_of != self._made_of:
      self._graph, self._variables = _keys(self._checkpoint)
      self._made_of = made_of
    with tf.device('CPU:0'):
      # While a tensor exists, TensorFlow copies its variable before a change.
      return {
        **{key: tf.identity(value) for key, value in self._variables.items()},
        _GRAPH_KEY: tf.constant(self._graph),
      }

  def _fingerprint(self):
    """Returns a value that changes with the objects and slots of the graph."""
    objects = tf.train.TrackableView(self._checkpoint).descendants()
    # Slots are not among the descendants.
    slots = [len(x.weights) for x in objects if hasattr(x, 'get_slot_names')]
    return [id(x) for x in objects], slots


def write(values: dict[str, tf.Tensor], prefix: str) -> None:
  """Writes a copy that `Snapshots.take` made, from any thread.

  Args:
    values: The copy.
    prefix: Prefix of the paths of the files.

  Raises:
    tf.errors.OpError: If the disk is full or writing fails.
  """
  keys = sorted(values)
  with tf.device('CPU:0'):
    tf.raw_ops.SaveV2(
      prefix=prefix,
      tensor_names=keys,
      shape_and_slices=[''] * len(keys),
      tensors=[values[key] for key in keys],
    )


def _keys(checkpoint):
  """Returns the serialized object graph, and {key: variable}."""
  # TensorFlow reveals the keys only in the files that it writes. 'ram:' is a
  # file system in memory.
  folder = f'ram://{uuid.uuid4().hex}'
  checkpoint.write(f'{folder}/state')
  [graph] = tf.raw_ops.RestoreV2(
    prefix=f'{folder}/state',
    tensor_names=[_GRAPH_KEY],
    shape_and_slices=[''],
    dtypes=[tf.string],
  )
  serialized = graph.numpy()
  tf.io.gfile.rmtree(folder)
  nodes = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
    serialized
  ).nodes
  objects, to_visit = {0: checkpoint}, [0]
  for number in to_visit:
    children = tf.train.TrackableView.children(objects[number])
    for child in nodes[number].children:
      if child.node_id not in objects:
        objects[child.node_id] = children[child.local_name]
        to_visit.append(child.node_id)
  for number in to_visit:
    for slot in nodes[number].slot_variables:
      objects[slot.slot_variable_node_id] = objects[number].get_slot(
        objects[slot.original_variable_node_id], slot.slot_name
      )
  variables = {}
  for number, node in enumerate(nodes):
    for attribute in node.attributes:
      if not isinstance(objects.get(number), tf.Variable):
        raise TypeError(f'{attribute.checkpoint_key} is not a tf.Variable')
      variables[attribute.checkpoint_key] = objects[number]
  return serialized, variables
