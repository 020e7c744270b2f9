#!/usr/bin/env bash
# Tries postfleet on this machine: builds it, starts everything, connects accounts on the simulated
# platforms, publishes a picture and a clip, and prints a line per delivery.
#
#   deploy/try.sh [--once] [--data DIR]
#
# It stays up until Ctrl-C; with --once it ends by itself, with 0 only if all were published.
# Without --data everything is written to a directory of its own and removed at the end.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
sample="$top/deploy/sample"
once=
data=
while [ $# -gt 0 ]; do
  case "$1" in
    --once) once=1 ;;
    --data) data=${2:?--data needs a directory}; shift ;;
    *) echo "usage: deploy/try.sh [--once] [--data DIR]" >&2; exit 2 ;;
  esac
  shift
done

# shellcheck source=deploy/need.sh
. "$top/deploy/need.sh"
need postgresql redis-server || exit 2

echo "Building …"
(cd "$top" && cargo build --quiet --bin postfleet) || exit 1
program=${CARGO_TARGET_DIR:-$top/target}/debug/postfleet

temporary=
if [ -z "$data" ]; then
  data=$(mktemp -d "${TMPDIR:-/tmp}/postfleet-try.XXXXXX")
  temporary=--temporary
fi
mkdir -p "$data"
log=$(mktemp "${TMPDIR:-/tmp}/postfleet-try-log.XXXXXX")
fleet=
# Ends what was started here, whatever the reason.
finish() {
  status=$?
  trap - EXIT INT TERM
  if [ -n "$fleet" ]; then
    kill "$fleet" 2>/dev/null
    wait "$fleet" 2>/dev/null
  fi
  rm -f "$log"
  [ -z "$temporary" ] || rm -rf "$data"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

rm -f "$data/dev.json"
# shellcheck disable=SC2086 # nothing or one word
"$program" dev --data "$data" $temporary >"$log" 2>&1 &
fleet=$!
while [ ! -s "$data/dev.json" ]; do
  if ! kill -0 "$fleet" 2>/dev/null; then
    wait "$fleet"
    status=$?
    cat "$log" >&2
    exit "$status"
  fi
  sleep 0.1
done

field() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" "$data/dev.json"; }
POSTFLEET_URL=$(field apiUrl)
POSTFLEET_API_KEY=$(field apiKey)
POSTFLEET_SIM_URL=$(field simUrl)
export POSTFLEET_URL POSTFLEET_API_KEY POSTFLEET_SIM_URL
echo "API $POSTFLEET_URL, simulated platforms $POSTFLEET_SIM_URL"

# One account on each platform of the list is what can be published on today.
for platform in x; do
  "$program" connect "$platform" --brand acme --account acme || { cat "$log" >&2; exit 1; }
done

# enqueue TEXT FILE:ALT: prints the post's id.
enqueue() {
  "$program" post --brand acme --platform x --text "$1" --media "$2" | awk '{ print $1 }'
}
now=$(date +%H:%M:%S)
picture=$(enqueue "Dusk over the hills, $now" \
  "$sample/image.png:Dark hills under an orange sky with a low sun")
clip=$(enqueue "Two seconds of a test card, $now" "$sample/clip.mp4:A test card with a counter")

published=0
all=0
for post in $picture $clip; do
  # A line per delivery: platform, account, status, link.
  lines=$("$program" status "$post" --watch --timeout 10)
  echo "$lines"
  all=$((all + $(printf '%s\n' "$lines" | grep -c .)))
  published=$((published + $(printf '%s\n' "$lines" | awk '$3 == "published"' | grep -c .)))
done
# A post that was refused has no delivery, and counts as one that is not out.
[ "$all" -ge 2 ] || all=2

echo "$published/$all published"
if [ "$published" -ne "$all" ]; then
  cat "$log" >&2
  exit 1
fi
[ -z "$once" ] || exit 0
echo "Look at $POSTFLEET_SIM_URL, and stop it with Ctrl-C."
wait "$fleet"
