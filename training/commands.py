"""The commands by name."""

from training.command_line import Command, listing, numbers, strengths

__all__ = ['COMMANDS']

_PATH = 'PATH is the folder of a run or of a SavedModel.'
_IMAGE = (
  'An image is a file of the size that the flow takes, or test:N, number N of '
  'the test images, from 0.'
)


def _add_images(parser):
  parser.add_argument(
    '--resize',
    action='store_true',
    help='crop and resize images of another size',
  )
  parser.add_argument(
    '--convert',
    action='store_true',
    help='take grey for colour or colour for grey, drop an opaque alpha '
    'channel and the lower bits of 16',
  )


def _add_pictures(parser):
  parser.add_argument(
    '--output',
    metavar='FILE',
    help='the PNG file to write, or with --files the folder; by default it is '
    'named after the command, in the folder of the run or, for a SavedModel, '
    'here',
  )
  parser.add_argument(
    '--files',
    action='store_true',
    help='write each image into a file of its own, and not all into one',
  )
  parser.add_argument(
    '--scale',
    type=numbers(1),
    metavar='N',
    help='draw each pixel as N x N',
  )


def _add_data(parser, split):
  parser.add_argument(
    '--split',
    help="'train', 'test', 'validation' where there is one, or 'all' "
    f'(default {split}, with --data all)',
  )
  parser.add_argument(
    '--data',
    metavar='PATH',
    help='a folder of images, or an .npy or .npz file, in place of the data of '
    'the run; files are resized, and made grey for a grey flow, as those that '
    'are trained on',
  )
  parser.add_argument(
    '--limit', type=numbers(1), metavar='N', help='take the first N images'
  )


def _add_seed(parser, what):
  parser.add_argument(
    '--seed',
    type=numbers(0, below=2**31),
    default=0,
    help=f'of {what} (default 0)',
  )


def _add_noise(parser, draws):
  parser.add_argument(
    '--noise_draws',
    type=numbers(1),
    default=draws,
    metavar='N',
    help=f'draws of dequantization noise for each image (default {draws})',
  )
  _add_seed(parser, 'the noise')


def _evaluate(parser):
  _add_data(parser, 'test')
  _add_noise(parser, 8)


def _sample(parser):
  parser.add_argument(
    '--number',
    type=numbers(1),
    default=64,
    metavar='N',
    help='how many images (default 64)',
  )
  parser.add_argument(
    '--temperature',
    type=listing(numbers(0.0, float, below=1e6)),
    default=[1.0],
    metavar='T',
    help='factor of the latents, or several as 0.5,0.7,1 for the same latents '
    'at each (default 1)',
  )
  parser.add_argument(
    '--seed',
    '--sample_seed',
    type=numbers(0, below=2**31),
    default=0,
    help='of the latents (default 0)',
  )
  _add_pictures(parser)


def _reconstruct(parser):
  parser.add_argument(
    '--number',
    type=numbers(1),
    default=10,
    metavar='N',
    help='how many test images, where no image is named (default 10)',
  )
  _add_images(parser)
  _add_pictures(parser)


def _interpolate(parser):
  parser.add_argument(
    '--steps',
    type=numbers(2),
    default=9,
    metavar='N',
    help='how many images, the two among them (default 9)',
  )
  parser.add_argument(
    '--method',
    choices=['linear', 'spherical'],
    default='linear',
    help='the way between the two latents (default linear)',
  )
  _add_images(parser)
  _add_pictures(parser)


def _attributes(parser):
  _add_data(parser, 'train')
  parser.add_argument(
    '--method',
    choices=['correlation', 'class_means'],
    default='correlation',
    help="the CInC paper's C = A^T Z, or Glow's difference of the means "
    '(default correlation)',
  )
  parser.add_argument(
    '--output',
    metavar='FILE',
    help='the .npz file to write; by default directions.npz, in the folder of '
    'the run or, for a SavedModel, here',
  )


def _manipulate(parser):
  parser.add_argument(
    '--attribute',
    type=listing(str),
    required=True,
    metavar='NAME',
    help='what to change, or several as Smiling,Young: a row for each',
  )
  parser.add_argument(
    '--strengths',
    type=strengths,
    default='-2:2:7',
    metavar='FIRST:LAST:N',
    help='how far to go, or numbers as -1,0,1; 1 is from the average image '
    'without the attribute to that with it (default -2:2:7)',
  )
  parser.add_argument(
    '--level',
    type=numbers(0),
    metavar='L',
    help='change the latents of this level alone: 0 is the finest',
  )
  parser.add_argument(
    '--directions',
    metavar='FILE',
    help='an .npz file that `attributes` wrote; by default the directions of '
    'the run or of the SavedModel',
  )
  _add_images(parser)
  _add_pictures(parser)


def _score(parser):
  parser.add_argument(
    '--output', metavar='FILE', help='the CSV file; by default it is printed'
  )
  _add_noise(parser, 1)
  _add_images(parser)


def _export(parser):
  parser.add_argument(
    '--output',
    metavar='FOLDER',
    help='of the SavedModel; by default saved_model in the folder of the run',
  )
  parser.add_argument(
    '--directions',
    metavar='FILE',
    help='an .npz file that `attributes` wrote; by default the directions.npz '
    'of the run, if there is one',
  )
  parser.add_argument(
    '--checkpoint',
    choices=['newest', 'best'],
    default='newest',
    help='whose weights to take; best is of the lowest test bits/dim that were '
    'measured while training (default newest)',
  )
  parser.add_argument(
    '--precision',
    choices=['full', 'bfloat16'],
    default='full',
    help='in which the coupling networks compute (default full: float32)',
  )
  parser.add_argument(
    '--licence', metavar='TEXT', help='of the data, for the model card'
  )


def _demo(parser):
  parser.add_argument(
    '--port',
    type=numbers(0),
    default=8501,
    help='of the page, 0 for any (default 8501)',
  )
  parser.add_argument(
    '--open_browser', action='store_true', help='show the page at once'
  )


def _prepare(parser):
  parser.add_argument(
    '--dataset', metavar='NAME', help='name[/config][:version]'
  )
  parser.add_argument(
    '--data_dir', default='', metavar='DIR', help='the folder of all data sets'
  )


def _train(parser):
  parser.add_argument(
    '--config', metavar='FILE', help='a file of training/configs'
  )
  parser.add_argument('--workdir', metavar='DIR', help='the folder of the run')
  parser.add_argument(
    '--config.KEY',
    metavar='VALUE',
    help='another value of one of its keys, as --config.flow.depth=8; '
    'training/configs/base.py lists them',
  )


COMMANDS = {
  'train': Command(
    'Trains a flow into a folder, or resumes the run that is in it.',
    'train --config training/configs/cinc_digits.py --workdir runs/digits',
    (),
    'training.train:train',
    _train,
  ),
  'status': Command(
    'Tells how far a run is, and whether a process is training it.',
    'status runs/cinc_photos',
    ('WORKDIR',),
    'training.status:status',
  ),
  'inspect': Command(
    'Checks the checkpoints of a run and tells what they hold.',
    'inspect runs/cinc_photos',
    ('WORKDIR',),
    'training.inspect_run:inspect',
  ),
  'prepare': Command(
    'Downloads and prepares a data set of TensorFlow Datasets.',
    'prepare --dataset cifar10 --data_dir ~/tensorflow_datasets',
    (),
    'training.prepare:prepare_and_tell',
    _prepare,
  ),
  'evaluate': Command(
    'Tells the bits/dim of the images of a split, with its standard error.',
    'evaluate runs/cinc_photos --noise_draws 32',
    ('PATH',),
    'training.measure:evaluate',
    _evaluate,
    _PATH,
  ),
  'sample': Command(
    'Draws images from a flow.',
    'sample runs/cinc_photos --number 64 --temperature 0.7',
    ('PATH',),
    'training.use:sample',
    _sample,
    _PATH,
  ),
  'reconstruct': Command(
    'Draws images and what the flow gives back of them.',
    'reconstruct runs/cinc_photos photo.png --resize',
    ('PATH', 'IMAGE'),
    'training.use:reconstruct',
    _reconstruct,
    f'{_PATH} {_IMAGE} Without any, test images are taken.',
    optional=1,
    repeated=True,
  ),
  'interpolate': Command(
    'Draws the way from one image to another.',
    'interpolate runs/cinc_photos test:0 test:60 --steps 9',
    ('PATH', 'FIRST', 'SECOND'),
    'training.use:interpolate',
    _interpolate,
    f'{_PATH} {_IMAGE}',
  ),
  'attributes': Command(
    'Learns the direction of each attribute from labelled images.',
    'attributes runs/cinc_digits',
    ('PATH',),
    'training.attributes:attributes',
    _attributes,
    f'{_PATH} Classes are attributes, each of which its images have. '
    'Labels of a folder are its sub-folders.',
  ),
  'manipulate': Command(
    'Draws images with more and less of an attribute.',
    'manipulate runs/cinc_digits test:0 --attribute 3 --strengths -2:2:7',
    ('PATH', 'IMAGE'),
    'training.use:manipulate',
    _manipulate,
    f'{_PATH} {_IMAGE} Each row begins with the image itself.',
    repeated=True,
  ),
  'score': Command(
    'Writes the bits/dim of the images of a folder as CSV, the highest first.',
    'score runs/cinc_photos my_images --resize --output scores.csv',
    ('PATH', 'FOLDER'),
    'training.measure:score',
    _score,
    f'{_PATH} All images get the same noise. Files that cannot be '
    'read stand at the end, with the reason.',
  ),
  'export': Command(
    'Writes the SavedModel of a run: its averaged weights, attribute '
    'directions and a model card.',
    'export runs/cinc_digits --output digits_model',
    ('WORKDIR',),
    'training.export:export',
    _export,
  ),
  'demo': Command(
    'Serves a page that uses a flow, at an address of this machine alone.',
    'demo runs/cinc_digits',
    ('PATH',),
    'training.demo:serve',
    _demo,
    _PATH,
  ),
}
