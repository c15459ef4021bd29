#!/usr/bin/env bash
# Puts FastAPI and onnxruntime into a virtual environment in the user's cache folder, and prints the path of its Python.
# bench/run.ts finds it there; without it that row of the table is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
environment="${XDG_CACHE_HOME:-$HOME/.cache}/inference-service-bench/venv"
"${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/pip" install --quiet --requirement requirements.txt
echo "$environment/bin/python"
