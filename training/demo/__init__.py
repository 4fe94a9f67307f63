"""A page in the browser that uses a trained flow, on this machine alone.

The page is a script of Streamlit, which was chosen over Gradio; both are well
kept. Gradio 6.31 wants a Pillow below 13, while this project is tested with
13.0, and brings 36 packages that constraints.txt did not have, a client of the
Hugging Face hub among them. Streamlit 1.67 brings 18 and leaves the versions of
the others as they are. All that its page loads (scripts, fonts, icons) lies in
the package, so that the page works without a network.

`serve` runs Streamlit's `App` under uvicorn, on a socket that it binds itself:
so that nothing but 127.0.0.1 is listened on, and a port that is taken is told
before anything else. The flow is opened before the page, in the same process.
"""

from training.demo.server import serve

__all__ = ['serve']
