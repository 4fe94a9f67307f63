"""Tests of the comparison of flows: its runs, its records and its page."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.bits_per_dim import images, page
from benchmarks.bits_per_dim.__main__ import main
from benchmarks.bits_per_dim.compare import Comparison, compare
from benchmarks.bits_per_dim.comparisons import COMPARISONS
from benchmarks.bits_per_dim.layer_parameters import layer_parameters
from benchmarks.bits_per_dim.measure import measure
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions, Protocol
from benchmarks.bits_per_dim.records import Job, Records
from training.errors import UserError
from training.run_folder.lock import lock_folder

pytestmark = pytest.mark.slow

TINY = Model(
  'tiny',
  'cinc_digits',
  {
    'data.image_size': 8,
    'flow.levels': 1,
    'flow.depth': 1,
    'flow.coupling': 'affine',
    'flow.hidden_channels': 4,
    'train.init_images': 32,
    'train.warmup_steps': 1,
    'train.clip_norm': 0.0,
    'train.max_skipped': 2,
    'train.deterministic': False,
  },
  rates=(1e30, 1e-2),
)
COMPARISON = Comparison(
  'Tiny flows',
  'A comparison for tests.',
  (TINY,),
  Protocol(
    Conditions(
      'digits',
      steps=6,
      batch_size=8,
      noise_draws=2,
      curve_points=2,
      max_images=8,
      samples=2,
    ),
    pilot_steps=6,
    seeds=2,
  ),
  ('coupling by layer',),
)


class Cut(BaseException):
  """Stands for the end of the process."""


@pytest.fixture(scope='module')
def story(tmp_path_factory):
  """A comparison that was interrupted at its third run and then resumed."""
  records = Records(str(tmp_path_factory.mktemp('records')))
  begun = []

  def run(job, folder):
    begun.append(str(job))
    if len(begun) == 3:
      raise Cut
    return measure(job, folder)

  with pytest.raises(Cut):
    compare(COMPARISON, records, 'the command', run)
  first, begun[:] = list(begun), [None] * 3
  failed = compare(COMPARISON, records, 'the command', run)
  return types.SimpleNamespace(
    records=records, first=first, second=begun[3:], failed=failed
  )


def test_a_second_call_runs_the_missing_jobs(story):
  run = 'tiny, run of 6 steps, seed {}, learning rate 0.01'
  assert story.first == [
    'tiny, pilot of 6 steps, seed 0, learning rate 1e+30',
    'tiny, pilot of 6 steps, seed 0, learning rate 0.01',
    run.format(0),
  ]
  assert story.second == [run.format(0), run.format(1)]
  assert not story.failed


def test_divergence_is_recorded_and_not_picked(story):
  diverged, _ = (story.records.find(job) for job in COMPARISON.pilots())
  assert 'not finite 2 times' in diverged['result']['diverged']
  assert diverged['result']['bits_per_dim'] is None
  assert COMPARISON.picked_rate(TINY, story.records) == 1e-2
  alone = dataclasses.replace(TINY, rates=(1e30, 1e30))
  only = dataclasses.replace(COMPARISON, models=(alone,))
  assert only.picked_rate(alone, story.records) is None
  assert page.rows(only, story.records) == [
    {'model': 'tiny', 'bits/dim': 'diverged in all pilots'}
  ]


def test_a_record_describes_its_run(story):
  found = [story.records.find(j) for j in COMPARISON.runs(story.records)]
  assert [record['seed'] for record in found] == [0, 1]
  for record in found:
    result = record['result']
    assert record['command'] == 'the command'
    assert record['versions']['tensorflow'] == tf.__version__
    assert result['steps'] == 6
    assert result['num_images'] == 8
    assert [step for _, step, _ in result['curve']] == [3, 6]
    seconds, _, bits = result['curve'][-1]
    # The same weights with other noise.
    assert seconds == result['seconds'] > 0
    assert abs(bits - result['bits_per_dim']) < 0.2
    assert result['sampling_seconds'] > 0
  first, second = (record['result']['bits_per_dim'] for record in found)
  assert first != second


def test_other_options_need_another_record(story):
  job = COMPARISON.runs(story.records)[0]
  assert story.records.find(job)

  def model(**changes):
    return dataclasses.replace(job.model, **changes)

  renamed = dataclasses.replace(job, model=model(name='another'))
  assert story.records.find(renamed)
  option = {**TINY.options, 'flow.kernel_size': 2}
  conditions = dataclasses.replace(job.conditions, noise_draws=3)
  for changes in (
    {'model': model(options=option)},
    {'model': model(kind='normflows Glow')},
    {'conditions': conditions},
    {'seed': 2},
    {'learning_rate': 2e-2},
  ):
    assert story.records.find(dataclasses.replace(job, **changes)) is None


def test_another_default_of_a_preset_needs_another_record(monkeypatch):
  from tfp_cinc import models

  job = Job(TINY, COMPARISON.protocol.conditions, 0, 1e-2)
  before = job.fingerprint()
  assert job.fingerprint() == before
  monkeypatch.setattr(models, 'cinc', lambda image_shape, levels=5: None)
  assert job.fingerprint() != before


def test_the_page_comes_from_the_records(story, tmp_path):
  path = tmp_path / 'results.md'
  figures = tmp_path / 'figures'
  text = page.section('tiny', COMPARISON, story.records, 'again', figures)
  bits = [
    story.records.find(job)['result']['bits_per_dim']
    for job in COMPARISON.runs(story.records)
  ]
  error = abs(bits[0] - bits[1]) / 2
  assert f'| tiny | {sum(bits) / 2:.3f} +- {error:.3f} |  | 2 | 0.01 |' in text
  assert '`again`' in text
  assert 'not measured here (CInC Flow draft, table 3): bits/dim on' in text
  assert '| quad | 3.3612 | 3.3879 |' in text
  assert (figures / 'tiny.png').read_bytes().startswith(b'\x89PNG')
  page.write(path, {'tiny': text, 'other': 'Another.'})
  path.write_text(path.read_text() + 'A comment.\n')
  page.write(path, {'tiny': 'No longer there.'})
  page_text = path.read_text()
  assert '0.01' not in page_text.partition('<!-- tiny -->')[2]
  assert page_text.count('No longer there.') == 1
  assert 'Another.' in page_text
  assert page_text.endswith('A comment.\n')


def test_a_section_needs_a_result_of_each_model(story, tmp_path):
  options = {**TINY.options, 'flow.depth': 2}
  same = dataclasses.replace(TINY, name='same')  # has the records of TINY
  other = dataclasses.replace(TINY, name='other', options=options)
  three = dataclasses.replace(COMPARISON, models=(TINY, same, other))
  assert len(page.rows(three, story.records)) == 2
  assert page.section('three', three, story.records, 'again', tmp_path) is None
  assert not [*tmp_path.iterdir()]


def test_differences_are_between_runs_with_the_same_seed(tmp_path):
  records, models = Records(str(tmp_path)), []
  # The bits/dim differ much more between the seeds than between the models.
  for name, depth, bits in (('a', 1, (2.0, 3.0)), ('b', 2, (2.1, 3.3))):
    options = {**TINY.options, 'flow.depth': depth}
    model = dataclasses.replace(TINY, name=name, options=options, rates=(1.0,))
    models.append(model)
    for seed, value in enumerate(bits):
      job = Job(model, COMPARISON.protocol.conditions, seed, 1.0)
      result = {
        'bits_per_dim': value,
        'diverged': None,
        'parameters': 1000,
        'seconds': 1.0,
        'steps': 6,
        'images_per_second': 8.0,
        'first_step_seconds': 1.0,
        'sampling_seconds': 1.0,
      }
      records.write(job, result)
  two = dataclasses.replace(COMPARISON, models=tuple(models))
  first, second = page.rows(two, records)
  assert first['delta'] == ''
  assert second['bits/dim'] == '2.700 +- 0.600'
  assert second['delta'] == '0.200 +- 0.100'


def test_without_records_there_is_no_section(tmp_path):
  records = Records(str(tmp_path / 'none'))
  assert page.section('tiny', COMPARISON, records, '', tmp_path) is None


def test_a_failing_run_does_not_keep_others_from_running(tmp_path):
  other = dataclasses.replace(TINY, name='other', rates=(1e-3,))
  two = dataclasses.replace(
    COMPARISON, models=(dataclasses.replace(TINY, rates=(1e-2,)), other)
  )
  begun = []

  def run(job, _):
    begun.append((job.model.name, job.seed))
    raise ImportError('No module')

  failed = compare(two, Records(str(tmp_path)), '', run)
  # The models take turns.
  assert begun == [('tiny', 0), ('other', 0), ('tiny', 1), ('other', 1)]
  assert 'No module' in failed[0]
  assert not list(tmp_path.glob('*.json'))


def test_two_calls_do_not_share_the_cores(tmp_path):
  with (
    lock_folder(tmp_path, 'wait for its end'),
    pytest.raises(UserError, match='use another --out'),
  ):
    compare(COMPARISON, Records(str(tmp_path)), '', measure)


def test_an_incomplete_record_is_ignored(story, tmp_path):
  job = COMPARISON.runs(story.records)[0]
  records = Records(str(tmp_path))
  records.write(job, {'bits_per_dim': 3.0})
  (path,) = tmp_path.glob('*.json')
  assert records.find(job)
  path.write_text(path.read_text()[:-20])
  assert records.find(job) is None


def test_a_killed_writer_leaves_complete_records(tmp_path):
  code = f"""
import itertools
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions
from benchmarks.bits_per_dim.records import Job, Records

records = Records({str(tmp_path)!r})
model = Model('peer', 'glow_photos', kind='tfb.Glow')
for seed in itertools.count():
  records.write(Job(model, Conditions(), seed, 1.0), {{'all': [0] * 10000}})
  print(seed, flush=True)
"""
  with subprocess.Popen(
    [sys.executable, '-c', code],
    stdout=subprocess.PIPE,
    cwd=pathlib.Path(__file__).parents[2],
  ) as process:
    for _ in range(5):
      assert process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
  written = list(tmp_path.glob('[!.]*.json'))
  assert len(written) >= 5
  for path in written:
    assert json.loads(path.read_text())['result']


def test_validation_images_are_not_trained_on():
  config = TINY.full_config(COMPARISON.protocol.conditions).data
  dataset = images.load(config, 'validation')
  validation = {image.tobytes() for image in dataset.test_images}
  tested = {
    image.tobytes() for image in images.load(config, 'test').test_images
  }
  trained = {
    image.tobytes()
    for step in range(60)  # past the end of an epoch
    for image in dataset.read_train(
      0, tf.constant(step * 32, tf.int64), 32
    ).numpy()
  }
  assert len(validation) > 150
  assert len(trained) > 1400
  assert not validation & trained
  assert not tested & (validation | trained)


def test_validation_crops_of_photographs_are_held_out(monkeypatch):
  import sklearn.datasets

  # The value of a pixel is a quarter of its column.
  columns = np.broadcast_to(np.arange(640) // 4, [3, 427, 640])
  picture = np.moveaxis(columns, 0, -1).astype(np.uint8)
  monkeypatch.setattr(
    sklearn.datasets,
    'load_sample_images',
    lambda: types.SimpleNamespace(images=[picture, picture]),
  )
  config = Model('', 'cinc_photos').full_config(Conditions()).data
  validation = images.load(config, 'validation')
  tested = images.load(config, 'test').test_images
  train = validation.read_train(0, tf.constant(0, tf.int64), 8192).numpy()
  assert train.max() <= validation.test_images.min()
  assert validation.test_images.max() < tested.min()


def test_models_and_conditions_are_checked():
  with pytest.raises(UserError, match=r"the option 'flow\.dept'"):
    Model('m', options={'flow.dept': 2}).full_config(Conditions())
  with pytest.raises(ValueError, match='must be one of'):
    Model('m', kind='glow')
  with pytest.raises(ValueError, match='one of them'):
    Conditions(seconds=1.0, steps=1)


def test_models_of_a_comparison_have_different_names_and_options():
  for comparison in COMPARISONS.values():
    conditions = comparison.protocol.conditions
    names = {model.name for model in comparison.models}
    prints = {
      Job(m, conditions, 0, 0.1).fingerprint() for m in comparison.models
    }
    assert len(names) == len(prints) == len(comparison.models)


def test_parameters_per_layer_match_the_poster():
  text = layer_parameters()
  n = 12
  assert f'| {9 * n**2 - n * (n - 1) // 2:,} |' in text
  assert f'| {5 * n**2} |' in text
  assert f'| {10 * n**2:,} |' in text


def test_the_command_line_rejects_unknown_names_and_bad_values(capsys):
  with pytest.raises(SystemExit) as ended:
    main(['--compare', 'peer'])
  assert ended.value.code == 2
  assert "comparison 'peer'; choose from peers," in capsys.readouterr().err
  with pytest.raises(SystemExit) as ended:
    main(['--models', 'cinc', 'glows'])
  assert ended.value.code == 2
  assert "unknown model 'glows'" in capsys.readouterr().err
  with pytest.raises(SystemExit) as ended:
    main(['--pilot_seconds', '0'])
  assert ended.value.code == 2
  assert '--pilot_seconds is 0; it must be greater' in capsys.readouterr().err


def test_the_command_line_reports_without_training(tmp_path):
  path = tmp_path / 'results.md'
  main(['--report', '--out', str(tmp_path / 'none'), '--page', str(path)])
  text = path.read_text()
  assert text.count('<!-- layer_parameters -->') == 1
  assert '<!-- peers -->' not in text


def test_the_loop_over_pixels_is_the_same_inverse():
  import tfp_cinc
  from benchmarks import per_pixel

  layer = tfp_cinc.bijectors.trainable_emerging_conv2d(4, 3, seed=0)
  y = tf.random.stateless_normal([2, 6, 5, 4], [0, 0])
  own = layer.inverse(y)
  frozen = tfp_cinc.freeze(layer, y.shape[1:])
  with per_pixel.solving_per_pixel():
    for solved in (layer, frozen):
      loop = solved.inverse(tf.identity(y))
      np.testing.assert_allclose(loop, own, atol=1e-5)
