#!/bin/bash
# Runs page_test.py with Debian's Python, and the programs that are its arguments.
set -euo pipefail
exec /usr/bin/python3 -B "$(dirname "$0")/page_test.py" "$@"
