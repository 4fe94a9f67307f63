"""Invertible matrices that are stored as trainable factors."""

from tfp_cinc.matrices.dense_matrix import DenseMatrix, trainable_dense_matrix
from tfp_cinc.matrices.factored_matrix import FactoredMatrix
from tfp_cinc.matrices.invertible_matrix import FrozenMatrix, InvertibleMatrix
from tfp_cinc.matrices.plu_matrix import PLUMatrix, trainable_plu_matrix
from tfp_cinc.matrices.qr_matrix import QRMatrix, trainable_qr_matrix

__all__ = [
  'MATRICES',
  'DenseMatrix',
  'FactoredMatrix',
  'FrozenMatrix',
  'InvertibleMatrix',
  'PLUMatrix',
  'QRMatrix',
  'trainable_dense_matrix',
  'trainable_plu_matrix',
  'trainable_qr_matrix',
]

# Factories by name of the parametrization.
MATRICES = {
  'plu': trainable_plu_matrix,
  'dense': trainable_dense_matrix,
  'qr': trainable_qr_matrix,
}
