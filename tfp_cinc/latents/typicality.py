"""A test of whether images are like those that a flow was trained on."""

import dataclasses
from collections.abc import Sequence

import numpy as np

__all__ = ['TypicalityTest', 'typicality_score']


def typicality_score(
  bits_per_dim: np.ndarray | Sequence, entropy: float
) -> np.ndarray:
  """Returns the distance between the bits/dim of images and the typical value.

  ```
  score = |mean(bits_per_dim, axis=-1) - entropy|
  ```

  #### References

  Nalisnick et al. 2019, [Detecting Out-of-Distribution Inputs to Deep
  Generative Models Using Typicality](https://arxiv.org/abs/1906.02994),
  equation 4, in bits/dim instead of nats.

  Args:
    bits_per_dim: Bits/dim [..., M] of sets of M images. [..., 1] gives a score
      for each image.
    entropy: Mean bits/dim of images of the training set.

  Returns:
    float64 array [...].
  """
  bits = np.asarray(bits_per_dim, np.float64)
  return np.abs(np.mean(bits, axis=-1) - entropy)


@dataclasses.dataclass(frozen=True)
class TypicalityTest:
  """The two-sided typicality test of images or of sets of images.

  Almost all images of a distribution have log-densities close to its entropy:
  they form its typical set. An image is atypical if its bits/dim are far from
  the mean of the training set, on either side. Noise has more bits/dim than
  typical images; a blank picture has fewer. Held-out images determine the
  threshold. A set of M images is rejected if its `typicality_score` exceeds the
  `confidence` quantile of the scores of sets of M held-out images, drawn with
  replacement.

  The test has limits. A likelihood measures how well pixels can be predicted,
  not what they show. Flows assign a higher likelihood to images of lower
  complexity than to their training images: a flow trained on CIFAR-10 does so
  for SVHN. A one-sided threshold on bits/dim accepts such images; the second
  side of this test is meant for them. The test also accepts all other images
  with typical bits/dim, and many single images if two distributions overlap. It
  separates sets of several images of one origin far better than single images.
  Do not rely on it if a missed detection matters.

  #### Example

  >>> rng = np.random.default_rng(0)
  >>> test = TypicalityTest(3.0, held_out=rng.normal(3.0, 0.2, 500))
  >>> test.rejects([[3.2], [4.0], [2.0]]).tolist()  # single images
  [False, True, True]
  >>> test.rejects([[3.2] * 20]).tolist()  # a set of 20
  [True]

  #### References

  Nalisnick et al. 2019, [Detecting Out-of-Distribution Inputs to Deep
  Generative Models Using Typicality](https://arxiv.org/abs/1906.02994);
  Nalisnick et al. 2018, [Do Deep Generative Models Know What They Don't
  Know?](https://arxiv.org/abs/1810.09136), for CIFAR-10 and SVHN.

  Attributes:
    entropy: Mean bits/dim of images of the training set.
    held_out: Bits/dim [K] of held-out images, on which the flow was not
      trained.
    resamples: Number of sets to draw.
    seed: Seed of the draw.
  """

  entropy: float
  held_out: np.ndarray
  resamples: int = 1000
  seed: int = 0

  def __post_init__(self):
    held_out = np.asarray(self.held_out, np.float64).ravel()
    if len(held_out) < 2 or not np.all(np.isfinite(held_out)):
      raise ValueError(
        '`held_out` must be the bits/dim of at least 2 images, all finite.'
      )
    if not np.isfinite(self.entropy):
      raise ValueError(f'`entropy` is {self.entropy}; it must be finite.')
    object.__setattr__(self, 'held_out', held_out)

  def threshold(self, number: int = 1, confidence: float = 0.99) -> float:
    """Returns the score above which a set of images is rejected.

    Args:
      number: Number M of images in a set.
      confidence: Fraction of sets of held-out images that are not rejected,
        between 0 and 1.

    Returns:
      Score in bits/dim.

    Raises:
      ValueError: If an argument is not as described above.
    """
    if not 0.0 < confidence < 1.0:
      raise ValueError(
        f'`confidence` is {confidence}; it must be between 0 and 1.'
      )
    return float(np.quantile(self._scores(number), confidence))

  def rejects(
    self, bits_per_dim: np.ndarray | Sequence, confidence: float = 0.99
  ) -> np.ndarray:
    """Returns whether sets of images are atypical.

    Args:
      bits_per_dim: Bits/dim [..., M], as in `typicality_score`.
      confidence: Fraction of sets of held-out images that are not rejected, as
        in `threshold`.

    Returns:
      bool array [...].

    Raises:
      ValueError: If `confidence` is not between 0 and 1.
    """
    bits = np.asarray(bits_per_dim, np.float64)
    limit = self.threshold(bits.shape[-1], confidence)
    # The negation rejects values that are not finite.
    return ~(typicality_score(bits, self.entropy) <= limit)

  def p_values(self, bits_per_dim: np.ndarray | Sequence) -> np.ndarray:
    """Returns the fraction of held-out sets that are at least as atypical.

    Args:
      bits_per_dim: Bits/dim [..., M], as in `typicality_score`.

    Returns:
      float64 array [...], from 1 / (resamples + 1) to 1.
    """
    bits = np.asarray(bits_per_dim, np.float64)
    scores = np.sort(self._scores(bits.shape[-1]))
    own = typicality_score(bits, self.entropy)
    below = np.searchsorted(scores, own, side='left')
    return (1.0 + len(scores) - below) / (1.0 + len(scores))

  def _scores(self, number):
    """Returns the scores of `resamples` sets of held-out images."""
    if number < 1:
      raise ValueError(f'`number` is {number}; it must be at least 1.')
    rng = np.random.default_rng(self.seed)
    sets = rng.choice(self.held_out, [self.resamples, number])
    return typicality_score(sets, self.entropy)
