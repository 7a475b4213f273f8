#!/usr/bin/env bash
# Usage: tools/benchmarks/run_all.sh OUT_DIR [options of every benchmark, such as --threads 2]
# Runs what docs/benchmarks.md shows and writes JSON, the printed tables and the picture of growth into
# OUT_DIR. For a GPU there is run_gpu.sh.
set -euo pipefail

OUT=$1
OPTIONS=("${@:2}")
HERE="$(dirname "$0")"
export PYTHONPATH="$HERE/../..:${PYTHONPATH:-}"
export PYTHONWARNINGS=ignore
mkdir -p "$OUT"

for name in model growth data_pipeline inference train_step scaling; do
    extra=()
    if [ "$name" = growth ]; then extra=(--picture "$OUT/growth.png"); fi
    python "$HERE/$name.py" --out "$OUT" "${extra[@]}" "${OPTIONS[@]}" | tee "$OUT/$name.txt"
done
