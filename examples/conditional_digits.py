"""Trains a class-conditional flow on digits and uses it as a classifier.

  python examples/conditional_digits.py

Trains p(image | label) on scikit-learn's digits for `--minutes`. Then
classifies each test digit by Bayes' rule with a uniform prior: the predicted
label is the one under which the digit is most probable. Writes samples for each
label to `conditional_digits.png`.
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tf_keras
import tqdm
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tfp_cinc

NUM_BITS = 4  # bits per pixel; the digits have values from 0 to 16
SHAPE = [8, 8, 1]


def load():
  """Returns (train images, test images, train labels, test labels)."""
  digits = load_digits()
  pixels = 16 * np.minimum(digits.images, 15).astype(np.uint8)
  return train_test_split(
    pixels[..., np.newaxis],
    digits.target,
    test_size=0.2,
    random_state=0,
    stratify=digits.target,
  )


def build_flow():
  """Returns a CInC flow whose couplings and priors depend on a label."""
  return tfp_cinc.models.cinc(
    SHAPE,
    layers='one_by_one+cinc',
    coupling='affine',
    levels=2,
    depth=4,
    hidden_channels=64,
    condition_channels=10,
    seed=0,
  )


def train(flow, images, labels, minutes, batch_size=64):
  """Minimizes -log p(image | label) until the time is up."""
  data = (
    tf.data.Dataset.from_tensor_slices((images, tf.one_hot(labels, 10)))
    .shuffle(len(images), seed=0)
    .repeat()
    .batch(batch_size)
    .prefetch(2)
  )
  optimizer = tf_keras.optimizers.legacy.Adam(1e-3)
  variables = list(flow.trainable_variables)

  @tf.function
  def step(pixels, label):
    x = tfp_cinc.dequantize(pixels, NUM_BITS)
    with tf.GradientTape() as tape:
      log_prob = tfp_cinc.given(flow, label).log_prob(x)
      loss = tf.reduce_mean(tfp_cinc.bits_per_dim(log_prob, SHAPE, NUM_BITS))
    gradients = tape.gradient(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  end = time.monotonic() + 60 * minutes
  with tqdm.tqdm(unit='step') as bar:
    for pixels, label in data:
      loss = step(pixels, label)
      bar.update()
      if bar.n % 100 == 0:
        bar.set_postfix_str(f'{float(loss):.3f} bits/dim')
      if time.monotonic() > end:
        break


def log_probs(flow, pixels, draws=8):
  """Returns log p(image | label) [N, 10], averaged over noise draws."""

  @tf.function
  def log_prob(x, label):
    return tfp_cinc.given(flow, label).log_prob(x)

  columns = []
  for label in range(10):
    labels = tf.one_hot(tf.fill([len(pixels)], label), 10)
    values = [
      log_prob(tfp_cinc.dequantize(pixels, NUM_BITS, seed=draw), labels)
      for draw in range(draws)
    ]
    columns.append(tf.reduce_mean(values, axis=0))
  return tf.stack(columns, axis=1).numpy()


def draw_samples(flow, path, each=10):
  """Writes a picture with one row of samples for each label."""
  labels = np.repeat(np.arange(10), each)
  conditional = tfp_cinc.given(flow, tf.one_hot(labels, 10))
  samples = tfp_cinc.quantize(conditional.sample(len(labels), seed=0), NUM_BITS)
  rows = np.reshape(samples, [10, each, 8, 8]).transpose([0, 2, 1, 3])
  plt.imsave(path, rows.reshape([80, 8 * each]), cmap='gray')


def main():
  """Trains the flow, classifies the test digits and draws samples."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--minutes', type=float, default=1.0, help='to train')
  minutes = parser.parse_args().minutes
  train_images, test_images, train_labels, test_labels = load()
  flow = build_flow()
  x = tfp_cinc.dequantize(train_images[:256], NUM_BITS, seed=0)
  label = tf.one_hot(train_labels[:256], 10)
  tfp_cinc.initialize_from_data(flow, x, label)
  train(flow, train_images, train_labels, minutes)
  found = log_probs(flow, test_images)
  right = found.argmax(axis=1) == test_labels
  own = found[np.arange(len(found)), test_labels]
  bits = tfp_cinc.bits_per_dim(own, SHAPE, NUM_BITS)
  print(f'bits/dim on {len(found)} test digits: {np.mean(bits):.3f}')
  print(f'accuracy: {right.mean():.1%}')
  draw_samples(flow, 'conditional_digits.png')


if __name__ == '__main__':
  main()
