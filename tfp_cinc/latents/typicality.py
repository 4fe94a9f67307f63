"""Whether images are like those that a flow was trained on."""

import dataclasses

import numpy as np

__all__ = ['TypicalityTest', 'typicality_score']


def typicality_score(bits_per_dim, entropy: float) -> np.ndarray:
  """How far the bits/dim of images are from what is typical.

  |mean(bits/dim over the last axis of a batch) - entropy|: Nalisnick et al.
  2019 (Detecting Out-of-Distribution Inputs to Deep Generative Models Using
  Typicality), eq. 4, in bits/dim, of which nats are a multiple.

  Args:
    bits_per_dim: [..., M], of sets of M images; [..., 1] scores each image.
    entropy: the mean bits/dim of images of the training set.

  Returns:
    float64 array [...].
  """
  bits = np.asarray(bits_per_dim, np.float64)
  return np.abs(np.mean(bits, axis=-1) - entropy)


@dataclasses.dataclass(frozen=True)
class TypicalityTest:
  """The two-sided typicality test of images, or of sets of them.

  Images of a distribution have, almost all, log-densities near its entropy:
  its typical set. An image whose bits/dim are far from the mean of the training
  set's is atypical, on either side: noise costs more bits than it should, a
  blank picture fewer. How far is far, held-out images say: a set of M images is
  rejected if its `typicality_score` is beyond the `confidence` quantile of
  those of sets of M held-out images, drawn with replacement.

  What it does not detect: a likelihood says how well pixels can be predicted,
  not what they show. Flows give images of lower complexity a higher likelihood
  than the images that they were trained on: one of CIFAR-10 does to SVHN's
  (Nalisnick et al. 2018, Do Deep Generative Models Know What They Don't Know?),
  so that a threshold on bits/dim alone passes them; the test's second side is
  for these. It too passes whatever costs as many bits as training images do,
  and single images of overlapping distributions. Sets of several images of one
  origin are told apart far better than single ones. Rely on neither where a
  miss matters.

  Attributes:
    entropy: the mean bits/dim of images of the training set.
    held_out: bits/dim [K] of held-out images, which the training did not see.
    resamples: how many sets to draw.
    seed: of the draw.

  #### Example

  >>> rng = np.random.default_rng(0)
  >>> test = TypicalityTest(3.0, held_out=rng.normal(3.0, 0.2, 500))
  >>> test.rejects([[3.2], [4.0], [2.0]]).tolist()  # single images
  [False, True, True]
  >>> test.rejects([[3.2] * 20]).tolist()  # a set of 20
  [True]
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
    """The score beyond which a set of images is rejected.

    Args:
      number: M, of images in a set.
      confidence: the share of sets of held-out images that are not rejected,
        between 0 and 1.

    Returns:
      In bits/dim.

    Raises:
      ValueError: if an argument is not as above.
    """
    if not 0.0 < confidence < 1.0:
      raise ValueError(
        f'`confidence` is {confidence}; it must be between 0 and 1.'
      )
    return float(np.quantile(self._scores(number), confidence))

  def rejects(self, bits_per_dim, confidence: float = 0.99) -> np.ndarray:
    """Whether sets of images are atypical.

    Args:
      bits_per_dim: [..., M], as in `typicality_score`.
      confidence: as in `threshold`.

    Returns:
      bool array [...].
    """
    bits = np.asarray(bits_per_dim, np.float64)
    limit = self.threshold(bits.shape[-1], confidence)
    # What is not finite is not typical either.
    return ~(typicality_score(bits, self.entropy) <= limit)

  def p_values(self, bits_per_dim) -> np.ndarray:
    """The share of sets of held-out images that are as atypical or more.

    Args:
      bits_per_dim: [..., M], as in `typicality_score`.

    Returns:
      float64 array [...], from 1 / (resamples + 1) to 1.
    """
    bits = np.asarray(bits_per_dim, np.float64)
    scores = np.sort(self._scores(bits.shape[-1]))
    own = typicality_score(bits, self.entropy)
    below = np.searchsorted(scores, own, side='left')
    return (1.0 + len(scores) - below) / (1.0 + len(scores))

  def _scores(self, number):
    """Those of `resamples` sets of held-out images."""
    if number < 1:
      raise ValueError(f'`number` is {number}; it must be at least 1.')
    rng = np.random.default_rng(self.seed)
    sets = rng.choice(self.held_out, [self.resamples, number])
    return typicality_score(sets, self.entropy)
