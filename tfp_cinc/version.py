"""The version, where the build can read it without TensorFlow."""

__version__ = '0.1.0'
