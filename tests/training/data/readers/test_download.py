"""Tests of preparing data sets, with and without a network."""

import http.server
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.training.data.helpers import data_config
from training.data.load import load_dataset
from training.data.readers import download
from training.data.readers.catalogue import CATALOGUE
from training.errors import UserError


class NinePictures(tfds.core.GeneratorBasedBuilder):
  """A data set that is generated when it is prepared."""

  VERSION = tfds.core.Version('1.2.0')

  def _info(self):
    image = tfds.features.Image(shape=(4, 4, 3))
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict({'image': image})
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    for i in range(9):
      yield i, {'image': np.full([4, 4, 3], i, np.uint8)}


@pytest.fixture
def no_network(monkeypatch):
  """All connections use a proxy that refuses them."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
  for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
    monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
  for name in ('no_proxy', 'NO_PROXY'):
    monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirror(monkeypatch):
  """A local server replaces the mirror."""
  server = http.server.ThreadingHTTPServer(
    ('127.0.0.1', 0), http.server.BaseHTTPRequestHandler
  )
  threading.Thread(target=server.serve_forever, daemon=True).start()
  monkeypatch.setattr(
    download, '_MIRROR', f'http://127.0.0.1:{server.server_port}'
  )
  monkeypatch.setenv('no_proxy', '127.0.0.1')
  yield
  server.shutdown()
  server.server_close()


def test_missing_network_is_reported_at_once(tmp_path, no_network):
  started = time.monotonic()
  with pytest.raises(UserError, match='cifar10 cannot be downloaded, because'):
    download.prepare('cifar10', str(tmp_path))
  assert time.monotonic() - started < 5
  assert not list(tmp_path.iterdir())


def test_network_that_never_answers(tmp_path, monkeypatch, no_network):
  monkeypatch.setattr(download, '_SECONDS', 0.2)
  with socket.create_server(('127.0.0.1', 0)) as server:
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
      port = server.getsockname()[1]
      monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
    with pytest.raises(UserError, match='cannot be downloaded'):
      download.prepare('mnist', str(tmp_path))


def test_set_is_prepared_once_and_read(tmp_path, mirror):
  folder = download.prepare('nine_pictures', str(tmp_path))
  assert folder == str(tmp_path / 'nine_pictures' / '1.2.0')
  names = sorted(path.name for path in tmp_path.rglob('*array_record*'))
  assert names == ['nine_pictures-train.array_record-00000-of-00001']
  config = data_config(
    name='tfds', tfds_name='nine_pictures', dir=str(tmp_path), image_size=4
  )
  dataset = load_dataset(config)
  assert (dataset.num_train, len(dataset.test_images)) == (8, 1)
  assert download.prepare('nine_pictures', str(tmp_path)) == folder
  config.update(dir=str(tmp_path / 'other'), download=True)
  np.testing.assert_array_equal(
    load_dataset(config).test_images, dataset.test_images
  )


def test_unknown_version_is_refused(tmp_path, mirror):
  with pytest.raises(UserError, match=r'nine_pictures:9\.9\.9 cannot be prep'):
    download.prepare('nine_pictures:9.9.9', str(tmp_path))


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cifra10', r"no data set 'cifra10' .* \(did you mean cifar10\?\)"),
    ('lsun/bedrom', "lsun has no config 'bedrom' .* mean lsun/bedroom"),
    ('imagenet_resized', r'several configs; give one of .*32x32'),
    ('', 'tfds_name is empty'),
  ],
)
def test_unknown_names_are_refused(tmp_path, no_network, name, message):
  with pytest.raises(UserError, match=message):
    download.prepare(name, str(tmp_path))


@pytest.mark.parametrize('name', CATALOGUE)
def test_names_of_the_catalogue_exist(tmp_path, no_network, name):
  with pytest.raises(UserError, match=r'be downloaded|several configs'):
    download.prepare(name, str(tmp_path))
