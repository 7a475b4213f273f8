#!/usr/bin/env bash
# Run the tests with the oldest and the newest versions that ranfer declares.
#
#   bash tools/misc/test_versions.sh oldest        # Python 3.10 and requirements/oldest.txt
#   bash tools/misc/test_versions.sh newest        # what pip resolves today
#   PYTHON=python3.13 bash tools/misc/test_versions.sh newest tests/test_models tests/test_regions
#
# What follows the first word goes to pytest. The environment .venv-NAME-PYTHON in the folder
# ENVIRONMENTS (default: the repository) is kept, so a second run only tests.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
set_name=${1:-}
case $set_name in
oldest) python=${PYTHON:-python3.10} constraints=(-c "$root/requirements/oldest.txt") ;;
newest) python=${PYTHON:-python3} constraints=() ;;
*)
    echo "usage: bash tools/misc/test_versions.sh oldest|newest [pytest arguments]" >&2
    exit 2
    ;;
esac
shift

venv=${ENVIRONMENTS:-$root}/.venv-$set_name-$(basename "$python")
if [ ! -e "$venv/ready" ]; then
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --upgrade pip
    "$venv/bin/pip" install --quiet ${constraints[@]+"${constraints[@]}"} mmcv-lite -e "$root[tests]"
    touch "$venv/ready"
fi

"$venv/bin/pip" check
"$venv/bin/python" - <<'NAMES'
import platform
from importlib.metadata import version

names = 'torch torchvision numpy opencv-python mmengine mmcv-lite mmpretrain matplotlib'.split()
print('Python', platform.python_version(), *(f'{name} {version(name)}' for name in names), sep=', ')
NAMES
cd "$root"
exec "$venv/bin/python" -m pytest "$@"
