#!/bin/bash
# Runs a test in Debian's Python: its file, and the programs that are its arguments.
set -euo pipefail
PYTHONPATH=tests/support exec /usr/bin/python3 -B "$@"
