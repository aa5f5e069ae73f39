"""Tasks to try Penstock with, and to copy from."""
