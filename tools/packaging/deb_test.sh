#!/bin/bash
# Runs deb_test.py in namespaces of its own: mounts, processes, network. Nothing of the
# host changes, port 80 is free, and no process outlives the test.
set -euo pipefail
# Bazel's has no folder of root's tools.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

if [[ $EUID -ne 0 ]]; then
  echo "deb_test.sh: installing a package wants root" >&2
  exit 1
fi
if ! unshare --mount --pid --fork --net true; then
  echo "deb_test.sh: root may make no namespaces here; in a container, it wants" \
    "CAP_SYS_ADMIN" >&2
  exit 1
fi
exec unshare --mount --pid --fork --kill-child --mount-proc --net \
  /usr/bin/python3 -B "$(dirname "$0")/deb_test.py" "$@"
