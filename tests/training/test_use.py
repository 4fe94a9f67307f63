"""Each command that uses a trained flow, as its command line calls it."""

import csv
import io
import json
import pathlib
import shutil

import numpy as np
import PIL.Image
import pytest

import tfp_cinc
from tests.training import tiny
from training import datasets, manifest, workdir
from training.__main__ import main
from training.pictures import encode_png
from training.trained_flow import open_flow


@pytest.fixture(params=['run', 'model'])
def path(request, used):
  """A run's folder, and a SavedModel."""
  return used[request.param == 'model']


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
  """Runs a command in an empty folder: (exit code, standard output, error)."""
  folder = tmp_path / 'here'
  folder.mkdir()
  monkeypatch.chdir(folder)

  def run(*arguments):
    code = 0
    try:
      main(['training', *map(str, arguments)])
    except SystemExit as end:
      code = end.code
    return (code, *capsys.readouterr())

  return run


@pytest.fixture
def digits(tmp_path):
  """Some digits as PNG files."""
  images = datasets.load(tiny.get_config().data).test_images[:3]
  folder = tmp_path / 'digits'
  folder.mkdir()
  for name, image in zip('abc', images, strict=True):
    (folder / f'{name}.png').write_bytes(encode_png(image))
  return folder


def pixels(path):
  return np.asarray(PIL.Image.open(path))


def refused(answer, *words):
  """Whether a command said one sentence and left nothing behind."""
  code, out, error = answer
  assert code == 2
  assert out == ''
  assert error.startswith('error: ')
  assert error.count('\n') == 1
  for word in words:
    assert word in error
  assert not list(pathlib.Path().iterdir())


def test_evaluate(call, path):
  code, out, _ = call('evaluate', path, '--noise_draws', 2)
  assert code == 0
  first, *levels = out.splitlines()
  bits = open_flow(path).bits_per_dim(open_flow(path).test_images, 2)
  error = np.std(bits) / np.sqrt(180)
  assert first == (
    f'Test bits/dim {np.mean(bits):.4f} +- {error:.4f} (standard error over '
    '180 images of digits, 2 noise draws each)'
  )
  assert len(levels) == 2
  parts = [float(line.split()[2]) for line in levels]
  np.testing.assert_allclose(sum(parts), np.mean(bits), atol=2e-4)


def test_evaluate_other_images(call, used, digits, tmp_path):
  code, out, _ = call(
    'evaluate', used[0], '--split', 'train', '--limit', 40, '--noise_draws', 1
  )
  assert code == 0
  assert 'Train bits/dim' in out
  assert 'over 40 images' in out
  images = np.stack([pixels(file) for file in sorted(digits.iterdir())])
  parts = {'train': images[:2], 'test': images[2:], 'validation': images[1:]}
  np.savez(tmp_path / 'own.npz', **parts)
  for split, number in [('validation', 2), ('test', 1), ('all', 5)]:
    code, out, _ = call(
      'evaluate', used[1], '--data', tmp_path / 'own.npz', '--split', split
    )
    assert code == 0
    assert f'over {number} images of own' in out
  refused(
    call('evaluate', used[1], '--split', 'tests'), "no split 'tests'", "'train'"
  )
  code, out, _ = call('evaluate', used[1], '--data', tmp_path / 'own.npz')
  assert 'All bits/dim' in out
  assert 'over 5 images' in out
  code, out, _ = call('evaluate', used[1], '--data', digits)
  assert code == 0
  assert 'over 3 images of digits' in out
  np.save('colour.npy', np.zeros([4, 8, 8, 3], np.uint8))
  code, _, error = call('evaluate', used[1], '--data', 'colour.npy')
  assert (code, error.count('\n')) == (2, 1)
  assert '[8, 8, 3]; this flow takes [8, 8, 1]' in error
  pathlib.Path('colour.npy').unlink()
  refused(call('evaluate', used[1], '--data', 'none'), 'does not exist')


def test_sample(call, path):
  code, out, _ = call(
    'sample', path, '--number', 5, '--temperature', '0.5,1', '--seed', 3
  )
  assert code == 0
  name = 'samples_0.5_1_3.png'
  folder = open_flow(path).folder
  assert out == f'Wrote {folder / name}\n'
  (folder / name).unlink()
  code, _, _ = call(
    'sample', path, '--number', 5, '--files', '--output', 'x', '--scale', 2
  )
  assert code == 0
  files = sorted(pathlib.Path('x').iterdir())
  assert [file.name for file in files] == [f'T1_{i:04}.png' for i in range(5)]
  expected = open_flow(path).sample(5)[..., 0]
  for file, image in zip(files, expected, strict=True):
    np.testing.assert_array_equal(pixels(file)[::2, 1::2], image)


def test_reconstruct(call, path, digits):
  code, out, _ = call('reconstruct', path, '--number', 4, '--output', 'a.png')
  assert code == 0
  assert '4 of 4 the same; largest difference 0 of 255' in out
  assert pixels('a.png').shape[1] > 400
  code, out, _ = call(
    'reconstruct', path, digits / 'b.png', '--files', '--output', 'x'
  )
  assert code == 0
  np.testing.assert_array_equal(pixels('x/b.png'), pixels(digits / 'b.png'))


def test_no_file_takes_the_place_of_another(call, path, digits, tmp_path):
  files = [digits / 'a.png']
  for number, name in enumerate(
    ['x/a.png', 'x/a_1.png', 'x/b c.png', 'b_c.png']
  ):
    files.append(tmp_path / name)
    files[-1].parent.mkdir(exist_ok=True)
    image = np.full([8, 8, 1], 10 * number, np.uint8)
    files[-1].write_bytes(encode_png(image))
  code, out, _ = call('reconstruct', path, *files, '--files', '--output', 'y')
  assert code == 0
  assert 'Wrote 5 files' in out
  assert len(list(pathlib.Path('y').iterdir())) == 5


def test_reconstruct_in_few_bits(call, digits):
  """What a flow does not see of a pixel is no difference."""
  flow = tfp_cinc.models.glow([8, 8, 1], levels=1, depth=1, hidden_channels=4)
  images = np.stack([pixels(file) for file in sorted(digits.iterdir())])
  values = tfp_cinc.dequantize(images[..., np.newaxis], 4, seed=0)
  tfp_cinc.initialize_from_data(flow, values)
  tfp_cinc.export_saved_model(flow, 'few', [8, 8, 1], num_bits=4)
  code, out, _ = call(
    'reconstruct', 'few', digits / 'a.png', '--output', 'a.png'
  )
  assert code == 0
  assert '1 of 1 the same; largest difference 0 of 255, in 4 bits' in out


def test_interpolate(call, path, digits):
  code, _, _ = call(
    'interpolate',
    path,
    digits / 'a.png',
    'test:5',
    *('--steps', 4, '--method', 'spherical', '--files', '--output', 'x'),
  )
  assert code == 0
  files = sorted(pathlib.Path('x').iterdir())
  assert len(files) == 4
  flow = open_flow(path)
  np.testing.assert_array_equal(pixels(files[0]), pixels(digits / 'a.png'))
  np.testing.assert_array_equal(pixels(files[3]), flow.test_images[5, ..., 0])
  code, _, _ = call('interpolate', path, 'test:0', 'test:1')
  assert code == 0
  (flow.folder / 'interpolate_test_0_test_1.png').unlink()


def test_manipulate(call, path, digits):
  code, _, _ = call(
    'manipulate',
    path,
    digits / 'a.png',
    'test:1',
    *('--attribute', '3,8', '--strengths', '-2:2:5', '--output', 'x.png'),
  )
  assert code == 0
  assert pixels('x.png').shape[0] > 4 * 96
  code, _, _ = call(
    'manipulate',
    path,
    digits / 'a.png',
    *('--attribute', '3', '--strengths', '-1,0,1', '--level', 1),
    *('--files', '--output', 'y'),
  )
  assert code == 0
  image = pixels(digits / 'a.png')
  expected = open_flow(path).manipulate(
    image[np.newaxis, ..., np.newaxis], '3', [1.0], level=1
  )
  np.testing.assert_array_equal(pixels('y/a_3_0.png'), image)
  np.testing.assert_array_equal(pixels('y/a_3_+1.png'), expected[0, 0, ..., 0])


def test_attributes(call, path):
  code, out, _ = call(
    'attributes',
    path,
    *('--method', 'class_means', '--split', 'all', '--output', 'd.npz'),
  )
  assert code == 0
  assert '10 directions (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) from 1797 all' in out
  flow = open_flow(path)
  latents = flow.encode(flow.test_images)
  labels = flow.test_labels
  train = flow.dataset
  images = train.read_train(0, np.int64(0), train.num_train).numpy()
  numbers = train.train_numbers(0, 0, train.num_train).numpy()
  latents = np.concatenate([latents, flow.encode(images)])
  is_3 = np.concatenate([labels, train.train_labels[numbers]]) == 3
  expected = latents[is_3].mean(0) - latents[~is_3].mean(0)
  code, _, _ = call(
    'manipulate',
    path,
    'test:0',
    *('--attribute', '3', '--directions', 'd.npz', '--strengths', '1'),
    *('--files', '--output', 'x'),
  )
  assert code == 0
  moved = flow.decode(flow.encode(flow.test_images[:1]) + expected)
  difference = pixels('x/test_0_3_+1.png') - moved[0, ..., 0].astype(int)
  assert np.max(np.abs(difference)) <= 1


def test_attributes_of_folders(call, used, tmp_path):
  """A class is a sub-folder; labels that are numbers alone have no names."""
  images = datasets.load(tiny.get_config().data).test_images[:20]
  labels = np.arange(20) % 2
  np.savez(tmp_path / 'own.npz', images=images, labels=labels)
  code, out, _ = call(
    'attributes',
    used[1],
    *('--data', tmp_path / 'own.npz', '--split', 'all'),
  )
  assert code == 0
  assert '2 directions (0, 1) from 20 all images of own' in out
  pathlib.Path('directions.npz').unlink()
  np.savez(tmp_path / 'bare.npz', images=images)
  refused(
    call('attributes', used[1], '--data', tmp_path / 'bare.npz'),
    'have no labels',
  )
  refused(
    call('attributes', used[1], '--limit', 3),
    'are the same for all 3 images',
  )


def test_score(call, path, digits):
  shutil.copy(digits / 'a.png', digits / 'again.png')
  (digits / 'sub').mkdir()
  (digits / 'sub' / 'notes.txt').write_text('none')
  large = np.asarray(PIL.Image.open(digits / 'b.png').resize([16, 16]))
  PIL.Image.fromarray(large).save(digits / 'sub' / 'large.png')
  code, out, error = call('score', path, digits)
  assert code == 0
  assert error == '4 of 6 files scored\n'
  rows = list(csv.DictReader(io.StringIO(out)))
  scored, unread = rows[:4], rows[4:]
  bits = {row['file']: float(row['bits_per_dim']) for row in scored}
  assert sorted(bits) == ['a.png', 'again.png', 'b.png', 'c.png']
  assert list(bits.values()) == sorted(bits.values(), reverse=True)
  assert bits['a.png'] == bits['again.png']
  flow = open_flow(path)
  expected = flow.bits_per_dim(flow.test_images[:1], same_noise=True)[0]
  assert bits['a.png'] == pytest.approx(expected, abs=1e-4)
  assert [row['file'] for row in unread] == ['sub/large.png', 'sub/notes.txt']
  assert '16x16 pixels' in unread[0]['error']
  assert 'is no image' in unread[1]['error']
  code, out, error = call(
    'score', path, digits, '--resize', '--output', 'x.csv', '--noise_draws', 2
  )
  assert (code, out) == (0, '')
  assert '5 of 6 files scored' in error
  assert pathlib.Path('x.csv').read_text().count('\n') == 7


def test_export(call, used):
  code, out, _ = call(
    'export', used[0], '--output', 'new', '--licence', 'ours alone'
  )
  assert (code, out) == (0, 'Wrote new\n')
  card = pathlib.Path('new/model_card.json').read_text()
  assert '"data_licence": "ours alone"' in card
  assert '"test_bits_per_dim"' in card
  files = {file.name for file in pathlib.Path('new/assets.extra').iterdir()}
  assert {
    'config.json',
    'directions.npz',
    'metrics.json',
    'samples.png',
  } < files
  shutil.rmtree('new')
  refused(call('export', used[1]), 'is a SavedModel already')
  refused(call('export', 'none'), 'holds no run')
  pathlib.Path('file').write_text('')
  code, _, error = call('export', used[0], '--output', 'file')
  assert code == 2
  assert 'is no SavedModel' in error


def test_export_of_the_best_checkpoint(call, used, tmp_path):
  run = shutil.copytree(used[0], tmp_path / 'run')
  checkpoint = run / 'checkpoints' / 'step_000000004'
  facts = manifest.read(checkpoint)
  (checkpoint / 'manifest.json').unlink()
  manifest.seal(checkpoint, step=4, metric=0.5, written=facts['written'])
  for which, step in (('newest', 6), ('best', 4)):
    code, _, _ = call('export', run, '--output', 'x', '--checkpoint', which)
    assert code == 0
    card = json.loads(pathlib.Path('x', 'model_card.json').read_text())
    assert card['step'] == step
    # What is of the newest weights goes with them alone.
    assert bool(card['attributes']) == (which == 'newest')
    files = {file.name for file in pathlib.Path('x', 'assets.extra').iterdir()}
    assert ('samples.png' in files) == (which == 'newest')


def test_a_run_whose_data_are_gone(call, used, tmp_path):
  run = shutil.copytree(used[0], tmp_path / 'run')
  text = (run / 'config.json').read_text()
  assert text.count('"name": "digits"') == 1
  text = text.replace('"name": "digits"', '"name": "folder"')
  (run / 'config.json').write_text(text)
  refused(call('sample', run), 'is no folder', 'saved_model needs no data')


def test_what_would_write_into_a_run_in_training(call, used):
  with workdir.lock(used[0]):
    for command in ('export', 'attributes'):
      refused(
        call(command, used[0]), 'another process is training in', '--output'
      )
    code, _, _ = call('export', used[0], '--output', 'x')
    assert code == 0


def test_bad_images(call, path, digits):
  """In the place of each image that commands take."""
  file = digits / 'bad.png'
  shape = open_flow(path).image_shape
  assert shape == (8, 8, 1)
  good = digits / 'a.png'
  transparent = io.BytesIO()
  PIL.Image.new('RGBA', (8, 8)).save(transparent, 'PNG')
  bad = {
    'has 4x4 pixels': encode_png(np.zeros([4, 4, 1], np.uint8)),
    'is colour': encode_png(np.zeros([8, 8, 3], np.uint8)),
    'has an alpha channel': transparent.getvalue(),
    'cannot be decoded': good.read_bytes()[:-30],
  }
  for word, content in bad.items():
    file.write_bytes(content)
    refused(call('interpolate', path, good, file), 'bad.png', word)
  refused(call('reconstruct', path, file), 'bad.png')
  refused(call('manipulate', path, file, '--attribute', '3'), 'bad.png')
  refused(call('reconstruct', path, 'test:180'), 'from 0 to 179')
  refused(call('score', path, file), 'is no folder')


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['sampel'], ["no command 'sampel' (did you mean sample?)"]),
    (['sample'], ['--workdir is missing']),
    (['sample', 'PATH', '--temprature', '1'], ['did you mean --temperature?']),
    (['sample', 'PATH', '--number', '0'], ["'0' is not a whole number"]),
    (['sample', 'PATH', '--temperature', '-1'], ["'-1' is not a number"]),
    (['sample', 'PATH', '--temperature', 'nan'], ["'nan' is not a number"]),
    (['sample', 'PATH', '--output', 'a.jpg'], ['must be the name of a PNG']),
    (['sample', 'PATH', 'more'], ["'more' is one argument too many"]),
    (['interpolate', 'PATH', 'test:0'], ['SECOND is missing']),
    (['interpolate', 'PATH', 'test:0', 'test:1', '--steps', '1'], ['--steps']),
    (['manipulate', 'PATH', '--attribute', '3'], ['IMAGE is missing']),
    (['manipulate', 'PATH', 'test:0'], ['--attribute']),
    (
      [
        'manipulate',
        'PATH',
        'test:0',
        '--attribute',
        '3',
        '--strengths',
        '1:2',
      ],
      ['--strengths', 'FIRST:LAST:HOW_MANY'],
    ),
    (
      ['manipulate', 'PATH', 'test:0', '--attribute', '33'],
      ["there is no attribute '33'; there are 3"],
    ),
    (
      ['manipulate', 'PATH', 'test:0', '--attribute', '3', '--level', '2'],
      ['level 2 is not one of 0 to 1'],
    ),
    (
      ['manipulate', 'PATH', 'test:0', '--attribute=3', '--directions', 'none'],
      ['none does not exist'],
    ),
    (
      ['attributes', 'PATH', '--output', 'a.png'],
      ['must be the name of an .npz'],
    ),
    (['evaluate', 'none'], ['none holds no run and no SavedModel']),
    (['train', '--confg', 'x'], ['confg']),
    (['train', 'PATH'], ['train takes options alone']),
  ],
)
def test_bad_calls(call, used, arguments, words):
  refused(call(*[a.replace('PATH', str(used[1])) for a in arguments]), *words)


def test_every_command_has_help_with_an_example(call):
  from training.commands import COMMANDS

  code, out, _ = call('--help')
  assert code == 0
  for name in COMMANDS:
    assert f'\n  {name} ' in out
    code, help_text, _ = call(name, '--help')
    assert code == 0
    assert f'usage: python -m training {name}' in help_text
    assert f'example:\n  python -m training {name} ' in help_text
