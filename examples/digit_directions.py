"""Turns digits into other digits, along directions in a flow's latent space.

  python examples/digit_directions.py

Trains a flow on scikit-learn's digits for `--minutes`, without their labels.
Then learns a direction in latent space for each label and moves each test digit
along the directions of the nine other labels. A separate pixel classifier
checks whether the results look more like these labels. Writes one row per label
to `digit_directions.png`: a test digit, moved further along the direction of
the label from left to right.
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tf_keras
import tqdm
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import tfp_cinc
from tfp_cinc import latents

NUM_BITS = 4  # bits per pixel; the digits have values from 0 to 16
SHAPE = [8, 8, 1]
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


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


def build_flow(depth=4, hidden_channels=64):
  """Returns an unconditional CInC flow.

  With `scale_function='tanh'` the scale of a coupling stays between 1/e and e,
  so latents that are far from those of digits also decode to finite images. The
  scale of 'sigmoid' can be close to 0, and its inverse then diverges.
  """
  return tfp_cinc.models.cinc(
    SHAPE,
    layers='one_by_one+cinc',
    coupling='affine',
    scale_function='tanh',
    levels=2,
    depth=depth,
    hidden_channels=hidden_channels,
    seed=0,
  )


def train(flow, images, minutes, batch_size=64, max_steps=None):
  """Minimizes -log p(image) until the time is up or `max_steps` are done."""
  noise = tfp_cinc.dequantize(images[:256], NUM_BITS, seed=0)
  tfp_cinc.initialize_from_data(flow, noise)
  data = (
    tf.data.Dataset.from_tensor_slices(images)
    .shuffle(len(images), seed=0)
    .repeat()
    .batch(batch_size)
    .take(-1 if max_steps is None else max_steps)
    .prefetch(2)
  )
  optimizer = tf_keras.optimizers.legacy.Adam(1e-3)
  variables = list(flow.trainable_variables)

  @tf.function(autograph=False)
  def step(pixels):
    x = tfp_cinc.dequantize(pixels, NUM_BITS)
    with tf.GradientTape() as tape:
      bits = tfp_cinc.bits_per_dim(flow.log_prob(x), SHAPE, NUM_BITS)
      loss = tf.reduce_mean(bits)
    gradients = tape.gradient(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss

  end = time.monotonic() + 60 * minutes
  with tqdm.tqdm(unit='step') as bar:
    for pixels in data:
      loss = step(pixels)
      bar.update()
      if bar.n % 100 == 0:
        bar.set_postfix_str(f'{float(loss):.3f} bits/dim')
      if time.monotonic() > end:
        break


def train_classifier(images, labels):
  """Returns a pixel classifier, which is independent of the flow."""
  pixels = images.reshape([len(images), -1]) / 255
  return LogisticRegression(max_iter=1000).fit(pixels, labels)


def learn_directions(flow, images, labels, method, batch_size=256):
  """Learns the direction of each label in one pass over the images."""
  spec = tf.TensorSpec([None, *SHAPE])
  encode = tf.function(
    lambda x: latents.encode(flow, x), input_signature=[spec], autograph=False
  )

  def batches():
    for start in range(0, len(images), batch_size):
      here = slice(start, start + batch_size)
      x = tfp_cinc.dequantize(images[here], NUM_BITS, seed=start)
      yield encode(x), latents.one_hot_attributes(labels[here], 10)

  return latents.attribute_directions(batches(), method)


def measure(flow, directions, classifier, images, labels):
  """Moves each image towards all labels that it does not have.

  Returns:
    A tuple of:
    - Probabilities [M, S] that the classifier assigns to the target label, for
      all M pairs of an image and a target label and all S strengths. They are 0
      for images that are not finite.
    - uint8 [10, S, H, W, C], one image moved towards each label.
  """
  found, strips = [], []
  for label in range(10):
    x = tfp_cinc.dequantize(images[labels != label], NUM_BITS, noise=0.5)
    direction = directions.direction(str(label))
    values = latents.manipulate(flow, x, direction, STRENGTHS)
    moved = tfp_cinc.quantize(values, NUM_BITS).numpy()
    pixels = moved.reshape([-1, np.prod(SHAPE)]) / 255
    probability = classifier.predict_proba(pixels)[:, label]
    is_finite = np.all(np.isfinite(values), axis=(2, 3, 4))
    found.append(is_finite * probability.reshape(moved.shape[:2]))
    strips.append(moved[len(moved) * label // 10])
  return np.concatenate(found), np.stack(strips)


def main():
  """Trains the flow, learns directions and moves the test digits."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--minutes', type=float, default=1.0, help='to train')
  minutes = parser.parse_args().minutes
  train_images, test_images, train_labels, test_labels = load()
  classifier = train_classifier(train_images, train_labels)
  flow = build_flow()
  train(flow, train_images, minutes)
  for method in ('class_means', 'correlation'):
    directions = learn_directions(flow, train_images, train_labels, method)
    found, strips = measure(
      flow, directions, classifier, test_images, test_labels
    )
    risen = found[:, STRENGTHS.index(1.0)] > found[:, 0]
    print(
      f'{method}: the probability of the label increases for '
      f'{risen.mean():.1%} of the pairs at strength 1'
    )
    print('  strength', *(f'{s:6.2f}' for s in STRENGTHS))
    print('  median  ', *(f'{p:6.3f}' for p in np.median(found, axis=0)))
  tiles = np.pad(strips[..., 0], [(0, 0), (0, 0), (1, 1), (1, 1)])
  rows = tiles.transpose([0, 2, 1, 3])  # label, H, strength, W
  height, width = rows.shape[0] * rows.shape[1], rows.shape[2] * rows.shape[3]
  plt.imsave('digit_directions.png', rows.reshape([height, width]), cmap='gray')


if __name__ == '__main__':
  main()
