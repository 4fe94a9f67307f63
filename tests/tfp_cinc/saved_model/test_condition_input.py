"""Tests of the descriptions of conditions."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfp_cinc import ConditionInput


def tensor(description, num_bits=8, **inputs):
  inputs = {
    key: tf.constant(value, description.inputs[key][0])
    for key, value in inputs.items()
  }
  return description.tensor(inputs, num_bits).numpy()


def test_labels_become_one_hot():
  classes = ConditionInput('label', [3])
  assert classes.inputs == {'labels': (tf.int32, ['N'])}
  np.testing.assert_array_equal(
    tensor(classes, labels=[2, 0]), [[0, 0, 1], [1, 0, 0]]
  )
  assert tensor(classes, labels=np.zeros([0], np.int32)).shape == (0, 3)


@pytest.mark.parametrize('label', [-1, 3])
def test_label_out_of_range_fails_in_a_sentence(label):
  with pytest.raises(tf.errors.InvalidArgumentError) as error:
    tensor(ConditionInput('label', [3]), labels=[0, label, 7])
  assert (
    f'`labels` contains {label}; labels are integers from 0 to 2.'
    in error.value.message
  )


def test_values_are_not_changed():
  attributes = ConditionInput('values', [2], ['hat', 'smile'])
  assert attributes.inputs == {'condition': (tf.float32, ['N', 2])}
  values = np.float32([[0, 1], [0.5, -2]])
  np.testing.assert_array_equal(tensor(attributes, condition=values), values)
  maps = ConditionInput('values', [4, 4, 2])
  assert maps.inputs == {'condition': (tf.float32, ['N', 4, 4, 2])}


def test_small_images_become_the_middles_of_their_bins():
  small = ConditionInput('low_resolution', [1, 2, 1])
  assert small.inputs == {'low_resolution': (tf.uint8, ['N', 1, 2, 1])}
  pixels = np.uint8([[[[0], [255]]]])
  found = tensor(small, num_bits=1, low_resolution=pixels)
  np.testing.assert_array_equal(found, [[[[-0.25], [0.25]]]])


def test_masked_images_are_0_in_the_hole():
  mask = ConditionInput('mask', [1, 2, 4])
  assert mask.inputs == {
    'known': (tf.uint8, ['N', 1, 2, 3]),
    'mask': (tf.uint8, ['N', 1, 2, 1]),
  }
  known = np.full([1, 1, 2, 3], 255, np.uint8)
  found = tensor(mask, num_bits=1, known=known, mask=np.uint8([[[[0], [255]]]]))
  np.testing.assert_array_equal(found, [[[[0.25] * 3 + [0], [0, 0, 0, 1]]]])


@pytest.mark.parametrize(
  ('arguments', 'sentence'),
  [
    (('class', [3]), "`kind` is 'class'; it must be one of"),
    (('label', [3, 1]), "`shape` is [3, 1]; a condition of the kind 'label'"),
    (('values', [0]), 'has 1 or 3 positive sizes'),
    (('label', [2], ['cat']), "`names` are ['cat']; 2 different names are"),
    (('label', [2], ['cat', 'cat']), '2 different names are needed'),
  ],
)
def test_invalid_descriptions_are_refused(arguments, sentence):
  with pytest.raises(ValueError, match='`') as error:
    ConditionInput(*arguments)
  assert sentence in str(error.value)


def test_a_description_is_that_of_its_json():
  for condition in (
    ConditionInput('label', [2], ['cat', 'dog'], optional=True),
    ConditionInput('low_resolution', (4, 4, 3)),
  ):
    values = json.loads(json.dumps(condition.to_json()))
    assert ConditionInput.from_json(values) == condition
