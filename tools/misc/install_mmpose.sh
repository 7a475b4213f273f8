#!/usr/bin/env bash
# Make an environment in which mmpose runs beside ranfer (docs/mmpose.md says why each version).
#
#   bash tools/misc/install_mmpose.sh [FOLDER]     # default: .venv-mmpose
#   PYTHON=python3.10 MAX_JOBS=8 bash tools/misc/install_mmpose.sh
#   FORCE_CUDA=1 bash tools/misc/install_mmpose.sh # build the CUDA operators, needs nvcc 12.1
#
# What is there already is kept: a stopped run goes on.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$(realpath -m "${1:-.venv-mmpose}")
export MMCV_WITH_OPS=1 FORCE_CUDA=${FORCE_CUDA:-0} MAX_JOBS=${MAX_JOBS:-2}

[ -x "$venv/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$venv"
python=$venv/bin/python
install() { "$python" -m pip install "$@"; }

install torch==2.1.2 torchvision==0.16.2 'numpy<2'
install -r "$root/requirements/mmpose.txt"
# --no-build-isolation: the builds of mmcv and xtcocotools import torch and numpy of this environment.
# CFLAGS: face models use few of the operators, so a fast build is worth more than fast operators.
CFLAGS=${CFLAGS:--O1 -g0} install --no-build-isolation --no-deps mmcv==2.1.0
install --no-build-isolation --no-deps xtcocotools==1.14.3
install --no-deps mmdet==3.3.0 mmpose==1.3.2
# Left out: chumpy, a dependency of mmpose that only body meshes need.

(cd "$root" && "$python" - <<'CHECK'
import mmcv, mmdet, mmengine, mmpose, mmpose.apis, mmpretrain, numpy, torch
from mmcv.ops import nms

import ranfer

names = (torch, numpy, mmengine, mmcv, mmdet, mmpose, mmpretrain, ranfer)
print('ready:', ', '.join(f'{m.__name__} {m.__version__}' for m in names))
CHECK
)
