"""The script that Streamlit runs at each change of the page.

A script has no package, so `server.py` passes the name of this package.
"""

import importlib
import os

importlib.import_module(f'{os.environ["TFP_CINC_PAGE"]}.page').main()
