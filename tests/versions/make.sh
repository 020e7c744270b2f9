#!/usr/bin/env bash
# Writes what a version of postfleet leaves behind, for the versions after it to go on with: a dump
# of the rows, the key file, the users' files and the logs of the simulators, from a fleet that was
# killed while posts on every platform were made ready and not sent yet.
#
#   tests/versions/make.sh PROGRAM FOLDER
#
# PROGRAM is the executable of that version, FOLDER as tests/versions/0052: the number of its last
# migration. The folder is kept as it is from then on.
set -eu
program=$(readlink -f "$1")
mkdir -p "$2"
folder=$(readlink -f "$2")
sample=$(cd "$(dirname "$0")/../../deploy/sample" && pwd)
data=$(mktemp -d)
# Files would go up for ten minutes; what is due in eight is made ready at once.
due=$(date -u -d '+8 minutes' +%FT%TZ)
"$program" dev --data "$data" --api-port 18411 --sim-port 18412 >"$data/log" 2>&1 &
fleet=$!
end() {
  kill -9 "$fleet" 2>/dev/null || true
  pg=$(jq -r .pids.postgres "$data/place.json") && kill "$pg" 2>/dev/null || true
  redis=$(jq -r .pids.redis "$data/place.json") && kill "$redis" 2>/dev/null || true
  sleep 2
  rm -rf "$data"
}
trap end EXIT
until [ -s "$data/dev.json" ]; do sleep 0.1; done
cp "$data/dev.json" "$data/place.json"
POSTFLEET_URL=$(jq -r .apiUrl "$data/place.json")
POSTFLEET_API_KEY=$(jq -r .apiKey "$data/place.json")
POSTFLEET_SIM_URL=$(jq -r .simUrl "$data/place.json")
export POSTFLEET_URL POSTFLEET_API_KEY POSTFLEET_SIM_URL
for way in x linkedin:personal linkedin:organization instagram threads youtube; do
  app=${way#*:}
  [ "$app" != "$way" ] || app=
  "$program" connect "${way%%:*}" --brand before ${app:+--app "$app"} --account "${way%%:*}-before"
done
"$program" post --brand before --text "Made ready before" --media "$sample/day.jpg:A picture" \
  --platform x --platform linkedin --platform instagram --platform threads --at "$due"
"$program" post --brand before --text "A film from before" --set "youtube.title=A film from before" \
  --media "$sample/clip.mp4" --platform youtube --at "$due"
"$program" post --brand before --text "Planned before" --platform x --platform threads \
  --at "$(date -u -d '+30 days' +%FT%TZ)"
psql=$(jq -r .postgresUrl "$data/place.json")
ready="SELECT count(*) FROM deliveries WHERE checkpoint IS NOT NULL AND status = 'ready'"
until [ "$(psql "$psql" -Atc "$ready")" -ge 6 ]; do sleep 0.2; done
kill -9 "$fleet"
cp "$data/key" "$folder/key"
rm -rf "$folder/media" "$folder/sim"
cp -r "$data/media" "$folder/media"
mkdir "$folder/sim"
cp "$data"/sim/*.ndjson "$folder/sim/"
# The rows alone: the schema of that version is what its migrations make.
pg_dump --data-only --column-inserts --on-conflict-do-nothing --no-owner \
  -T _sqlx_migrations -T histories "$psql" |
  grep -v -e '^--' -e '^$' -e '^\\' >"$folder/rows.dump"
# What the instants in it are relative to.
psql "$psql" -Atc "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')" \
  >"$folder/at"
du -sh "$folder"
