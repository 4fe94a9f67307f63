"""Tests that no input of a user ends in a traceback or loses a file.

Images, configurations and command lines are made up, always the same ones. Each
call succeeds, or is refused in one sentence.
"""

import contextlib
import copy
import functools
import io
import json
import pathlib
import shutil

import hypothesis
import numpy as np
import PIL.Image
import pytest
from hypothesis import strategies as st

from tests.training import tiny
from tests.training.data.helpers import data_config
from training.commands import COMMANDS, get_command, main
from training.commands.status import describe
from training.configs.options import OPTIONS
from training.data.image_file import read_image
from training.data.load import load_dataset
from training.data.pixels import BrokenImage, decode
from training.errors import UserError
from training.run_folder import status
from training.run_folder.config_file import read_config, write_config
from training.run_folder.files import write_json
from training.trained import open_flow

# `prepare` would ask a server, and `demo` and `export` take long.
LINES = sorted(set(COMMANDS) - {'prepare', 'demo', 'export'})

KINDS = [
  *[(mode, 'PNG') for mode in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'I;16')],
  *[(mode, 'TIFF') for mode in ('L', 'I', 'I;16', 'F', 'CMYK', 'LAB', 'RGB')],
  *[(mode, 'JPEG') for mode in ('L', 'RGB', 'CMYK')],
  ('P', 'GIF'),
  ('RGB', 'BMP'),
  ('RGBA', 'WEBP'),
  ('L', 'PPM'),
]

WORDS = """
0 1 2 -1 0.5 nan inf -inf 1e400 0,7 0,1 1, , : 1:2:3 1:2:10000 [ { %s - --
x é True null all train newest linear digits test:0 test:1000000 test:-1
keep keep/a.png keep/bad.png keep/images.npy none/such/x.png out.png out
"""
TEXTS = ['', ' ', '9' * 30, '\udcff', '\udcff.png', *WORDS.split()]

# Right values of required arguments and options, so that some calls succeed.
RIGHT = {
  'path': ['keep/model'],
  'run': ['keep/run'],
  'folder': ['keep', 'keep/model'],
  'images': ['test:0', 'keep/a.png'],
  'first': ['test:1', 'keep/a.png'],
  'second': ['test:2'],
  'attribute': ['3', '3,8'],
}

IMAGES = np.random.default_rng(0).integers(0, 256, [20, 8, 8, 1], np.uint8)

VALUES = [
  *[None, True, False, 0, 1, 2, -1, 3.5, 1e30, 10**20, '', 'x', '8', 'photos'],
  *[[], [1], {}, {'a': 1}, float('nan'), float('inf')],
]


def quick(examples):
  """Returns settings of a test with the same examples at each run."""
  return hypothesis.settings(
    max_examples=examples,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
  )


def check_sentence(text):
  assert text.endswith('.')
  assert '\n' not in text
  assert len(text) > 20


@functools.cache
def image_file(mode, kind):
  """Returns the bytes of a 6x8 image file."""
  image = PIL.Image.effect_noise((8, 6), 100)
  if mode == 'I;16':
    pixels = np.asarray(image).astype(np.uint16) << 8
    image = PIL.Image.fromarray(pixels)
  elif mode == 'LAB':
    image = PIL.Image.frombytes('LAB', (8, 6), bytes(range(144)))
  else:
    image = image.convert(mode)
  buffer = io.BytesIO()
  image.save(buffer, kind)
  return buffer.getvalue()


@st.composite
def damaged(draw, content):
  """Draws the bytes of a file, some of them flipped, half of them truncated."""
  content = bytearray(content)
  places = st.integers(0, len(content) - 1)
  for place in draw(st.lists(places, max_size=4)):
    content[place] ^= draw(st.integers(1, 255))
  return bytes(content[: draw(st.none() | places)])


@hypothesis.given(
  st.sampled_from(KINDS).flatmap(lambda kind: damaged(image_file(*kind))),
  st.sampled_from([(6, 8, 1), (6, 8, 3), (8, 8, 3)]),
  st.booleans(),
  st.booleans(),
)
@quick(300)
@pytest.mark.filterwarnings('ignore')
def test_damaged_and_odd_images(content, shape, resize, convert):
  try:
    pixels = read_image(content, shape, resize, convert, 'x.png')
    assert (pixels.shape, pixels.dtype) == (shape, np.uint8)
  except UserError as error:
    check_sentence(str(error))
  with contextlib.suppress(BrokenImage):
    pixels = decode(io.BytesIO(content), shape[-1], upright=True)
    assert (pixels.shape[-1], pixels.dtype) == (shape[-1], np.uint8)


@pytest.mark.parametrize('save', [np.save, np.savez, np.savez_compressed])
def test_damaged_arrays(tmp_path, save):
  path = tmp_path / ('x.npy' if save is np.save else 'x.npz')
  save(path, **{'arr' if save is np.save else 'images': IMAGES})

  @hypothesis.given(damaged(path.read_bytes()))
  @quick(100)
  def load(content):
    path.write_bytes(content)
    config = data_config(name='arrays', dir=str(path), cache_mb=1)
    try:
      dataset = load_dataset(config)
      assert dataset.facts.num_train + len(dataset.test_images) >= 2
    except UserError as error:
      check_sentence(str(error))

  load()


@pytest.fixture(scope='module')
def here(tmp_path_factory, used):
  """The current folder, with a SavedModel and images in its folder 'keep'."""
  folder = tmp_path_factory.mktemp('fuzz')
  keep = folder / 'keep'
  shutil.copytree(used[1], keep / 'model')
  write_config(tiny.get_config(), keep / 'run', {})
  image = PIL.Image.effect_noise((8, 8), 100)
  image.save(keep / 'a.png')
  (keep / 'bad.png').write_bytes((keep / 'a.png').read_bytes()[:-20])
  np.save(keep / 'images.npy', np.zeros([4, 8, 8, 1], np.uint8))
  return folder


def files(folder):
  """Returns the content of all files below a folder."""
  paths = [path for path in folder.rglob('*') if path.is_file()]
  return {path: path.read_bytes() for path in paths}


@st.composite
def command_lines(draw):
  """Draws the arguments of a command, some of them right."""
  name = draw(st.sampled_from(LINES))
  text = st.sampled_from(TEXTS)
  words = [name]
  command = get_command(name)
  for parameter in command.params:
    is_option = parameter.param_type_name == 'option'
    if parameter.name in RIGHT and draw(st.integers(0, 7)):
      words += parameter.opts[:1] if is_option else []
      words.append(draw(st.sampled_from(RIGHT[parameter.name])))
    elif not is_option:
      words += draw(st.lists(text, max_size=2))
    elif draw(st.integers(0, 3)) == 0:
      words.append(parameter.opts[0])
      if not parameter.is_flag:
        words.append(draw(text))
  if name == 'train':
    words += draw(st.sampled_from([[], ['--workdir', 'out/run']]))
    for key in draw(st.lists(st.sampled_from(sorted(OPTIONS)), max_size=2)):
      words.append(f'--config.{key}={draw(text)}')
  return words + draw(st.sampled_from([[]] * 9 + [['--nonsense']]))


@pytest.mark.slow
def test_command_lines(here, monkeypatch):
  monkeypatch.chdir(here)
  monkeypatch.setattr('training.trained.open_flow', functools.cache(open_flow))
  monkeypatch.setattr('training.loop.train.train', lambda *_: None)
  before = files(here / 'keep')
  codes = set()

  @hypothesis.given(command_lines())
  @quick(250)
  def run(words):
    out, error = io.TextIOWrapper(io.BytesIO(), 'utf-8'), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
      try:
        main(words)
      except SystemExit as end:
        code = end.code
    codes.add(code)
    assert code in (0, 2), words
    if code:
      check_sentence(error.getvalue().splitlines()[-1])
    after = files(here / 'keep')
    output = words[words.index('--output') + 1] if '--output' in words else ''
    for path, content in before.items():
      if path == here / output:
        path.write_bytes(content)  # it was named, so it may be replaced
      else:
        assert after[path] == content, words
    assert not pathlib.Path('none').exists()

  run()
  assert codes == {0, 2}


def leaves(value, path=()):
  """Yields the path of each value in nested dicts."""
  for key, inner in value.items():
    yield (*path, key)
    if isinstance(inner, dict):
      yield from leaves(inner, (*path, key))


@st.composite
def changes(draw, content):
  """Draws a copy of the content of a JSON file with up to two changes."""
  content = copy.deepcopy(content)
  for path in draw(st.lists(st.sampled_from([*leaves(content)]), max_size=2)):
    with contextlib.suppress(KeyError, TypeError):
      part = functools.reduce(lambda inner, key: inner[key], path[:-1], content)
      if draw(st.booleans()):
        del part[path[-1]]
      else:
        part[path[-1]] = draw(st.sampled_from(VALUES))
  return content


def test_edited_files_of_a_run(tmp_path):
  write_config(tiny.get_config(), tmp_path, {})
  status.write_status(
    tmp_path,
    **{'step': 3, 'num_steps': 6, 'images_per_second': 1.0},
    test_bits_per_dim=3.0,
  )
  status.add_note(tmp_path, 'Resumed.')
  metrics = {'test_bits_per_dim': 3.0, 'data': 'digits', 'step': 6}
  write_json(tmp_path / 'metrics.json', metrics)
  names = ('config.json', 'status.json', 'metrics.json')
  whole = {name: json.loads((tmp_path / name).read_text()) for name in names}

  @hypothesis.given(st.sampled_from(names), st.data())
  @quick(100)
  def run(name, data):
    for other, content in whole.items():
      (tmp_path / other).write_text(json.dumps(content))
    content = data.draw(changes(whole[name]))
    text = json.dumps(content)
    (tmp_path / name).write_text(text)
    try:
      assert describe(tmp_path).startswith(str(tmp_path))
      assert read_config(tmp_path).data.image_size >= 1
    except UserError as error:
      check_sentence(str(error))
    assert (tmp_path / name).read_text() == text

  run()
