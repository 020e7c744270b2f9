#!/bin/sh
# Ends a fleet of the tests when the tests end, whatever ended them: a return, a panic, a kill -9.
#
#   guardian.sh PROGRAM ROOT
#
# Its standard input is a pipe from the tests; each line is the pid of a process that now runs on
# ROOT. When the pipe closes, those that still run are stopped. What a killed fleet left behind
# (Postgres, Redis, files) is adopted once more by PROGRAM itself, and removed.
set -u
trap '' HUP INT TERM
program=$1
root=$2
pids=
while read -r line; do
  pids="$line $pids"
done

# Has this process not ended, and is it still ours? A zombie has no command line any more.
is_up() {
  [ -n "$1" ] && grep -qF "$root" "/proc/$1/cmdline" 2>/dev/null
}

# Waits up to 30 s for a process to end by itself, then ends it.
end() {
  kill -TERM "$1" 2>/dev/null
  looks=0
  while is_up "$1"; do
    looks=$((looks + 1))
    [ "$looks" -lt 600 ] || kill -KILL "$1" 2>/dev/null
    sleep 0.05
  done
}

for pid in $pids; do
  is_up "$pid" && end "$pid"
done
if [ -d "$root/data" ]; then
  rm -f "$root/data/dev.json"
  "$program" dev --data "$root/data" --temporary >>"$root/fleet.log" 2>&1 &
  pid=$!
  while is_up "$pid" && [ ! -e "$root/data/dev.json" ]; do
    sleep 0.05
  done
  end "$pid"
fi
rm -rf "$root"
