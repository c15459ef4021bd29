# Sourced by every script of this folder and of test/deploy/tools; not a program of its own.
# The script defines: install (idempotent), run DIR PORT (ends in exec of the server), is_ready DIR PORT.
set -euo pipefail
NAME=$(basename "$0")
SELF=$(readlink -f "$0")
CACHE=${SERVICES_CACHE:-$HOME/.cache/inference-service}
STOP_SIGNAL=TERM
START_LIMIT_S=${START_LIMIT_S:-240}

die() { echo "$SELF: $*" >&2; exit 1; }

# apt_need PROGRAM PACKAGE...: installs the packages unless the program is on the PATH or is an existing file
apt_need() {
  local program=$1; shift
  if command -v "$program" >/dev/null || [ -x "$program" ]; then return; fi
  local policy=/usr/sbin/policy-rc.d   # keeps the package from starting its own daemon
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; trap "rm -f $policy" EXIT; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$CACHE/$NAME.apt.log" 2>&1 \
    || { apt-get update >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$CACHE/$NAME.apt.log" 2>&1; } \
    || die "apt-get install $* failed: see $CACHE/$NAME.apt.log"
}

# pip_need VENV PACKAGE==VERSION...: a venv in the cache; the list of packages is its stamp
pip_need() {
  local venv=$CACHE/$1; shift
  [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$*" ] && return
  python3 -m venv "$venv" >"$CACHE/$NAME.pip.log" 2>&1 && "$venv/bin/pip" install "$@" >>"$CACHE/$NAME.pip.log" 2>&1 \
    || die "pip install $* failed: see $CACHE/$NAME.pip.log"
  echo "$*" >"$venv/.stamp"
}

install_once() { mkdir -p "$CACHE"; exec 9>"$CACHE/$NAME.lock"; flock 9; install; exec 9>&-; }
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'; }   # nothing for a zombie
alive() { # prints the pid when DIR's server runs; the start time guards against a re-used pid
  local pid at; { read -r pid at <"$1/pid"; } 2>/dev/null || return 1
  [ "$(started_at "$pid")" = "$at" ] && echo "$pid"
}

start() {
  local dir=$1 port=$2 pid t0=$SECONDS
  alive "$dir" >/dev/null && die "already running in $dir"
  install_once
  mkdir -p "$dir"
  setsid "$SELF" run "$dir" "$port" >"$dir/log" 2>&1 </dev/null &
  pid=$!; echo "$pid $(started_at $pid)" >"$dir/pid"
  until is_ready "$dir" "$port" >/dev/null 2>&1; do
    alive "$dir" >/dev/null || { tail -n 20 "$dir/log" >&2; die "the server ended at start: see $dir/log"; }
    [ $((SECONDS - t0)) -lt "$START_LIMIT_S" ] || { tail -n 20 "$dir/log" >&2; stop "$dir"; die "not ready after $START_LIMIT_S s: see $dir/log"; }
    sleep 0.2
  done
  echo "$NAME ready on 127.0.0.1:$port (pid $pid, log $dir/log)"
}

stop() {
  local dir=$1 pid; pid=$(alive "$dir") || { rm -f "$dir/pid"; return 0; }
  kill -"$STOP_SIGNAL" "$pid"
  for _ in $(seq 150); do alive "$dir" >/dev/null || break; sleep 0.2; done
  kill -KILL -- "-$pid" 2>/dev/null || true   # whatever is left of its own process group
  rm -f "$dir/pid"
}

main() {
  local usage="usage: $0 install | start DIR PORT | run DIR PORT | ready DIR PORT | stop DIR"
  local verb=${1:-} dir=${2:-} port=${3:-}
  [ -n "$dir" ] && dir=$(realpath -m "$dir")
  case $verb in
    install) install_once ;;
    stop) [ -n "$dir" ] || die "$usage"; stop "$dir" ;;
    start|run|ready) [ -n "$port" ] || die "$usage"
      case $verb in start) start "$dir" "$port" ;; run) mkdir -p "$dir"; run "$dir" "$port" ;; ready) is_ready "$dir" "$port" ;; esac ;;
    *) die "$usage" ;;
  esac
}
