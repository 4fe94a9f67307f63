"""Training of flows on images: `python -m training train --help`."""
