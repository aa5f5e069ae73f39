"""`python -m penstock.worker`: one worker process."""

import sys

from penstock.worker.child import main

sys.exit(main())
