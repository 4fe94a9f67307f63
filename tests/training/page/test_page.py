"""Tests of the page in a browser, as a visitor sees it."""

import base64
import contextlib
import io
import os
import re
import shutil
import signal
import struct
import urllib.error
import urllib.request
import zlib

import numpy as np
import PIL.Image
import psutil
import pytest

from tests.programs import processes
from tests.training import tiny
from tfp_cinc import latents
from training.loop.run import Run
from training.loop.workers import Workers
from training.trained import open_flow

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
SCREENSHOTS = os.environ.get('SCREENSHOTS')  # folder for pictures of the page
DIGIT = 3  # number of the test image that is uploaded

# Returns the drawn image as the URL of a PNG file.
PIXELS = """async image => {
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/png');
}"""


@pytest.fixture(scope='module')
def flow(tmp_path_factory):
  """An untrained flow of two levels, with directions."""
  folder = tmp_path_factory.mktemp('run') / 'tiny'
  config = tiny.get_config()
  config.flow.levels = 2
  run = Run(config, folder, Workers())
  run.start()
  run.checkpoints.save(0)
  assert run.checkpoints.wait()
  flow = open_flow(folder)
  names = [f'digit_{digit}' for digit in range(10)]
  attributes = latents.one_hot_attributes(flow.test_labels, 10)
  batches = [(flow.encode(flow.test_images), attributes)]
  latents.attribute_directions(batches, names=names, weights=flow.weights).save(
    folder / 'directions.npz'
  )
  return open_flow(folder)


@contextlib.contextmanager
def served(*paths):
  """Yields (address, process) of the page that the command serves."""
  process = processes.start('training', 'demo', *paths, '--port', '0')
  try:
    line = ''
    while not (found := re.search(r'http://127\.0\.0\.1:\d+', line)):
      line = process.stdout.readline()
      assert line, process.stderr.read()
    yield found.group(), process
  finally:
    if process.poll() is None:
      process.kill()
    process.communicate()


@pytest.fixture(scope='module')
def page(flow):
  """(address, process) of the page of the flow."""
  with served(flow.path) as found:
    yield found


@pytest.fixture(scope='module')
def browser():
  """A headless Chromium."""
  if CHROMIUM is None:
    pytest.skip('Chromium is not installed')
  from playwright.sync_api import sync_playwright

  with sync_playwright() as driver:
    browser = driver.chromium.launch(
      executable_path=CHROMIUM, args=['--no-sandbox']
    )
    yield browser
    browser.close()


class Visitor:
  """A visitor of the page; records the requests of the browser."""

  def __init__(self, browser, address, width=1100, height=1200, kind='Test'):
    from playwright.sync_api import expect

    self.expect = expect
    # Opening a flow traces its functions, which takes long on a busy machine.
    expect.set_options(timeout=120_000)
    self.asked, self.complaints = [], []
    self.page = browser.new_page(viewport={'width': width, 'height': height})
    self.page.set_default_timeout(120_000)
    self.page.on('request', lambda request: self.asked.append(request.url))
    self.page.on('websocket', lambda opened: self.asked.append(opened.url))
    self.page.on('pageerror', lambda error: self.complaints.append(str(error)))
    self.page.on('console', self._console)
    self.page.goto(address)
    self.sees(f'{kind} image, 0 to')

  def _console(self, message):
    # The page drops an image that it replaces, perhaps while it is loaded;
    # `image` fails if the last one does not load.
    where = message.location.get('url', '') + message.text
    if message.type == 'error' and '/media/' not in where:
      self.complaints.append(message.text)

  def sees(self, text):
    """Waits until the page shows a text."""
    self.expect(self.page.get_by_text(text).first).to_be_visible()

  def reads(self, sentence):
    """Waits until the page shows a sentence in a size that can be read."""
    self.sees(sentence)
    shown = self.page.get_by_text(sentence).first
    assert shown.bounding_box()['height'] > 10

  def opens(self, tab):
    """Opens a tab."""
    self.page.get_by_role('tab', name=tab).click()

  def moves(self, slider, key, times=1):
    """Moves a slider by the keyboard."""
    handle = self.page.get_by_role('slider', name=slider)
    for _ in range(times):
      handle.press(key)

  def shows_chart(self):
    """Waits until the page shows a chart."""
    chart = self.page.locator('canvas, .vega-embed svg').first
    self.expect(chart).to_be_visible()

  def selects(self, box, option):
    """Selects an option of a box."""
    self.page.get_by_role('combobox', name=box).click()
    self.page.get_by_role('option', name=option, exact=True).click()

  def follows(self, link):
    """Follows a link of the menu."""
    self.page.get_by_role('link', name=link).click()

  def number(self, box):
    """Returns the box of a number."""
    return self.page.get_by_role('spinbutton', name=box)

  def enters(self, box, value, caption):
    """Enters a number, and waits until the image with a caption changes."""
    image = self.page.get_by_alt_text(caption, exact=True)
    before = image.get_attribute('src')
    self.number(box).fill(value)
    self.number(box).press('Enter')
    self.expect(image).not_to_have_attribute('src', before)

  def image(self, caption):
    """Returns the gray pixels [H, W] of the image with a caption."""
    shown = self.page.get_by_alt_text(caption, exact=True)
    self.expect(shown).to_be_visible()
    address = shown.evaluate(PIXELS)
    content = base64.b64decode(address.partition(',')[2])
    return np.asarray(PIL.Image.open(io.BytesIO(content)).convert('L'))

  def drops(self, path, content):
    """Uploads a file with a content."""
    path.write_bytes(content)
    self.page.locator('input[type=file]').first.set_input_files(path)

  def looks(self, name):
    """Saves a picture of the page, if there is a folder for it."""
    if SCREENSHOTS:
      self.page.screenshot(path=f'{SCREENSHOTS}/{name}.png', full_page=True)


def png(image):
  """Returns a PNG file of uint8 [H, W, 1]."""
  buffer = io.BytesIO()
  PIL.Image.fromarray(image[..., 0]).save(buffer, 'PNG')
  return buffer.getvalue()


def huge(content):
  """Returns a PNG file whose header states 20,000 x 20,000 pixels."""
  header = b'IHDR' + struct.pack('>II', 20_000, 20_000) + content[24:29]
  return (
    content[:12] + header + struct.pack('>I', zlib.crc32(header)) + content[33:]
  )


def small(shown, size=8):
  """Returns an image whose pixels are repeated in the one that is shown."""
  times = len(shown) // size
  image = shown[::times, ::times]
  assert np.array_equal(image.repeat(times, 0).repeat(times, 1), shown)
  return image


def test_visitor_uses_all_tabs(page, browser, flow, tmp_path):
  address, process = page
  visitor = Visitor(browser, address)
  name = flow.directions.names[0]
  unchanged = 'Encoded and decoded'
  first = small(visitor.image('Input of the flow'))
  np.testing.assert_array_equal(first, flow.test_images[0][..., 0])

  # Upload a file, and move a slider.
  visitor.page.get_by_role('radio', name='Your file').click()
  visitor.sees('Choose an image file.')
  visitor.drops(tmp_path / 'digit.png', png(flow.test_images[DIGIT]))
  visitor.sees('digit.png')
  visitor.expect(visitor.page.get_by_alt_text(unchanged)).to_be_visible()
  given = small(visitor.image('Input of the flow'))
  np.testing.assert_array_equal(given, flow.test_images[DIGIT][..., 0])
  visitor.moves(name, 'ArrowRight', times=20)
  changed = small(visitor.image(f'{name} +2.0'))
  expected = flow.manipulate(flow.test_images[DIGIT][None], name, [2.0])
  assert np.abs(changed.astype(int) - expected[0, 0, ..., 0]).max() <= 1
  assert np.abs(changed.astype(int) - given).max() > 5
  visitor.looks('change')

  # Files that cannot be used are reported; the page stays up.
  visitor.drops(tmp_path / 'notes.png', b'these are words')
  visitor.reads('notes.png is not a readable image')
  visitor.drops(tmp_path / 'bomb.png', huge(png(flow.test_images[0])))
  visitor.reads('bomb.png has more than 100 million pixels')
  visitor.drops(tmp_path / 'film.png', bytes(21 * 2**20))
  visitor.reads('File must be 20.0MB or smaller')
  visitor.looks('refused')
  visitor.drops(tmp_path / 'photo.png', png(np.zeros([40, 20, 1], np.uint8)))
  visitor.reads('photo.png was cropped, resized or converted to fit.')
  assert not small(visitor.image('Input of the flow')).any()

  visitor.opens('Sample')
  at_first = visitor.image('Temperature 0.7, seed 0')
  visitor.page.get_by_role('button', name='New samples').click()
  other = visitor.image('Temperature 0.7, seed 1')
  assert np.abs(at_first.astype(int) - other).mean() > 1
  visitor.moves('Temperature', 'ArrowRight', times=6)
  assert np.any(visitor.image('Temperature 1, seed 1') != other)
  visitor.looks('sample')

  visitor.page.get_by_role('radio', name='Test set').first.click()
  visitor.opens('Interpolate')
  ends = [small(visitor.image(caption)) for caption in ('0%', '100%')]
  for end, image in zip(ends, flow.test_images[:2, ..., 0], strict=True):
    assert np.abs(end.astype(int) - image).max() <= 1
  visitor.looks('interpolate')

  visitor.opens('Score')
  visitor.reads('test images have lower bits/dim')
  visitor.shows_chart()
  visitor.looks('score')

  assert not visitor.complaints
  host = re.escape(address.removeprefix('http://'))
  own = re.compile(rf'(https?|ws)://{host}/|data:|blob:{address}')
  assert len(visitor.asked) > 10
  assert [url for url in visitor.asked if not own.match(url)] == []
  peers = psutil.Process(process.pid).net_connections('inet')
  assert {peer.laddr.ip for peer in peers} == {'127.0.0.1'}
  visitor.page.close()


def test_visitor_of_a_conditional_flow_chooses_the_class(conditional, browser):
  flow = open_flow(conditional[1])
  own = flow.test_labels[0]
  with served(conditional[1]) as (address, _):
    visitor = Visitor(browser, address)
    unchanged = small(visitor.image('Encoded and decoded'))
    np.testing.assert_array_equal(unchanged, flow.test_images[0, ..., 0])
    visitor.selects('Decode under', '7')
    changed = small(visitor.image('Decoded under 7'))
    given = [flow.condition.inputs(None, np.array([c])) for c in (own, 7)]
    latents = flow.encode(flow.test_images[:1], given[0])
    [expected] = flow.decode(latents, given[1])
    assert np.abs(changed.astype(int) - expected[..., 0]).max() <= 1
    visitor.looks('change_class')
    visitor.opens('Sample')
    visitor.image(f'{own}, temperature 0.7, seed 0')
    visitor.selects('Label given to the flow', '3')
    visitor.image('3, temperature 0.7, seed 0')
    visitor.looks('sample_class')
    visitor.opens('Score')
    visitor.reads('test images have lower bits/dim')
    assert not visitor.complaints
    visitor.page.close()


def test_visitor_without_a_run_chooses_a_flow_of_the_package(browser):
  with served() as (address, _):
    visitor = Visitor(browser, address, kind='Example')
    visitor.reads('the flow was not trained on these images')
    samples = visitor.image('Temperature 0.7, seed 0')
    assert samples.std() > 20
    visitor.opens('Interpolate')
    visitor.image('100%')
    visitor.looks('package_interpolate')
    visitor.opens('Score')
    visitor.reads('example images have lower bits/dim')
    visitor.shows_chart()
    visitor.looks('package_score')
    visitor.follows('cinc_digits')
    visitor.sees('Example image, 0 to 179')
    visitor.image('Encoded and decoded')
    # More than the other flow has.
    visitor.enters('Example image', '150', 'Input of the flow')
    visitor.follows('cinc_cifar10_small')
    visitor.sees('Example image, 0 to 103')
    visitor.image('Temperature 0.7, seed 0')
    visitor.follows('cinc_digits')
    visitor.sees('Example image, 0 to 179')
    visitor.expect(visitor.number('Example image')).to_have_value('0')
    given = small(visitor.image('Encoded and decoded'), 16)
    # The flow keeps 4 bits, and the page shows these.
    read = small(visitor.image('Input of the flow'), 16)
    np.testing.assert_array_equal(read % 16, 0)
    np.testing.assert_array_equal(read, given)
    visitor.moves('3', 'ArrowRight', times=20)
    changed = small(visitor.image('3 +2.0'), 16)
    assert np.abs(changed.astype(int) - given).max() > 50
    visitor.looks('package_change')
    visitor.opens('Sample')
    visitor.image('Temperature 0.7, seed 0')
    visitor.looks('package_sample')
    assert not visitor.complaints
    visitor.page.goto(f'{address}/cinc_digits')
    visitor.sees('Example image, 0 to 179')
    visitor.page.close()


def test_narrow_screen(page, browser):
  visitor = Visitor(browser, page[0], width=390, height=844)
  visitor.image('Encoded and decoded')
  visitor.looks('narrow')
  wide = visitor.page.evaluate('document.documentElement.scrollWidth')
  assert wide <= 390
  visitor.opens('Interpolate')
  visitor.image('100%')
  visitor.looks('narrow_interpolate')
  visitor.page.close()


@pytest.mark.parametrize(
  'headers', [{'Host': 'elsewhere.org'}, {'Origin': 'http://elsewhere.org'}]
)
def test_other_sites_are_refused(page, headers):
  with urllib.request.urlopen(page[0]) as answer:
    assert "default-src 'self'" in answer.headers['Content-Security-Policy']
  with pytest.raises(urllib.error.HTTPError, match='403'):
    urllib.request.urlopen(urllib.request.Request(page[0], headers=headers))


def test_interrupt_ends_the_page_quietly(page):
  _, process = page
  process.send_signal(signal.SIGINT)
  out, error = process.communicate(timeout=30)
  assert process.returncode == 0
  assert 'Traceback' not in out + error
