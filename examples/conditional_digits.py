"""Trains a class-conditional flow on digits and uses it as a classifier.

  python examples/conditional_digits.py

Trains p(image | label) on scikit-learn's digits for `--minutes`. Then
classifies each test digit by Bayes' rule with a uniform prior: the predicted
label is the one under which the digit is most probable. Writes samples for each
label to `conditional_digits.png`, without and with classifier-free guidance.
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
DROPOUT = 0.1  # probability that an image has no label


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
  """Returns a CInC flow whose couplings, priors and base depend on a label."""
  return tfp_cinc.models.cinc(
    SHAPE,
    layers='one_by_one+cinc',
    coupling='affine',
    levels=2,
    depth=4,
    hidden_channels=64,
    condition_channels=10,
    conditional_base=True,
    seed=0,
  )


def train(flow, images, labels, minutes, batch_size=64):
  """Minimizes -log p(image | label) until the time is up."""
  data = (
    tf.data.Dataset.from_tensor_slices((images, labels))
    .shuffle(len(images), seed=0)
    .repeat()
    .batch(batch_size)
    .prefetch(2)
  )
  optimizer = tf_keras.optimizers.legacy.Adam(1e-3)
  variables = list(flow.trainable_variables)

  @tf.function
  def step(pixels, labels):
    x = tfp_cinc.dequantize(pixels, NUM_BITS)
    # Label dropout: guidance needs the density without a label too.
    is_kept = tf.random.uniform([len(labels), 1]) >= DROPOUT
    condition = tf.one_hot(labels, 10) * tf.cast(is_kept, tf.float32)
    with tf.GradientTape() as tape:
      log_prob = tfp_cinc.given(flow, condition).log_prob(x)
      loss = tf.reduce_mean(tfp_cinc.bits_per_dim(log_prob, SHAPE, NUM_BITS))
    gradients = tape.gradient(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  end = time.monotonic() + 60 * minutes
  with tqdm.tqdm(unit='step') as bar:
    for pixels, batch_labels in data:
      loss = step(pixels, batch_labels)
      bar.update()
      if bar.n % 100 == 0:
        bar.set_postfix_str(f'{float(loss):.3f} bits/dim')
      if time.monotonic() > end:
        break


def log_probs(flow, pixels, draws=8):
  """Returns log p(image | label) [N, 10], averaged over noise draws."""

  @tf.function
  def log_prob(x):
    return tfp_cinc.given(flow, tf.range(10)).log_prob(x[:, tf.newaxis])

  values = [
    log_prob(tfp_cinc.dequantize(pixels, NUM_BITS, seed=draw))
    for draw in range(draws)
  ]
  return np.mean(values, axis=0)


def draw_samples(flow, path, each=10):
  """Writes a row of samples for each label, guided ones on the right."""
  columns = [
    tfp_cinc.sample_guided(flow, tf.range(10), [each, 10], guidance, seed=0)
    for guidance in (0.0, 1.0)
  ]
  samples = tfp_cinc.quantize(tf.concat(columns, 0), NUM_BITS)
  rows = np.transpose(samples[..., 0], [1, 2, 0, 3])
  plt.imsave(path, rows.reshape([80, 16 * each]), cmap='gray')


def main():
  """Trains the flow, classifies the test digits and draws samples."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--minutes', type=float, default=1.0, help='to train')
  minutes = parser.parse_args().minutes
  train_images, test_images, train_labels, test_labels = load()
  flow = build_flow()
  x = tfp_cinc.dequantize(train_images[:256], NUM_BITS, seed=0)
  tfp_cinc.initialize_from_data(flow, x, train_labels[:256])
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
