#!/usr/bin/env bash
# Usage: tools/benchmarks/run_all.sh OUT_DIR [options of every benchmark, such as --threads 2]
# Runs what docs/benchmarks.md shows, or docs/benchmarks_gpu.md where there is a GPU, and writes JSON,
# the printed tables and the picture of growth into OUT_DIR.
set -euo pipefail

OUT=$1
OPTIONS=("${@:2}")
HERE="$(dirname "$0")"
export PYTHONPATH="$HERE/../..:${PYTHONPATH:-}"
export PYTHONWARNINGS=ignore
mkdir -p "$OUT"

measure() {  # name of the results, script, its own options
    python "$HERE/$2.py" --out "$OUT" "${@:3}" "${OPTIONS[@]}" | tee "$OUT/$1.txt"
}

measure model model
measure growth growth --picture "$OUT/growth.png"
if python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    measure compiled compiled
    measure graphs compiled --name graphs --sizes '224x128 64x1024 64x256' \
        --options '{"triton.cudagraphs": true}'
    measure tuned compiled --name tuned --sizes 224x128 \
        --options '{"triton.cudagraphs": true, "max_autotune_pointwise": true}'
else
    for name in data_pipeline inference train_step scaling; do
        measure "$name" "$name"
    done
fi
