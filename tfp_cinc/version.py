"""The version of the package, read by the build without TensorFlow."""

__version__ = '0.1.0'
