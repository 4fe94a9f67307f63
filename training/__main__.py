"""`python -m training COMMAND` in a checkout; see `tfp-cinc --help`."""

from .commands import main

if __name__ == '__main__':
  main()
