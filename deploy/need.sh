# Sourced by try.sh and tests/run.sh: makes sure that Debian packages are there.

# Whether what we need of a package is on this machine, however it came here.
has() {
  case "$1" in
    postgresql)
      for bin in "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/x)")")" \
        /usr/lib/postgresql/*/bin; do
        [ -x "$bin/initdb" ] && return 0
      done
      return 1
      ;;
    python3-yaml) /usr/bin/python3 -c 'import yaml' 2>/dev/null ;;
    python3-jsonschema) /usr/bin/python3 -c 'import jsonschema' 2>/dev/null ;;
    golang-github-masterminds-sprig-dev) [ -d /usr/share/gocode/src/github.com/Masterminds/sprig ] ;;
    chromium-driver) command -v chromedriver >/dev/null ;;
    redis-server) command -v redis-server >/dev/null || command -v valkey-server >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# need PACKAGE…: installs what is missing where that is allowed, else names it and fails.
need() {
  missing=
  for package in "$@"; do
    has "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  as_root=
  if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    $as_root true 2>/dev/null || as_root=none
  fi
  if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
    echo "Missing:$missing. On Debian or Ubuntu: sudo apt-get install$missing" >&2
    return 2
  fi
  echo "Installing$missing …"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of words
  $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 ||
    { $as_root apt-get update -q >/dev/null &&
      $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null; } ||
    { echo "Could not install$missing" >&2; return 2; }
}
