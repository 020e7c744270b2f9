#!/usr/bin/env bash
# Tries postfleet on this machine: builds it, starts everything, connects six accounts on the
# simulated platforms, publishes one post on all of them, and prints a line per delivery.
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

echo "Building, some minutes the first time …"
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

# One account of each kind; LinkedIn has two apps.
ways="x linkedin:personal linkedin:organization instagram threads youtube"
for way in $ways; do
  app=${way#*:}
  [ "$app" != "$way" ] || app=
  "$program" connect "${way%%:*}" --brand acme --account acme ${app:+--app "$app"} ||
    { cat "$log" >&2; exit 1; }
done

# One post, with own words and files where a platform wants them.
now=$(date +%H:%M:%S)
post=$("$program" post --brand acme \
  --platform x --platform linkedin --platform instagram --platform threads --platform youtube \
  --text "Dusk over the hills, $now" \
  --media "$sample/image.png:Dark hills under an orange sky with a low sun" \
  --set threads.text="Dusk, and everyone may answer, $now" --set threads.replyControl=everyone \
  --set instagram.text="The same hills by day, $now" \
  --media-for instagram="$sample/day.jpg:Green hills under a blue sky" \
  --set youtube.title="Two seconds of a test card" --set youtube.madeForKids=false \
  --set youtube.text="A counter counts, $now" --media-for youtube="$sample/clip.mp4" |
  awk '{ print $1 }')

# A line per delivery: platform, account, status, link.
all=$(echo "$ways" | wc -w)
published=0
if [ -n "$post" ]; then
  lines=$("$program" status "$post" --watch --timeout 18)
  echo "$lines"
  published=$(printf '%s\n' "$lines" | grep -c ' published ')
fi

echo "$published/$all published"
if [ "$published" -ne "$all" ]; then
  cat "$log" >&2
  exit 1
fi
[ -z "$once" ] || exit 0
echo "Look at $POSTFLEET_SIM_URL, and stop it with Ctrl-C."
wait "$fleet"
