"""The site is built without a warning, and needs no network to be read."""

import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
  """The folder of the built site; broken links and anchors are warnings."""
  folder = tmp_path_factory.mktemp('site')
  build = [sys.executable, '-m', 'mkdocs', 'build', '--strict']
  done = subprocess.run(
    [*build, '--site-dir', str(folder)],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return folder


def pages(site):
  """{path within the site: its HTML} of all pages."""
  return {
    str(path.relative_to(site)): path.read_text()
    for path in site.rglob('*.html')
  }


def test_nothing_is_loaded_from_elsewhere(site):
  loading = re.compile(
    r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//'
    r'|<link\b(?![^>]*rel="canonical")[^>]*\bhref="(?:https?:)?//'
    r'|@import\s+url\(["\']?https?:'
  )
  for name, html in pages(site).items():
    assert not loading.search(html), name
  for path in site.rglob('*.css'):
    assert not re.search(r'url\(["\']?(?:https?:)?//', path.read_text()), path


def test_formulas_are_drawn(site):
  html = (site / 'mathematics.html').read_text()
  assert html.count('<math') > 50
  assert html.count('display="block"') > 10
  assert 'arithmatex' not in html
  assert 'merror' not in html


def test_every_public_name_has_its_entry(site):
  import tfp_cinc
  from tfp_cinc import latents

  for package, page in [
    (tfp_cinc.bijectors, 'bijectors'),
    (tfp_cinc.models, 'models'),
    (tfp_cinc.networks, 'networks'),
    (latents, 'latents'),
    (tfp_cinc.math, 'math'),
    (tfp_cinc.matrices, 'matrices'),
    (tfp_cinc.plotting, 'plotting'),
    (tfp_cinc.tree, 'flows'),
  ]:
    html = (site / 'api' / f'{page}.html').read_text()
    for name in package.__all__:
      # Tables of words, such as `NETWORKS`, have no entry.
      if getattr(getattr(package, name), '__name__', None) == name:
        # `models.nice` is a module to griffe, with the function in it.
        entry = rf'id="{package.__name__}\.({name}\.)?{name}"'
        assert re.search(entry, html), name
    assert '<blockquote>' not in html  # what Markdown takes a doctest for
  html = (site / 'api' / 'flows.html').read_text()
  for name in tfp_cinc.__all__:
    if callable(getattr(tfp_cinc, name)):
      assert re.search(rf'id="tfp_cinc\.[\w.]*\b{name}"', html), name


def test_no_script_of_ours_is_published(site):
  assert not list(site.rglob('*.py'))
  assert (site / 'notebooks' / 'inpainting.html').exists()
