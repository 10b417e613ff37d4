"""`python -m helpers.trainer`, also under `torchrun`."""

import sys

from helpers.trainer.arguments import main

if __name__ == "__main__":
    sys.exit(main())
