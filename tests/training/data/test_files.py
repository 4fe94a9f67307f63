"""Tests of the list of the files in a folder."""

import os

import pytest

from training.data.files import files_below, printable
from training.errors import UserError


def make(folder, *names):
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('')


def test_files_of_all_folders_without_hidden_ones(tmp_path):
  make(tmp_path, 'b.png', 'a/c.png', 'a/.d.png', '.e/f.png')
  assert files_below(str(tmp_path)) == ['a/c.png', 'b.png']


def test_links_to_folders_outside_are_followed(tmp_path):
  make(tmp_path, 'far/x/1.png', 'here/2.png')
  (tmp_path / 'here' / 'train').symlink_to(tmp_path / 'far')
  assert files_below(str(tmp_path / 'here')) == ['2.png', 'train/x/1.png']


def test_each_folder_is_listed_once(tmp_path):
  """Links to itself, to a parent and to each other would never end."""
  make(tmp_path, '1.png', 'b/2.png', 'b/c/3.png')
  (tmp_path / 'a').symlink_to(tmp_path)
  (tmp_path / 'b' / 'up').symlink_to('..')
  (tmp_path / 'b' / 'c' / 'a').symlink_to('../../b')
  (tmp_path / 'link').symlink_to('b')
  assert files_below(str(tmp_path)) == ['1.png', 'b/2.png', 'b/c/3.png']


def test_pipes_are_left_out_and_links_to_nothing_are_kept(tmp_path):
  """Opening a pipe waits; a link to nothing is reported by its reader."""
  make(tmp_path, '1.png')
  os.mkfifo(tmp_path / 'z.png')
  (tmp_path / 'lost.png').symlink_to('none.png')
  (tmp_path / 'self.png').symlink_to('self.png')
  (tmp_path / '2.png').symlink_to('1.png')
  names = ['1.png', '2.png', 'lost.png', 'self.png']
  assert files_below(str(tmp_path)) == names


def test_folder_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
  make(tmp_path, 'a/1.png', 'b/2.png')
  scandir = os.scandir

  def refuse(path):
    if str(path).endswith('b'):
      raise PermissionError(13, 'Permission denied', path)
    return scandir(path)

  monkeypatch.setattr('os.scandir', refuse)
  with pytest.raises(UserError, match=r'/b cannot be read \(Permission denied'):
    files_below(str(tmp_path))


def test_names_that_are_not_text_are_printed():
  assert printable(os.fsdecode(b'a\xff.png')) == 'a?.png'
