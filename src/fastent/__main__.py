"""`python -m fastent`: the same as the command `fastent`."""

import sys

from fastent.cli import main

if __name__ == "__main__":
    sys.exit(main())
