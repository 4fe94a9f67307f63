"""Tests that checkpoints are complete or missing."""

import errno
import json
import os

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tests.programs.counted import (
  Counted,
  flip_a_bit,
  names,
  restored,
  truncate,
)
from tests.training.run_folder.test_snapshots import model
from training.errors import UserError
from training.run_folder import manifest
from training.run_folder.checkpoints import Checkpoints


def test_no_checkpoint(tmp_path):
  assert restored(tmp_path / 'none') == (None, 0.0, [])


def test_newest_are_kept(tmp_path):
  Counted(tmp_path).save(1, 2, 10, 100)
  assert names(tmp_path) == [f'step_{step:09d}' for step in (2, 10, 100)]
  assert restored(tmp_path) == (100, 100.0, [])


def foreign(path):
  path.write_text(json.dumps(['something', 'else']))


@pytest.mark.parametrize(
  ('name', 'damage', 'told'),
  [
    ('state.data-00000-of-00001', truncate, 'bytes instead of'),
    ('state.data-00000-of-00001', flip_a_bit, 'the checksum of state.data'),
    ('state.index', os.unlink, 'state.index is missing'),
    ('manifest.json', truncate, 'no readable manifest.json'),
    ('manifest.json', foreign, 'no readable manifest.json'),
    ('manifest.json', os.unlink, 'no readable manifest.json'),
  ],
)
def test_damaged_checkpoint_is_passed_over(tmp_path, name, damage, told):
  Counted(tmp_path).save(1, 2)
  damage(tmp_path / 'step_000000002' / name)
  step, value, said = restored(tmp_path)
  assert (step, value) == (1, 1.0)
  assert len(said) == 1
  assert told in said[0]
  assert 'step_000000002' in said[0]
  # The step is trained again and its checkpoint written again.
  Counted(tmp_path).save(2)
  assert restored(tmp_path) == (2, 2.0, [])


def test_damaged_newest_checkpoint_does_not_displace_new_ones(tmp_path):
  Counted(tmp_path, keep=1).save(600)
  truncate(tmp_path / 'step_000000600' / 'state.index')
  Counted(tmp_path, keep=1).save(200)
  Counted(tmp_path, keep=1).save(400)
  step, value, said = restored(tmp_path)
  assert (step, value) == (400, 400.0)
  assert len(said) == 1
  assert names(tmp_path) == ['step_000000400', 'step_000000600']


def test_checkpoint_of_another_program_is_refused(tmp_path):
  other = Checkpoints(tmp_path, 3, another=tf.Variable([1.0]))
  other.save(1)
  other.wait()
  with pytest.raises(UserError, match='this code, without value;'):
    restored(tmp_path)


def test_only_damaged_checkpoints_are_an_error_and_stay(tmp_path):
  Counted(tmp_path).save(1, 2)
  for step in (1, 2):
    truncate(tmp_path / f'step_00000000{step}' / 'state.index')
  with pytest.raises(UserError, match='none of the 2 checkpoints'):
    restored(tmp_path)
  assert len(names(tmp_path)) == 2


def test_remains_of_a_killed_writer_are_removed(tmp_path):
  Counted(tmp_path).save(1)
  (tmp_path / '.tmp_step_000000002').mkdir()
  (tmp_path / '.tmp_step_000000002' / 'state.index').write_text('half')
  assert restored(tmp_path) == (1, 1.0, [])
  Counted(tmp_path).save(2)
  assert names(tmp_path) == ['step_000000001', 'step_000000002']


def test_checkpoint_of_another_shape_is_refused(tmp_path):
  other = Checkpoints(tmp_path, 3, value=tf.Variable([1.0]))
  other.save(1)
  other.wait()
  with pytest.raises(UserError, match='belongs to another flow'):
    restored(tmp_path)


def test_checkpoint_with_weights_under_other_names_is_refused(tmp_path):
  old, new = tf.Module(), tf.Module()
  old.inner, new.outer = tf.Module(), tf.Module()
  old.inner.kernel = new.outer.kernel = tf.Variable([1.0, 2.0])
  writer = Checkpoints(tmp_path, 3, flow=old)
  writer.save(1)
  writer.wait()
  kernel = new.outer.kernel = tf.Variable([0.0, 0.0])
  with pytest.raises(UserError) as raised:
    Checkpoints(tmp_path, 3, flow=new).restore()
  path = tmp_path / 'step_000000001'
  assert str(raised.value) == (
    f'{path} belongs to another flow or another version of this code: some '
    'weights are missing.'
  )
  np.testing.assert_array_equal(kernel, [0.0, 0.0])


def test_checkpoint_without_a_new_object_is_refused(tmp_path):
  Counted(tmp_path).save(1)
  new = Checkpoints(
    tmp_path,
    3,
    value=tf.Variable(0.0),
    examples=tf.Variable(0, dtype=tf.int64),
    empty=tf.Module(),
  )
  with pytest.raises(UserError, match=r'step_000000001 .* without examples;'):
    new.restore()


def test_files_that_tensorflow_cannot_read_are_refused(tmp_path):
  folder = tmp_path / 'step_000000001'
  folder.mkdir()
  (folder / 'state.index').write_text('weights')
  (folder / 'state.data-00000-of-00001').write_text('of another kind')
  manifest.seal(folder, step=1, metric=None, written=0.0)
  with pytest.raises(UserError, match='belongs to another flow'):
    restored(tmp_path)


def test_file_instead_of_the_folder(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(UserError, match=os.strerror(errno.ENOTDIR)):
    restored(tmp_path / 'file')


def test_first_format_is_read(tmp_path):
  """Its manifest had no checksum of itself."""
  Counted(tmp_path).save(1)
  path = tmp_path / 'step_000000001' / 'manifest.json'
  files = json.loads(path.read_text())['files']
  path.write_text(json.dumps({'step': 1, 'files': files}))
  assert restored(tmp_path) == (1, 1.0, [])


def test_all_variables_are_restored(tmp_path):
  objects = model()
  writer = Checkpoints(tmp_path, 1, **objects)
  writer.save(7)
  saved = [x.numpy() for x in objects['optimizer'].weights]
  for variable in objects['optimizer'].weights:
    variable.assign(tf.zeros_like(variable))
  assert writer.restore() == 7
  for variable, value in zip(objects['optimizer'].weights, saved, strict=True):
    np.testing.assert_array_equal(variable, value)


def test_variables_created_after_the_first_save_are_saved(tmp_path):
  module = tf.Module()
  module.first = tf.Variable(1.0)
  writer = Checkpoints(tmp_path, 3, module=module)
  writer.save(1)
  module.second = tf.Variable(2.0)
  writer.save(2)
  module.second.assign(0.0)
  assert writer.restore() == 2
  assert float(module.second) == 2.0


def test_state_that_is_not_a_variable_is_an_error(tmp_path):
  iterator = iter(tf.data.Dataset.range(3))
  writer = Checkpoints(tmp_path, 3, iterator=iterator)
  with pytest.raises(TypeError, match=r'is not a tf\.Variable'):
    writer.save(1)


def test_values_are_those_at_the_call_of_save(tmp_path):
  """Changes them right after the call, in all ways in which training does."""
  values = [tf.Variable(tf.zeros([1 << 19])) for _ in range(3)]
  optimizer = tf_keras.optimizers.legacy.Adam(1.0)
  optimizer._create_all_weights(values)
  writer = Checkpoints(tmp_path, 30, values=values, optimizer=optimizer)

  @tf.function
  def change():
    for value in values:
      value.assign_add(tf.ones_like(value))
      value.scatter_nd_update([[0], [7]], [-1.0, -1.0])
    ones = [tf.ones_like(value) for value in values]
    optimizer.apply_gradients(zip(ones, values, strict=True))

  expected = {}
  for step in range(10):
    for value in values:
      value.assign(tf.fill(value.shape, float(step)))
    if step % 3 == 0:
      change()
    expected[step] = [x.numpy() for x in [*values, *optimizer.weights]]
    writer.save(step)
    change()
    for value in values:
      value.assign(tf.fill(value.shape, -5.0))
  assert writer.wait()
  for step in expected:
    single = tmp_path / f'only_{step}'
    single.mkdir()
    (tmp_path / f'step_{step:09d}').rename(single / f'step_{step:09d}')
    reader = Checkpoints(single, 1, values=values, optimizer=optimizer)
    assert reader.restore() == step
    for variable, value in zip(
      [*values, *optimizer.weights], expected[step], strict=True
    ):
      np.testing.assert_array_equal(variable, value)


def test_best_is_kept(tmp_path):
  counted = Counted(tmp_path, keep=2)
  nan = float('nan')
  counted.save(1, 2, 3, 4, 5, metrics=[3.5, 3.2, nan, 3.4, -float('inf')])
  assert names(tmp_path) == [f'step_{step:09d}' for step in (2, 4, 5)]
  counted.save(6, 7, 8)
  assert names(tmp_path) == [f'step_{step:09d}' for step in (2, 7, 8)]
  # A new process knows the best one, and removes it when there is a better.
  reader = Counted(tmp_path, keep=2)
  assert reader.checkpoints.restore_best() == 2
  assert float(reader.value) == 2.0
  reader.save(9, 10, 11, 12, metrics=[3.1])
  assert names(tmp_path) == [f'step_{step:09d}' for step in (9, 11, 12)]
  assert reader.checkpoints.restore_best() == 9
  assert reader.checkpoints.restore() == 12


def test_no_best_without_metrics(tmp_path):
  counted = Counted(tmp_path).save(1, 2, metrics=[None, float('nan')])
  assert counted.checkpoints.restore_best() is None


def test_damaged_best_is_replaced_by_the_next_best(tmp_path):
  Counted(tmp_path, keep=3).save(1, 2, 3, metrics=[3.1, 3.0, 3.2])
  flip_a_bit(tmp_path / 'step_000000002' / 'state.data-00000-of-00001')
  reader = Counted(tmp_path, keep=1)
  assert reader.checkpoints.restore_best() == 1
  assert len(reader.said) == 1
  assert 'step_000000002 is damaged' in reader.said[0]
  # A damaged checkpoint is not kept as the best.
  reader.save(4)
  assert names(tmp_path) == ['step_000000001', 'step_000000004']


def test_step_is_written_again(tmp_path):
  counted = Counted(tmp_path).save(1, 2)
  counted.value.assign(7.0)
  counted.checkpoints.save(2)
  counted.checkpoints.wait()
  assert names(tmp_path) == ['step_000000001', 'step_000000002']
  assert restored(tmp_path) == (2, 7.0, [])


def test_kill_while_a_step_is_written_again(tmp_path):
  """The old checkpoint stays under another name until the new one exists."""
  Counted(tmp_path).save(1, 2)
  (tmp_path / 'step_000000002').rename(tmp_path / 'step_000000002.replaced')
  assert restored(tmp_path) == (2, 2.0, [])
  Counted(tmp_path).save(2)
  assert names(tmp_path) == ['step_000000001', 'step_000000002']
