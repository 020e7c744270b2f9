#!/usr/bin/env bash
# The whole gate: what has to hold before a commit is shown to anybody.
#
#   tests/run.sh [--long]
#
# --long also runs the tests that are ignored otherwise: the big figures.
set -u
cd "$(dirname "$0")/.." || exit 1
long=
case "${1:-}" in
  "") ;;
  --long) long=1 ;;
  *) echo "usage: tests/run.sh [--long]" >&2; exit 2 ;;
esac

# shellcheck source=deploy/need.sh
. deploy/need.sh
need postgresql redis-server curl jq openssl || exit 2

summary=
started=$SECONDS
# step NAME COMMAND…: runs it, notes how long it took, ends the gate when it fails.
step() {
  name=$1
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  begun=$SECONDS
  "$@"
  status=$?
  took=$((SECONDS - begun))
  if [ "$status" -ne 0 ]; then
    printf '\n%s== %s FAILED after %s s\n' "$summary" "$name" "$took"
    exit 1
  fi
  summary="$summary== $name: $took s"$'\n'
}

# beside NAME COMMAND…: begins it with what the processors have left. gather NAME is its step.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
declare -A begun_beside
beside() {
  name=$1
  shift
  printf '\n== %s, beside the rest: %s\n' "$name" "$*"
  nice -n 19 "$@" >"$logs/$name" 2>&1 &
  begun_beside[$name]=$!
}
gather() {
  wait "${begun_beside[$1]}"
  status=$?
  cat "$logs/$1"
  return "$status"
}
lint() {
  cargo clippy --workspace --all-targets --quiet -- -D warnings || return 1
  RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --quiet
}

skip() {
  printf '\n== %s SKIPPED: %s\n' "$1" "$2"
  summary="$summary== $1: SKIPPED, $2"$'\n'
}

# From nothing, a build that keeps no parts for the next one is a quicker one.
if [ -n "${CI:-}" ]; then export CARGO_INCREMENTAL=0; fi

# The state of the tree before, so that what the gate itself leaves behind shows.
before=$(git status --porcelain 2>/dev/null)
tree_still_clean() {
  after=$(git status --porcelain 2>/dev/null)
  if [ -n "${CI:-}" ] && [ -n "$after" ]; then
    printf 'not clean:\n%s\n' "$after"
    return 1
  fi
  [ "$before" = "$after" ] && return 0
  diff <(echo "$before") <(echo "$after")
  return 1
}

# A machine without them still proves the rest.
need chromium chromium-driver || skip browser "chromium and chromium-driver cannot be had"
need prometheus || skip alerts "prometheus cannot be had: no alert is seen to fire"
step fmt cargo fmt --all --check
if cargo deny --version >/dev/null 2>&1; then
  step deny cargo deny --workspace check
else
  skip deny "cargo-deny is not installed (cargo install cargo-deny)"
fi
step deploy tests/deploy/run.sh
# A folder of its own, for two builds in one would wait for each other.
export -f lint
beside lint env CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/lint" bash -c lint
step build cargo test --workspace --no-run --quiet
# Most tests wait for clocks and leases, or for their turn on the processors.
step tests env RUST_TEST_THREADS=$(($(nproc) + 3)) cargo test --workspace --quiet
step model cargo test --quiet --workspace --test model two_hundred_thousand -- --ignored --nocapture
if [ -n "$long" ]; then
  step long cargo test --workspace --quiet -- --ignored
fi
step lint gather lint
step tree tree_still_clean

printf '\n%s== everything holds after %s s\n' "$summary" "$((SECONDS - started))"
