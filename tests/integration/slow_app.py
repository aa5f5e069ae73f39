"""An app that takes its time to load: longer than any test waits."""

import time

time.sleep(300)
