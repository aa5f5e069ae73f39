"""`python -m penstock.loadtest`."""

import sys

from penstock.loadtest.main import main

sys.exit(main())
