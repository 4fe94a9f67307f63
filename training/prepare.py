"""Downloads and prepares a data set by TensorFlow Datasets."""

import difflib
import os
import threading
import urllib.parse

from training import preflight
from training.errors import UserError

__all__ = ['prepare', 'prepare_and_tell']

_MIRROR = 'https://storage.googleapis.com'  # which TensorFlow Datasets asks
_SECONDS = 8.0  # for a first answer from the network


def prepare(name: str, data_dir: str = '') -> str:
  """Downloads and prepares a data set, showing its progress.

  In array_record files, of which workers can read any image. Nothing is done
  for a set that is there already; what was downloaded is used again after an
  interruption.

  Args:
    name: name[/config][:version], as 'cifar10' or 'celeb_a_hq/256'.
    data_dir: the folder of all data sets; '' is TFDS's own default.

  Returns:
    The folder of the version.

  Raises:
    UserError: if there is no such data set, no network, or it fails.
  """
  # First what needs neither TFDS nor a network.
  try:
    return preflight.prepared_tfds_folder(name, data_dir)
  except UserError:
    if not name:
      raise
  builder_class = _find(name)
  hosts = sorted({_MIRROR, *_hosts(builder_class)})
  if not _is_reachable(hosts):
    raise UserError(
      f'{name} cannot be downloaded: neither {" nor ".join(hosts)} answers; '
      'prepare it on a machine with a network and copy its folder here.'
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
  except Exception as error:  # of the network, the disk, or a missing package
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise UserError(f'{name} cannot be prepared: {reason}') from error
  return preflight.prepared_tfds_folder(name, data_dir)


def prepare_and_tell(*, dataset: str | None, data_dir: str) -> None:
  """`prepare` as a command; see there."""
  if not dataset:
    raise UserError("--dataset is missing: name a data set, as 'cifar10'.")
  print(f'Prepared in {prepare(dataset, data_dir)}')


def _find(name):
  """The builder class of a name; names the nearest if there is none."""
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
      f'{family} has several configs; name one of {family}/'
      f'{{{",".join(configs[:40])}}}.'
    )
  if config and config not in configs:
    _refuse(f'{family} has no config {config!r}', config, configs, f'{family}/')
  return builder_class


def _refuse(what, name, known, prefix=''):
  near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
  hint = f'; did you mean {prefix + near[0]!r}?' if near else '.'
  raise UserError(f'{what} in TensorFlow Datasets{hint}')


def _hosts(builder_class):
  """The hosts that a data set comes from, as far as it says before."""
  urls = getattr(builder_class, 'url_infos', None) or {}
  parts = [urllib.parse.urlsplit(url) for url in urls]
  return sorted({f'{p.scheme}://{p.netloc}' for p in parts if p.netloc})[:3]


def _is_reachable(hosts):
  """Whether one of some hosts answers anything, by proxies where they are."""
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

  # In threads, for to resolve a name can take minutes without a network.
  for host in hosts:
    threading.Thread(target=ask, args=[host], daemon=True).start()
  for _ in hosts:
    if not left.acquire(timeout=_SECONDS) or answered.is_set():
      break
  return answered.is_set()
