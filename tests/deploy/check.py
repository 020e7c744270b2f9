"""Checks what is deployed: the values of the chart against their schema, and what they come to.

    python3 tests/deploy/check.py ROOT [RENDERED…]

ROOT is the repository, each RENDERED what the chart renders to. Prints what is wrong.
"""

import copy
import json
import pathlib
import sys

import jsonschema
import yaml

root = pathlib.Path(sys.argv[1])
wrong = []


def hold(is_so, words):
    if not is_so:
        wrong.append(words)


def values():
    chart = root / "deploy/chart"
    schema = json.loads((chart / "values.schema.json").read_text())
    given = yaml.safe_load((chart / "values.yaml").read_text())
    checker = jsonschema.Draft7Validator
    checker.check_schema(schema)
    for error in checker(schema).iter_errors(given):
        hold(False, f"values.yaml: {error.json_path}: {error.message}")
    # What the schema is for: mistyped names, wrong kinds and words that nothing knows.
    for path, value in [
        (["wrok"], {}),
        (["work", "replica"], 2),
        (["work", "replicas"], "two"),
        (["work", "roles"], ["publisher"]),
        (["image", "pullPolicy"], "Sometimes"),
        (["terminationGracePeriodSeconds"], 5),
        (["keda", "prometheus"], "prometheus"),
    ]:
        broken = copy.deepcopy(given)
        place = broken
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        is_refused = not checker(schema).is_valid(broken)
        hold(is_refused, f"values.schema.json lets {'.'.join(path)} = {value!r} pass")


def compose():
    fleet = yaml.safe_load((root / "deploy/compose.yaml").read_text())
    services = fleet["services"]
    for name, service in services.items():
        used = service.get("secrets", [])
        hold(set(used) <= set(fleet["secrets"]), f"compose: {name} has an unknown secret")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            is_known = source.startswith(".") or source in fleet["volumes"]
            hold(is_known, f"compose: {name} mounts the unknown volume {source}")
        for needed in service.get("depends_on", {}):
            hold(needed in services, f"compose: {name} depends on the unknown {needed}")
    for name in ["serve", "work"]:
        service = services[name]
        grace = service["stop_grace_period"]
        told = service["environment"]["POSTFLEET__SHUTDOWN__GRACE_S"] + "s"
        hold(grace == told, f"compose: {name} is given {grace} and told {told}")
        hold(service["read_only"] is True, f"compose: {name} writes to its root")
        hold(service["user"] not in ("0", "root"), f"compose: {name} runs as root")
        hold(service["cap_drop"] == ["ALL"], f"compose: {name} keeps capabilities")
        hold("healthcheck" in service, f"compose: {name} has no health check")
    redis = services["redis"]["command"]
    for option, value in [("--maxmemory-policy", "noeviction"), ("--appendonly", "yes")]:
        hold(redis[redis.index(option) + 1] == value, f"compose: Redis without {option} {value}")


def rendered(file):
    things = [thing for thing in yaml.safe_load_all(pathlib.Path(file).read_text()) if thing]
    names = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    hold(len(names) == len(things), "two things of the chart have one name")
    for thing in things:
        labels = thing["metadata"]["labels"]
        hold("app.kubernetes.io/instance" in labels, f"{thing['kind']} without labels")
    by_kind = {}
    for thing in things:
        by_kind.setdefault(thing["kind"], []).append(thing)
    for thing in by_kind["Deployment"] + by_kind["Job"]:
        pods(thing)
    for thing in by_kind["Deployment"]:
        deployment(thing)
    deployed = {thing["metadata"]["name"] for thing in by_kind["Deployment"]}
    for scaled in by_kind.get("ScaledObject", []):
        spec = scaled["spec"]
        hold(spec["scaleTargetRef"]["name"] in deployed, "KEDA scales nothing")
        hold(spec["fallback"]["failureThreshold"] == 3, "KEDA has no fallback")
        for trigger in spec["triggers"]:
            query = trigger["metadata"]["query"]
            hold("or vector(0)" in query, f"{query} is nothing where nothing waits")
            hold("parked" not in query, f"{query} counts what no worker can send")
    budgets = {b["metadata"]["name"] for b in by_kind["PodDisruptionBudget"]}
    hold(budgets == deployed, f"budgets {budgets} for {deployed}")


def pods(thing):
    name, spec = thing["metadata"]["name"], thing["spec"]["template"]["spec"]
    hold(spec["securityContext"]["runAsNonRoot"] is True, f"{name} may run as root")
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in spec["containers"]:
        context = container["securityContext"]
        hold(context["readOnlyRootFilesystem"] is True, f"{name} writes to its root")
        hold(context["allowPrivilegeEscalation"] is False, f"{name} may rise")
        hold(context["capabilities"] == {"drop": ["ALL"]}, f"{name} keeps capabilities")
        for mount in container["volumeMounts"]:
            hold(mount["name"] in volumes, f"{name} mounts the unknown {mount['name']}")


def deployment(thing):
    name, spec = thing["metadata"]["name"], thing["spec"]
    chosen = spec["selector"]["matchLabels"].items()
    labels = spec["template"]["metadata"]["labels"]
    hold(chosen <= labels.items(), f"{name} chooses pods that it does not make")
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    grace = {e["name"]: e["value"] for e in container["env"]}["POSTFLEET__SHUTDOWN__GRACE_S"]
    sleeps = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    fits = int(grace) + sleeps <= pod["terminationGracePeriodSeconds"]
    hold(fits, f"{name} is killed before its grace of {grace} s is over")
    for probe, path in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]:
        hold(container[probe]["httpGet"]["path"] == path, f"{name}: {probe}")


values()
compose()
for file in sys.argv[2:]:
    rendered(file)
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
