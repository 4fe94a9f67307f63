"""Preparing data sets, with and without a network."""

import http.server
import socket
import threading
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.training.datasets_common import data_config
from training import datasets, prepare
from training.catalogue import CATALOGUE
from training.errors import UserError


class NinePictures(tfds.core.GeneratorBasedBuilder):
  """A data set that is made on the spot."""

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
  """All connections go by a proxy that refuses them."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
  for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
    monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
  for name in ('no_proxy', 'NO_PROXY'):
    monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirror(monkeypatch):
  """A server of this machine in place of the one that is asked."""
  server = http.server.ThreadingHTTPServer(
    ('127.0.0.1', 0), http.server.BaseHTTPRequestHandler
  )
  threading.Thread(target=server.serve_forever, daemon=True).start()
  monkeypatch.setattr(
    prepare, '_MIRROR', f'http://127.0.0.1:{server.server_port}'
  )
  monkeypatch.setenv('no_proxy', '127.0.0.1')
  yield
  server.shutdown()
  server.server_close()


def test_without_a_network_it_ends_at_once(tmp_path, no_network):
  started = time.monotonic()
  with pytest.raises(UserError, match='cifar10 cannot be downloaded: neither'):
    prepare.prepare('cifar10', str(tmp_path))
  assert time.monotonic() - started < 5
  assert not list(tmp_path.iterdir())


def test_a_network_that_never_answers(tmp_path, monkeypatch, no_network):
  monkeypatch.setattr(prepare, '_SECONDS', 0.2)
  with socket.create_server(('127.0.0.1', 0)) as server:
    for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'):
      port = server.getsockname()[1]
      monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
    with pytest.raises(UserError, match='cannot be downloaded'):
      prepare.prepare('mnist', str(tmp_path))


def test_a_set_is_prepared_once_and_read(tmp_path, mirror):
  folder = prepare.prepare('nine_pictures', str(tmp_path))
  assert folder == str(tmp_path / 'nine_pictures' / '1.2.0')
  names = sorted(path.name for path in tmp_path.rglob('*array_record*'))
  assert names == ['nine_pictures-train.array_record-00000-of-00001']
  config = data_config(
    name='tfds', tfds_name='nine_pictures', dir=str(tmp_path), image_size=4
  )
  dataset = datasets.load(config)
  assert (dataset.num_train, len(dataset.test_images)) == (8, 1)
  assert prepare.prepare('nine_pictures', str(tmp_path)) == folder
  config.update(dir=str(tmp_path / 'other'), download=True)
  np.testing.assert_array_equal(
    datasets.load(config).test_images, dataset.test_images
  )


def test_a_version_that_is_not_there(tmp_path, mirror):
  with pytest.raises(UserError, match=r'nine_pictures:9\.9\.9 cannot be prep'):
    prepare.prepare('nine_pictures:9.9.9', str(tmp_path))


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cifra10', "no data set 'cifra10' .*; did you mean 'cifar10'"),
    ('lsun/bedrom', "lsun has no config 'bedrom' .* mean 'lsun/bedroom'"),
    ('imagenet_resized', r'several configs; name one of .*32x32'),
    ('', 'tfds_name is empty'),
  ],
)
def test_unknown_names(tmp_path, no_network, name, message):
  with pytest.raises(UserError, match=message):
    prepare.prepare(name, str(tmp_path))


@pytest.mark.parametrize('name', CATALOGUE)
def test_the_catalogue_names_what_there_is(tmp_path, no_network, name):
  with pytest.raises(UserError, match=r'be downloaded|several configs'):
    prepare.prepare(name, str(tmp_path))
