#!/usr/bin/env bash
# Checks what is under deploy/ with what is at hand here, and says what was not checked.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=deploy/need.sh
. deploy/need.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
not() { printf 'NOT CHECKED: %s\n' "$1"; }

# The units, with a program that is there; what systemd says of them is wrong with them.
if command -v systemd-analyze >/dev/null; then
  mkdir "$work/units"
  for unit in deploy/systemd/*.service; do
    sed 's#/usr/bin/postfleet#/bin/true#' "$unit" >"$work/units/${unit##*/}"
  done
  mv "$work/units/postfleet-work@.service" "$work/units/postfleet-work@1.service"
  told=$(systemd-analyze verify --man=no "$work"/units/*.service 2>&1 | grep "$work")
  [ -z "$told" ] || { printf 'units: %s\n' "$told"; failed=1; }
  for unit in "$work"/units/*.service; do
    level=$(systemd-analyze security --offline=yes --no-pager "$unit" 2>/dev/null |
      sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
    [ "${level%.*}" -lt 2 ] || { printf '%s: exposure %s\n' "${unit##*/}" "$level"; failed=1; }
  done
else
  not "systemd units: no systemd-analyze"
fi

rendered=()
if command -v helm >/dev/null; then
  helm lint --quiet deploy/chart || failed=1
  helm template posts deploy/chart >"$work/plain.yaml" || failed=1
  helm template posts deploy/chart --set keda.enabled=true --set serviceMonitor.enabled=true \
    --set serve.ingress.enabled=true >"$work/all.yaml" || failed=1
  rendered=("$work/plain.yaml" "$work/all.yaml")
elif command -v go >/dev/null && need golang-github-masterminds-sprig-dev; then
  render() {
    GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' \
      go run tests/deploy/render.go deploy/chart "$@"
  }
  render >"$work/plain.yaml" || failed=1
  render keda.enabled=true serviceMonitor.enabled=true serve.ingress.enabled=true \
    serve.ingress.tlsSecret=tls 'work.roles=[relay, publish]' >"$work/all.yaml" || failed=1
  rendered=("$work/plain.yaml" "$work/all.yaml")
  not "the chart by Helm itself: it was rendered by Go's templates and sprig"
else
  not "the chart's manifests: neither helm nor go is here"
fi

if command -v kubernetes-validate >/dev/null; then
  for file in ${rendered[@]+"${rendered[@]}"}; do
    # Kinds of others have no schema there.
    python3 -c 'import sys, yaml
kinds = {"ScaledObject", "PodMonitor"}
things = yaml.safe_load_all(open(sys.argv[1]))
yaml.safe_dump_all([t for t in things if t and t["kind"] not in kinds], sys.stdout)' "$file" \
      >"$work/core.yaml" || failed=1
    kubernetes-validate --strict --quiet --no-warn "$work/core.yaml" || failed=1
  done
else
  not "manifests against Kubernetes' own schemas: no kubernetes-validate (PyPI)"
fi

if need python3-yaml python3-jsonschema; then
  /usr/bin/python3 tests/deploy/check.py . ${rendered[@]+"${rendered[@]}"} || failed=1
else
  not "the chart's values and the compose file: no yaml and jsonschema for Python"
fi

docker info >/dev/null 2>&1 || podman info >/dev/null 2>&1 ||
  not "the image and the compose file by their own tools: no builder of containers"
[ "$failed" -eq 0 ] && echo "deploy: what could be checked holds"
exit "$failed"
