"""Data sets of images, and the stream of training batches.

The image, crop, mirroring and noise of a training example depend only on
(seed, position). The position counts examples over all workers and epochs. A
run therefore resumes at its position, and n workers together read what one
worker would read; each decodes only its own share.
"""
