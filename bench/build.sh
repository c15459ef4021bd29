#!/usr/bin/env bash
# Compiles the load generator and the floor server into bench/.build. Needs a C compiler and nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p .build
compiler=(${CC:-cc} -O2 -std=c17 -Wall -Wextra -Werror)
"${compiler[@]}" -o .build/loadgen loadgen/loadgen.c loadgen/options.c loadgen/report.c loadgen/response.c -lm
"${compiler[@]}" -o .build/floor floor/floor.c
