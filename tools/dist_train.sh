#!/usr/bin/env bash
# Usage: tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# Several machines: the same command on each, with NNODES and MASTER_ADDR. Without GPUs: gloo.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2s/# //p' "$0" >&2; exit 2; fi

CONFIG=$1
PROCESSES=$2
OPTIONS=("${@:3}")
LOCAL=()
if [ "${NNODES:-1}" = 1 ]; then LOCAL=(--local-addr=127.0.0.1); fi

# A store of its own for every restart: the shared one keeps the addresses of dead workers.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
PYTHONPATH="$(dirname "$0")/..:${PYTHONPATH:-}" \
python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="${MASTER_ADDR:-127.0.0.1}:${PORT:-29500}" \
    ${LOCAL[@]+"${LOCAL[@]}"} \
    --nproc_per_node="$PROCESSES" \
    --max_restarts="${MAX_RESTARTS:-0}" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch ${OPTIONS[@]+"${OPTIONS[@]}"}
