"""Compares flows by bits/dim and writes the results page."""

import argparse
import dataclasses
import os
import shlex
import sys

from training.errors import UserError

_OUT = 'benchmarks/records'
_PAGE = 'docs/results.md'
# The section whose most important rows open the page.
_HEADLINE = 'peers_cifar10'


def main(arguments: list[str] | None = None) -> None:
  """Runs the command line."""
  options = _parser().parse_args(arguments)
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  try:
    failed = _run(options)
  except (UserError, ValueError) as error:
    print(f'Error: {error}', file=sys.stderr)
    sys.exit(2)
  if failed:
    print(f'{len(failed)} runs failed:', *failed, sep='\n- ', file=sys.stderr)
    sys.exit(1)


def _parser():
  parser = argparse.ArgumentParser(
    'python -m benchmarks.bits_per_dim', description=__doc__
  )
  add = parser.add_argument
  add(
    '--compare',
    nargs='+',
    metavar='NAME',
    help="names of comparisons, see --list (default: 'peers'; with --report, "
    'all that have records)',
  )
  add(
    '--honesty',
    metavar='WORKDIR',
    help='instead of running comparisons, compute the bits/dim of the run in '
    'this folder in several ways and the round-trip error of each layer',
  )
  add('--list', action='store_true', help='print the comparisons and exit')
  add('--report', action='store_true', help='write the page from the records')
  add(
    '--rates',
    action='store_true',
    help='measure only the step times that are missing. Let nothing else run '
    'on the machine; beside the pilots and runs, other jobs may run',
  )
  add('--models', nargs='+', metavar='MODEL', help='run only these models')
  add(
    '--data',
    metavar='PATH',
    help="'photos' (the default), 'digits', or the path of images, which are "
    'resized to 32 x 32: .npy or .npz arrays, or a folder of a data set that '
    '`tfp-cinc prepare` has prepared; not needed for --report, which writes a '
    'section for each data set that has records',
  )
  add(
    '--machine',
    metavar='KIND',
    help='kind of machine, as in the records, whose step times are used '
    '(default: that of this machine; with --report, that with most runs)',
  )
  amount = parser.add_mutually_exclusive_group()
  amount.add_argument(
    '--seconds', type=float, help='seconds of training of each run'
  )
  amount.add_argument('--steps', type=int, help='training steps of each run')
  add('--pilot_seconds', type=float, help='seconds of training of each pilot')
  add('--seeds', type=int, help='number of runs of each model')
  add('--out', default=_OUT, help='folder of records (default: %(default)s)')
  add('--page', default=_PAGE, help='path of the page (default: %(default)s)')
  add(
    '--smoke',
    action='store_true',
    help='take only two steps of everything, to check that it trains; the '
    'records have no other use',
  )
  return parser


def _run(options):
  # Imported here so that --help and usage errors are fast.
  from benchmarks.bits_per_dim.comparisons import COMPARISONS
  from benchmarks.bits_per_dim.exactness import honesty
  from benchmarks.bits_per_dim.records import Records

  if options.honesty:
    if options.compare or options.report:
      raise UserError(
        '--honesty measures a trained run: call it without --compare and '
        '--report. To write the page afterwards, call --report only.'
      )
    print(honesty.section(_measure_honesty(options)))
    return []
  names = options.compare or ([*COMPARISONS] if options.report else ['peers'])
  for name in names:
    if name not in COMPARISONS:
      raise UserError(
        f'unknown comparison {name!r}; choose from {", ".join(COMPARISONS)}.'
      )
  if options.list:
    for name, comparison in COMPARISONS.items():
      print(f'{name}: {comparison.title} ({comparison.protocol.amount})')
      for model in comparison.models:
        print(f'  {model.name}')
    return []
  comparisons = {n: _adapted(COMPARISONS[n], options) for n in names}
  records = Records(options.out)
  if options.report:
    _report(comparisons, records, options)
    return []
  return _compare(comparisons, records, options)


def _compare(comparisons, records, options):
  """Runs comparisons and returns messages of failed jobs."""
  from benchmarks import report
  from benchmarks.bits_per_dim.compare import compare
  from benchmarks.bits_per_dim.images import find_data_set
  from benchmarks.bits_per_dim.results_page import page

  data = find_data_set(options.data or 'photos')
  failed = []
  for name, comparison in comparisons.items():
    comparison = comparison.on(data, options.machine or report.machine())
    command = _command(name, options, data)
    failed += compare(comparison, records, command, only_rates=options.rates)
    found = page.rows(comparison, records)
    if found and not options.rates:
      lines = [list(row.values()) for row in found]
      print(f'\n{page.table(list(found[0]), lines)}', flush=True)
  return failed


def _report(comparisons, records, options):
  """Writes the page, with a section for each data set that has records."""
  from benchmarks.bits_per_dim.compare import recorded
  from benchmarks.bits_per_dim.exactness import honesty
  from benchmarks.bits_per_dim.results_page import page
  from benchmarks.bits_per_dim.results_page.headline import headline
  from benchmarks.bits_per_dim.results_page.layer_parameters import (
    layer_parameters,
  )

  sections, left_out = {}, []
  figures = os.path.join(os.path.dirname(options.page), 'figures')
  for name, comparison in comparisons.items():
    for found in recorded(comparison, records, options.machine):
      data = found.protocol.conditions.data
      words = [name, *([] if data.name == 'photos' else [data.name])]
      if options.seconds or options.steps:
        words.append(found.protocol.amount.replace(' ', '_'))
      section = '_'.join(words)
      command = _command(name, options, data)
      text = page.section(section, found, records, command, figures)
      if text:
        sections[section] = text
      else:
        models = ', '.join(page.missing(found, records))
        left_out.append(f'{section}: no result of {models}; run `{command}`')
      if section == _HEADLINE:
        text = headline(found, records, command, figures)
        if text:
          sections['headline'] = text
  sections['layer_parameters'] = layer_parameters()
  record = records.find_named('honesty')
  if record:
    sections['honesty'] = honesty.section(record)
  page.write(options.page, sections)
  print(f'Wrote {options.page}: {", ".join(sections)}.')
  if left_out:
    print('Left out, because models have no result:', *left_out, sep='\n- ')


def _measure_honesty(options):
  """Measures a run, and writes and returns the record."""
  from benchmarks.bits_per_dim.exactness.honesty import measure
  from benchmarks.bits_per_dim.exactness.training_command import (
    training_command,
  )
  from benchmarks.bits_per_dim.records import Records, about

  train = training_command(options.honesty)
  words = ['python', '-m', 'benchmarks.bits_per_dim']
  words += ['--honesty', options.honesty]
  limits = {}
  if options.smoke:
    words.append('--smoke')
    limits['max_images'] = 4
  if options.out != _OUT:
    words += ['--out', options.out]
  result = measure(options.honesty, **limits)
  command = f'{train} && {shlex.join(words)}'
  records = Records(options.out)
  name = 'honesty_smoke' if options.smoke else 'honesty'
  return records.write_named(name, result, **about(command))


def _adapted(comparison, options):
  """Returns a comparison with the overrides of the command line."""
  for key in ('seconds', 'steps', 'pilot_seconds', 'seeds'):
    value = getattr(options, key)
    if value is not None and value <= 0:
      raise UserError(f'--{key} is {value:g}; it must be greater than 0.')
  protocol, amount, values = comparison.protocol, {}, {}
  if options.seconds is not None:
    amount = {'seconds': options.seconds, 'steps': 0}
  if options.steps is not None:
    amount = {'seconds': 0.0, 'steps': options.steps}
  if options.smoke:
    if protocol.trains:
      amount = {'seconds': 0.0, 'steps': 2}
    amount |= {'pilot_steps': 1, 'seeds': 1, 'rate_rounds': 1}
    values = {'max_images': 4, 'noise_draws': 1, 'curve_points': 1}
    values |= {'batch_size': 4, 'samples': min(protocol.conditions.samples, 2)}
  for key in ('pilot_seconds', 'seeds'):
    if getattr(options, key) is not None:
      amount[key] = getattr(options, key)
  models = comparison.models
  if options.models:
    known = {model.name: model for model in models}
    for name in options.models:
      if name not in known:
        raise UserError(
          f'unknown model {name!r}; choose from {", ".join(known)}.'
        )
    models = tuple(known[name] for name in options.models)
  if options.smoke:  # two rates for the first model, so that it has pilots
    models = tuple(
      dataclasses.replace(model, rates=model.rates[-1 if number else -2 :])
      for number, model in enumerate(models)
    )
  conditions = dataclasses.replace(protocol.conditions, **values)
  protocol = dataclasses.replace(protocol, conditions=conditions, **amount)
  return dataclasses.replace(comparison, models=models, protocol=protocol)


def _command(name, options, data):
  """Returns the command that reproduces the records of a comparison."""
  words = ['python', '-m', 'benchmarks.bits_per_dim', '--compare', name]
  if data.name != 'photos':  # not its path, which differs on another machine
    words += ['--data', data.name]
  for key in ('seconds', 'steps', 'pilot_seconds', 'seeds'):
    value = getattr(options, key)
    if value is not None:
      words += [f'--{key}', f'{value}']
  if options.smoke:
    words.append('--smoke')
  if options.models:
    words += ['--models', *options.models]
  if options.out != _OUT:
    words += ['--out', options.out]
  return shlex.join(words)


if __name__ == '__main__':
  main()
