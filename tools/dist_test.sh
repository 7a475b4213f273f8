#!/usr/bin/env bash
# Usage: tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
# Several machines: the same command on each, with NNODES and MASTER_ADDR. Without GPUs: gloo.
set -euo pipefail
if [ $# -lt 3 ]; then sed -n '2s/# //p' "$0" >&2; exit 2; fi

CONFIG=$1
CHECKPOINT=$2
PROCESSES=$3
OPTIONS=("${@:4}")
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
    "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch ${OPTIONS[@]+"${OPTIONS[@]}"}
