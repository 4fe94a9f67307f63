"""Downloads and prepares a data set with TensorFlow Datasets."""

import os
import threading
import urllib.parse

from ...errors import UserError, did_you_mean
from ..location import prepared_tfds_folder

__all__ = ['prepare']

_MIRROR = 'https://storage.googleapis.com'  # used by TensorFlow Datasets
_SECONDS = 8.0  # to wait for a first answer from the network


def prepare(name: str, data_dir: str = '') -> str:
  """Downloads and prepares a data set and shows the progress.

  The files are array_record files, from which workers read images in any order.
  If the data set exists already, nothing is done. After an interruption the
  finished downloads are used again.

  Args:
    name: name[/config][:version], such as 'cifar10' or 'celeb_a_hq/256'.
    data_dir: Folder of all data sets. '' is the default of TensorFlow Datasets.

  Returns:
    The folder of the version.

  Raises:
    UserError: If there is no such data set or no network, or preparing fails.
  """
  # This needs neither TensorFlow Datasets nor a network.
  try:
    return prepared_tfds_folder(name, data_dir)
  except UserError:
    if not name:
      raise
  builder_class = _find(name)
  hosts = sorted({_MIRROR, *_hosts(builder_class)})
  if not _is_reachable(hosts):
    raise UserError(
      f'{name} cannot be downloaded, because there is no answer from '
      f'{" or ".join(hosts)}; prepare it on a machine with a network and copy '
      'its folder here.'
    )
  import tensorflow_datasets as tfds

  tfds.enable_progress_bar()
  try:
    builder = tfds.builder(
      name,
      data_dir=os.path.expanduser(data_dir) if data_dir else None,
      file_format='array_record',
    )
    builder.download_and_prepare()
  except Exception as error:  # network, disk, or a missing package
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise UserError(f'{name} cannot be prepared: {reason}') from error
  return prepared_tfds_folder(name, data_dir)


def _find(name):
  """Returns the builder class of a name; an error suggests a similar name."""
  import tensorflow_datasets as tfds

  folder = name.partition(':')[0]
  family, _, config = folder.partition('/')
  known = tfds.list_builders(with_community_datasets=False)
  if family not in known:
    _refuse(f'there is no data set {family!r}', family, known)
  builder_class = tfds.builder_cls(family)
  configs = sorted(builder_class.builder_configs)
  if configs and not config:
    raise UserError(
      f'{family} has several configs; give one of {family}/'
      f'{{{",".join(configs[:40])}}}.'
    )
  if config and config not in configs:
    _refuse(f'{family} has no config {config!r}', config, configs, f'{family}/')
  return builder_class


def _refuse(what, name, known, prefix=''):
  hint = did_you_mean(prefix + name, [prefix + other for other in known])
  raise UserError(f'{what} in TensorFlow Datasets{hint}.')


def _hosts(builder_class):
  """Returns the hosts of a data set that are known before the download."""
  urls = getattr(builder_class, 'url_infos', None) or {}
  parts = [urllib.parse.urlsplit(url) for url in urls]
  return sorted({f'{p.scheme}://{p.netloc}' for p in parts if p.netloc})[:3]


def _is_reachable(hosts):
  """Returns whether any of the hosts answers, through proxies if any."""
  import requests

  answered = threading.Event()
  left = threading.Semaphore(0)

  def ask(host):
    try:
      requests.head(host, timeout=_SECONDS)
      answered.set()
    except requests.RequestException:
      pass
    finally:
      left.release()

  # In threads, because resolving a name without a network can take minutes.
  for host in hosts:
    threading.Thread(target=ask, args=[host], daemon=True).start()
  for _ in hosts:
    if not left.acquire(timeout=_SECONDS) or answered.is_set():
      break
  return answered.is_set()
