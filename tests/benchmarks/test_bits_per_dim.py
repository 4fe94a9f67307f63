"""Tests of the comparison of flows: its runs, its records and its page."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import report
from benchmarks.bits_per_dim import images
from benchmarks.bits_per_dim import measure as measure_module
from benchmarks.bits_per_dim.__main__ import main
from benchmarks.bits_per_dim.compare import Comparison, compare, recorded
from benchmarks.bits_per_dim.comparisons import COMPARISONS
from benchmarks.bits_per_dim.data_set import DataSet
from benchmarks.bits_per_dim.measure import measure
from benchmarks.bits_per_dim.model import Model
from benchmarks.bits_per_dim.protocol import Conditions, Protocol
from benchmarks.bits_per_dim.records import Job, Records
from benchmarks.bits_per_dim.references import (
  find_references,
  measure_references,
)
from benchmarks.bits_per_dim.results_page import page
from benchmarks.bits_per_dim.results_page.headline import (
  HEADLINE_MODELS,
  headline,
)
from benchmarks.bits_per_dim.results_page.layer_parameters import (
  layer_parameters,
)
from training.configs.options import check_values
from training.configs.smoke import reduce_if_smoke
from training.errors import UserError
from training.loop.model import build_flow
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
      DataSet('digits'),
      batch_size=8,
      noise_draws=2,
      curve_points=2,
      max_images=8,
      samples=2,
    ),
    steps=6,
    pilot_steps=6,
    seeds=2,
    machine=report.machine(),
  ),
  ('coupling by layer',),
)
RUN = COMPARISON.protocol.run(1.0)


class Cut(BaseException):
  """Stands for the end of the process."""


def result(bits=2.0, step_seconds=0.5):
  """The results of all kinds of jobs."""
  return {
    'bits_per_dim': bits,
    'data': 'made up',
    'num_images': 10,
    'diverged': None,
    'parameters': 1000,
    'steps': 6,
    'curve': [],
    'step_seconds': step_seconds,
    'first_step_seconds': 3.0,
    'sampling_seconds': 1.0,
  }


@pytest.fixture(scope='module')
def story(tmp_path_factory):
  """A comparison that was interrupted at its third run and then resumed."""
  records = Records(str(tmp_path_factory.mktemp('records')))
  begun = []

  def run(job, folder):
    begun.append(str(job))
    if len(begun) == 5:
      raise Cut
    return measure(job, folder)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(measure_module, '_RATE_SECONDS', 0.0)
    with pytest.raises(Cut):
      compare(COMPARISON, records, 'the command', run)
    first, begun[:] = list(begun), [None] * 5
    failed = compare(COMPARISON, records, 'the command', run)
  return types.SimpleNamespace(
    records=records, first=first, second=begun[5:], failed=failed
  )


def test_a_second_call_runs_the_missing_jobs(story):
  run = 'tiny, run of 6 steps, seed {}, learning rate 0.01'
  assert story.first == [
    'tiny, step time, round 0',
    'tiny, step time, round 1',
    'tiny, pilot of 6 steps, seed 0, learning rate 1e+30',
    'tiny, pilot of 6 steps, seed 0, learning rate 0.01',
    run.format(0),
  ]
  assert story.second == [run.format(0), run.format(1)]
  assert not story.failed


def test_the_faster_round_is_the_step_time(story):
  rounds = [story.records.find(job) for job in COMPARISON.rates()]
  times = [record['result']['step_seconds'] for record in rounds]
  assert COMPARISON.rate(TINY, story.records).step_seconds == min(times) > 0
  for record in rounds:
    assert record['facts']['conditions']['machine'] == record['machine']
    # Tracing takes longer than a step.
    first = record['result']['first_step_seconds']
    assert first > 10 * record['result']['step_seconds']
    assert record['result']['steps'] == 5


def test_seconds_are_steps_at_the_step_time(tmp_path):
  protocol = dataclasses.replace(
    COMPARISON.protocol,
    seconds=30.0,
    steps=0,
    pilot_seconds=6.0,
    pilot_steps=0,
    machine='a machine',
  )
  slow = dataclasses.replace(
    TINY, name='slow', options={**TINY.options, 'flow.depth': 2}
  )
  two = dataclasses.replace(COMPARISON, models=(TINY, slow), protocol=protocol)
  records = Records(str(tmp_path))
  for job in two.rates():
    seconds = 0.5 if job.model is slow else 0.1
    records.write(job, result(step_seconds=seconds + job.seed), date='today')
  assert [job.conditions.steps for job in two.pilots(records)] == [60, 12] * 2
  for job in two.pilots(records):
    records.write(job, result())
  runs = two.runs(records)
  assert [job.conditions.steps for job in runs] == [300, 60] * 2
  for job in runs:
    records.write(job, result())
  row = page.rows(two, records)[1]
  assert (row['seconds'], row['steps']) == ('30', '60')
  assert row['images/s'] == '16'
  # The step times of another machine are others.
  other = two.on(DataSet('digits'), 'another machine')
  assert other.rate(TINY, records) is None
  assert not other.pilots(records)
  assert recorded(two, records) == [two]
  with pytest.raises(UserError, match="'tiny' is not recorded for 'another"):
    compare(other, records, '', measure)


def test_only_step_times_are_measured_on_request(tmp_path):
  records, begun = Records(str(tmp_path)), []

  def run(job, _):
    begun.append(str(job))
    return result()

  compare(COMPARISON, records, '', run, only_rates=True)
  assert begun == ['tiny, step time, round 0', 'tiny, step time, round 1']
  compare(COMPARISON, records, '', run, only_rates=True)
  assert len(begun) == 2


def test_divergence_is_recorded_and_not_picked(story):
  diverged, _ = (
    story.records.find(job) for job in COMPARISON.pilots(story.records)
  )
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
  assert [record['facts']['seed'] for record in found] == [0, 1]
  for record in found:
    result = record['result']
    assert record['command'] == 'the command'
    assert record['versions']['tensorflow'] == tf.__version__.replace('-', '.')
    assert result['steps'] == 6
    assert result['num_images'] == 8
    assert [step for step, _ in result['curve']] == [3, 6]
    # The same weights with other noise.
    bits = result['curve'][-1][1]
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

  job = Job(TINY, RUN, 0, 1e-2)
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
  assert '## Tiny flows: digits, 6 steps per run\n' in text
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


def test_a_section_needs_a_result_of_each_model(
  story, tmp_path, monkeypatch, capsys
):
  options = {**TINY.options, 'flow.depth': 2}
  same = dataclasses.replace(TINY, name='same')  # has the records of TINY
  other = dataclasses.replace(TINY, name='other', options=options)
  three = dataclasses.replace(COMPARISON, models=(TINY, same, other))
  assert len(page.rows(three, story.records)) == 2
  assert page.section('three', three, story.records, 'again', tmp_path) is None
  assert not [*tmp_path.iterdir()]
  monkeypatch.setitem(COMPARISONS, 'three', three)
  command = ['--compare', 'three', '--out', str(story.records.folder)]
  main([*command, '--report', '--page', str(tmp_path / 'results.md')])
  assert '\n- three_digits: no result of other; run `python -m' in (
    capsys.readouterr().out
  )


def test_differences_are_between_runs_with_the_same_seed(tmp_path):
  records, models = Records(str(tmp_path)), []
  # The bits/dim differ much more between the seeds than between the models.
  for name, depth, bits in (('a', 1, (2.0, 3.0)), ('b', 2, (2.1, 3.3))):
    options = {**TINY.options, 'flow.depth': depth}
    model = dataclasses.replace(TINY, name=name, options=options, rates=(1.0,))
    models.append(model)
    for seed, value in enumerate(bits):
      records.write(Job(model, RUN, seed, 1.0), result(value))
  two = dataclasses.replace(COMPARISON, models=tuple(models))
  for job in two.rates():
    records.write(job, result(), date='today')
  first, second = page.rows(two, records)
  assert first['delta'] == ''
  assert second['bits/dim'] == '2.700 +- 0.600'
  assert second['delta'] == '0.200 +- 0.100'


def test_the_headline_says_when_our_flow_is_as_good_as_its_peers(tmp_path):
  records, models = Records(str(tmp_path)), []
  # Final values of our flow's peers, and when it reaches them.
  peers = [(2.5, '2 s'), (1.0, 'longer')]
  values = [2.0, *(bits for bits, _ in peers)]
  for name, bits in zip(HEADLINE_MODELS, values, strict=True):
    options = {**TINY.options, 'flow.depth': 1 + len(models)}
    model = dataclasses.replace(TINY, name=name, options=options, rates=(1.0,))
    models.append(model)
    curve = [[2, 3.0], [4, 2.25], [6, bits]]
    record = {**result(bits), 'curve': curve}
    records.write(Job(model, RUN, 0, 1.0), record, date='today', machine='here')
  all_ = dataclasses.replace(COMPARISON, models=tuple(models))
  for job in all_.rates():
    records.write(job, result(step_seconds=0.5), date='today')
  text = headline(all_, records, 'do it', tmp_path / 'figures')
  assert '| `cinc`, the default flow | 2.000 |  | 1,000 | 16 | 1 |\n' in text
  for words, (bits, when) in zip(
    list(HEADLINE_MODELS.values())[1:], peers, strict=True
  ):
    assert f'| {words} | {bits:.3f} | {when} | 1,000 | 16 | 1 |\n' in text
  assert '\n`do it`\n\nData: ' in text
  assert (tmp_path / 'figures' / 'headline.png').stat().st_size
  two = dataclasses.replace(all_, models=tuple(models[:2]))
  assert headline(two, records, '', tmp_path / 'none') is None


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
    if job.conditions.evaluate == 'step_time':
      return result()
    begun.append((job.model.name, job.seed))
    raise ImportError('No module')

  records = Records(str(tmp_path))
  failed = compare(two, records, '', run)
  # The models take turns.
  assert begun == [('tiny', 0), ('other', 0), ('tiny', 1), ('other', 1)]
  assert 'No module' in failed[0]
  assert not any(map(records.find, two.runs(records)))


def test_two_calls_do_not_share_the_cores(tmp_path):
  with (
    lock_folder(tmp_path, 'wait for its end'),
    pytest.raises(UserError, match='use another --out'),
  ):
    compare(COMPARISON, Records(str(tmp_path)), '', measure)


def test_an_incomplete_record_is_ignored(story, tmp_path):
  job = COMPARISON.runs(story.records)[0]
  records = Records(str(tmp_path))
  records.write(job, result())
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
from benchmarks.bits_per_dim.references import (
  find_references,
  measure_references,
)

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
  config = TINY.full_config(RUN).data
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


@pytest.fixture(scope='module')
def arrays(tmp_path_factory):
  """A folder of arrays of random images named 'noise'."""
  folder = tmp_path_factory.mktemp('data') / 'noise'
  folder.mkdir()
  chance = np.random.default_rng(0)
  for name, number in (('train', 40), ('test', 20)):
    images = chance.integers(0, 256, [number, 8, 8, 1], np.uint8)
    np.save(folder / f'{name}.npy', images)
  return folder


def test_a_data_set_is_known_by_its_images(arrays, tmp_path):
  found = images.find_data_set(str(arrays))
  assert (found.name, found.num_train, found.num_test) == ('noise', 40, 20)
  moved = tmp_path / 'noise'
  shutil.copytree(arrays, moved)
  assert images.find_data_set(str(moved)) == found
  test = np.load(moved / 'test.npy')
  np.save(moved / 'test.npy', np.flip(test))
  assert images.find_data_set(str(moved)) != found
  # The records do not depend on the path, which they do not hold.
  for name, job in {
    path: Job(TINY, RUN.on(dataclasses.replace(found, path=path)), 0, 1.0)
    for path in (str(arrays), '')
  }.items():
    assert job.fingerprint() == Job(TINY, RUN.on(found), 0, 1.0).fingerprint()
    assert 'path' not in job.facts()['conditions']['data'], name
  assert str(arrays) not in json.dumps(job.facts())
  with pytest.raises(UserError, match='neither one of photos'):
    images.find_data_set(str(tmp_path / 'none'))


def test_a_prepared_data_set_is_found_by_its_folder(tmp_path):
  version = tmp_path / 'set' / 'small' / '1.0.2'
  version.mkdir(parents=True)
  info = {'name': 'set', 'configName': 'small', 'version': '1.0.2'}
  (version / 'dataset_info.json').write_text(json.dumps(info))
  for path in (version, version.parent):
    assert DataSet('set', path=str(path)).options() == {
      'data.name': 'tfds',
      'data.tfds_name': 'set/small:1.0.2',
      'data.dir': str(tmp_path),
    }


def test_all_test_images_of_arrays_are_evaluated(arrays, tmp_path):
  data = images.find_data_set(str(arrays))
  comparison = COMPARISON.on(data, report.machine())
  config = TINY.full_config(comparison.protocol.run(1.0)).data
  tested = images.load(config, 'test').test_images
  np.testing.assert_array_equal(tested, np.load(arrays / 'test.npy'))
  assert images.load(config, 'validation').test_images.shape[0] == 4


def test_large_sets_take_fewer_noise_draws():
  large = DataSet('large', 50_000, 10_000, 'digest')
  assert Conditions().on(large).noise_draws == 2
  assert Conditions(noise_draws=1).on(large).noise_draws == 1
  assert Conditions().on(DataSet('small', 500, 100, 'digest')).noise_draws == 8


def test_references_are_the_sizes_of_image_files():
  noise = np.random.default_rng(0).integers(0, 256, [600, 8, 8, 3], np.uint8)
  of_noise = measure_references(noise)
  # Noise cannot be compressed. Each PNG file has a header.
  assert 8.0 < of_noise['webp'] < 8.1 < of_noise['png'] < 12.0
  constant = measure_references(np.zeros([600, 8, 8, 1], np.uint8))
  assert constant['webp'] < 0.1


def test_references_are_measured_once(tmp_path, monkeypatch):
  from benchmarks.bits_per_dim import references

  calls = []
  monkeypatch.setattr(
    references,
    'measure_references',
    lambda found: calls.append(found.shape) or {'png': 5.0, 'webp': 4.0},
  )
  records, data = Records(str(tmp_path)), DataSet('digits')
  assert find_references(data, records) is None
  for _ in range(2):
    found = find_references(data, records, 'the command')
    assert found == {'png': 5.0, 'webp': 4.0}
  assert len(calls) == 1
  assert calls[0][1:] == (16, 16, 1)


def test_models_and_conditions_are_checked():
  with pytest.raises(UserError, match=r"the option 'flow\.dept'"):
    Model('m', options={'flow.dept': 2}).full_config(Conditions())
  with pytest.raises(ValueError, match='must be one of'):
    Model('m', kind='glow')
  with pytest.raises(ValueError, match='one of them'):
    Protocol(seconds=1.0, steps=1)


def test_models_of_a_comparison_have_different_names_and_options():
  for comparison in COMPARISONS.values():
    conditions = comparison.protocol.run(1.0)
    names = {model.name for model in comparison.models}
    prints = {
      Job(m, conditions, 0, 0.1).fingerprint() for m in comparison.models
    }
    assert len(names) == len(prints) == len(comparison.models)


@pytest.mark.parametrize('name', COMPARISONS)
def test_each_flow_of_a_comparison_can_be_built(name):
  for model in COMPARISONS[name].models:
    config = model.full_config(COMPARISONS[name].protocol.run(1.0))
    config.smoke = True  # small networks
    check_values(reduce_if_smoke(config))
    assert build_flow(config, [32, 32, 3]).event_shape == [32, 32, 3]


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
