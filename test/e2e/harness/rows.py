"""What a row has to be, worked out from the engine's own list and inspect: the contract written a second time."""
import calendar
import re
import time

HOLDS_PORTS = ("running", "paused", "restarting")
HAS_EXITED = ("exited", "restarting", "dead", "removing")
PODMAN_WORDS = {"stopped": "exited", "stopping": "running", "initialized": "created", "configured": "created"}
# Of what there is only one sensible value in these tests, or none to compare with.
NOT_COMPARED = ("rev", "partial", "missing_since", "missing_cause", "managed", "workload")


def nanoseconds(text):
    """RFC 3339 to ns since 1970; None for null, the engine's zero time and an empty text."""
    if not text or text.startswith("0001-"):
        return None
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if not match:
        raise AssertionError(f"not a time of RFC 3339: {text!r}")
    seconds = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    if match[3] != "Z":
        away = int(match[3][1:3]) * 3600 + int(match[3][4:]) * 60
        seconds += -away if match[3][0] == "+" else away
    return seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0"))


def _name(names):
    primary = [name[1:] for name in names if name.count("/") == 1]
    return primary[0] if len(primary) == 1 else None


def _policy(policy):
    name = policy.get("Name") or "no"
    count = policy.get("MaximumRetryCount", 0)
    return f"{name}:{count}" if name == "on-failure" and count > 0 else name


def _ports(listed):
    ports = {(p["PrivatePort"], p["Type"], p.get("IP", ""), p.get("PublicPort", 0)) for p in listed or ()}
    return sorted(ports)


def _networks(networks, up):
    """Docker's list goes on showing the address that a start had before it failed; inspect does not."""
    return {name: (n["NetworkID"], *((n["IPAddress"], n["GlobalIPv6Address"], n["MacAddress"]) if up else ("",) * 3))
            for name, n in (networks or {}).items()}


def _mounts(mounts):
    return sorted((m["Destination"], m["Type"], m.get("Name", ""), m.get("Source", ""), not m["RW"])
                  for m in mounts or ())


def of_engine(listed, inspect, kind):
    """A comparable row of one list element and its inspect."""
    now = inspect["State"]
    word = PODMAN_WORDS.get(listed["State"], listed["State"])
    health = (now.get("Health") or {}).get("Status") or "none"
    networks = listed["NetworkSettings"]["Networks"] if kind == "docker" else inspect["NetworkSettings"]["Networks"]
    return {
        "id": listed["Id"],
        "name": _name(listed["Names"]),
        "image": listed["Image"],
        "image_id": listed["ImageID"],
        "command": listed["Command"],
        "state": word,
        "engine_state": word,
        "health": health,
        "exit_code": now["ExitCode"] if word in HAS_EXITED else None,
        "oom_killed": now["OOMKilled"],
        "restart_count": inspect["RestartCount"],
        "created_at": listed["Created"] * 1_000_000_000,
        "started_at": nanoseconds(now["StartedAt"]),
        "finished_at": nanoseconds(now["FinishedAt"]),
        "labels": listed["Labels"] or {},
        "network_mode": inspect["HostConfig"]["NetworkMode"],
        "pid": now["Pid"] or None if word in ("running", "paused") else None,
        "restart_policy": _policy(inspect["HostConfig"]["RestartPolicy"]),
        "ports": _ports(listed["Ports"]) if word in HOLDS_PORTS else [],
        "networks": _networks(networks, word in HOLDS_PORTS),
        "mounts": _mounts(listed["Mounts"]),
    }


def of_mirror(row):
    """The same form of a row of the mirror."""
    shown = {key: value for key, value in row.items() if key not in NOT_COMPARED}
    for key in ("created_at", "started_at", "finished_at"):
        shown[key] = nanoseconds(row[key])
    ports = [(p["private_port"], p["protocol"], p["ip"], p["public_port"]) for p in row["ports"]]
    shown["ports"] = sorted(ports)
    shown["networks"] = {name: (n["id"], n["ip"], n["ip6"], n["mac"]) for name, n in row["networks"].items()}
    shown["mounts"] = sorted((m["destination"], m["type"], m["name"], m["source"], m["read_only"])
                             for m in row["mounts"])
    return shown


def _missing_differences(row, engine_ids, known):
    where = f"{row['id'][:12]} ({row['name']})"
    if row["id"] in engine_ids:
        yield f"{where} is missing in the mirror, but the engine has it"
    if row["id"] not in known:
        yield f"{where} is missing, but never was one of the engine's"
    if row["missing_since"] is None or row["missing_cause"] not in ("destroyed", "vanished"):
        yield f"{where} is missing since {row['missing_since']}, cause {row['missing_cause']}"
    if row["ports"] or row["pid"] is not None or row["partial"]:
        yield f"{where} is missing and has ports {row['ports']}, pid {row['pid']}, partial {row['partial']}"


def differences(engine, mirror, known, must_be_missing, kind):
    """What is not as it should be at rest, a text each. engine: (list element, inspect) pairs; mirror: rows by id."""
    found = []
    expected = {listed["Id"]: of_engine(listed, inspect, kind) for listed, inspect in engine}
    for identity, want in expected.items():
        where = f"{identity[:12]} ({want['name']})"
        row = mirror.get(identity)
        if row is None:
            found.append(f"{where} is not in the mirror")
            continue
        if row["state"] == "missing":
            continue
        if row["partial"]:
            found.append(f"{where} is partial")
        if row["missing_since"] is not None or row["missing_cause"] is not None:
            found.append(f"{where} is there and missing since {row['missing_since']}")
        have = of_mirror(row)
        for key in sorted(set(want) | set(have)):
            if want.get(key) != have.get(key):
                found.append(f"{where}: {key} is {have.get(key)!r}, the engine's is {want.get(key)!r}")
    for identity, row in mirror.items():
        if row["state"] == "missing":
            found.extend(_missing_differences(row, expected, known))
        elif identity not in expected:
            found.append(f"{identity[:12]} ({row['name']}) is {row['state']}, but the engine does not have it")
    found.extend(f"{i[:12]} was destroyed and is not missing in the mirror"
                 for i in must_be_missing if i not in expected and i not in mirror)
    return found
