# shellcheck shell=bash
# Sourced by the scripts: how they tell what they do.

# A headline of one step, with the seconds since the script started.
say() { printf '\n== [%4ds] %s\n' "$SECONDS" "$*" >&2; }

# The end of a script that cannot go on: what is wrong, and what to do.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 3
}
