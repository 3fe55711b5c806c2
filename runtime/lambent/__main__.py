"""`python -m lambent` is the `lambent` command."""

import sys

from lambent.cli import main

if __name__ == "__main__":
    sys.exit(main())
