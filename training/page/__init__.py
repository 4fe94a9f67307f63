"""A web page that uses a trained flow, only on this machine.

The page is a script for Streamlit. Gradio, which is also well maintained, was
not chosen because Gradio 6.31 requires Pillow below 13, while this project is
tested with 13.0, and adds 36 packages to constraints.txt, including a client of
the Hugging Face hub. Streamlit 1.67 adds 18 packages and does not change the
versions of the others. Its package contains everything that the page loads
(scripts, fonts, icons), so the page works without a network.

`serve` runs Streamlit's `App` under uvicorn, on a socket that `serve` binds
itself. It therefore listens only on 127.0.0.1 and reports a port that is in use
before anything else. The first flow is opened before the page, each other one
when it is first chosen, all in the same process.
"""

from .server import serve

__all__ = ['serve']
