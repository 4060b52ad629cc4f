# shellcheck shell=bash
# Sourced by the scripts, after say.sh: what runs beside the script, each with a log that is shown when it has ended.
#
# beside NAME COMMAND... starts one; ended NAME waits for it and shows its log, and its failure is the script's. What still
# runs when the script ends is ended with it.

declare -A beside_pids=()
beside_logs=$(mktemp -d)

beside() {
  local name=$1
  shift
  # Job control gives it a process group of its own, so that it can be ended whole.
  set -m
  "$@" > "$beside_logs/$name" 2>&1 < /dev/null &
  set +m
  beside_pids[$name]=$!
}

ended() {
  local status=0
  wait "${beside_pids[$1]}" || status=$?
  unset "beside_pids[$1]"
  cat "$beside_logs/$1"
  ((status == 0)) || exit "$status"
}

beside_end() {
  local pid
  for pid in "${beside_pids[@]}"; do kill -- "-$pid" 2> /dev/null || true; done
  rm -rf "$beside_logs"
}
trap beside_end EXIT
