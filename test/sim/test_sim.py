#!/usr/bin/env python3
"""The simulated engine itself: its bytes against the captured ones, and each fault by what it does.

Speaks raw HTTP over sockets, so that framing is seen and not hidden by a client. RC_CAPTURES names the
captures, ROLLCALL_SIM the program. No test waits for time to pass: they wait for counts.
"""

import glob
import json
import os
import re
import signal
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from simctl import Sim, SimError, find_program  # noqa: E402

CAPTURES = os.environ.get("RC_CAPTURES") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "captures")
DOCKER = ("docker-20.10", "docker-26", "docker-28", "docker-29")
ALL = DOCKER + ("podman-4.3",)


def capture(path):
    with open(os.path.join(CAPTURES, path), encoding="utf-8") as f:
        return json.load(f)


def captured_events(folder):
    for path in glob.glob(os.path.join(CAPTURES, folder, "events", "*.jsonl")):
        with open(path, encoding="utf-8") as f:
            for line in f:
                yield json.loads(line)


class Closed(Exception):
    """The connection ended before what was asked for."""


class Raw:
    """A connection, byte by byte."""

    def __init__(self, sim, tcp=False):
        if tcp:
            self.sock = socket.create_connection(("127.0.0.1", sim.tcp_port), 60)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(60)
            self.sock.connect(sim.socket)
        self.data = b""
        self.ended = False

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def get(self, path, method="GET", extra=""):
        self.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode())

    def more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            raise Closed(self.data)
        self.data += data

    def until(self, mark):
        while mark not in self.data:
            self.more()
        head, self.data = self.data.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        out, self.data = self.data[:n], self.data[n:]
        return out

    def rest(self):
        """All until the end of the connection."""
        try:
            while True:
                self.more()
        except Closed:
            out, self.data = self.data, b""
            return out

    def head(self):
        """(status, headers with lower-case names)"""
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        headers = dict((k.lower(), v) for k, v in (line.split(": ", 1) for line in lines[1:]))
        return int(lines[0].split()[1]), headers

    def chunk(self):
        """One chunk; b"" is the last."""
        size = int(self.until(b"\r\n"), 16)
        body = self.exactly(size)
        assert self.exactly(2) == b"\r\n"
        return body

    def body(self, headers):
        if headers.get("transfer-encoding") != "chunked":
            return self.exactly(int(headers.get("content-length", 0)))
        out = b""
        while True:
            part = self.chunk()
            if not part:
                return out
            out += part

    def answer(self, path, **kw):
        self.get(path, **kw)
        status, headers = self.head()
        return status, headers, self.body(headers)


class Stream(Raw):
    """A subscription: headers read, lines to come."""

    def __init__(self, sim, query="", version="", subscribed=True):
        super().__init__(sim)
        already = sim.stats()["subscriptions"]
        self.get(version + "/events" + query)
        self.status, self.headers = self.head()
        self.lines = b""
        if subscribed:
            sim.wait("subscriptions", already + 1)

    def raw_line(self):
        while b"\n" not in self.lines:
            part = self.chunk()
            if not part:
                raise Closed("last chunk")
            self.lines += part
        line, self.lines = self.lines.split(b"\n", 1)
        return line

    def event(self):
        return json.loads(self.raw_line())

    def actions(self, n):
        return [action(self.event()) for _ in range(n)]


def action(event):
    return ("net " if event["Type"] == "network" else "") + event["Action"]


OPEN = {"Labels", "Networks", "Ports", "Tmpfs", "ExposedPorts", "Attributes", "Runtimes", "Data", "Config",
        "Options", "IndexConfigs"}


def keys(value, path="", out=None):
    """Every key's path; names of a map's members and of a list's places are one."""
    out = set() if out is None else out
    if isinstance(value, dict):
        name = path.rsplit(".", 1)[-1]
        for key, inner in value.items():
            inner_path = f"{path}.*" if name in OPEN and name != "Config" else f"{path}.{key}"
            if not (name in OPEN and name != "Config"):
                out.add(inner_path)
            keys(inner, inner_path, out)
    elif isinstance(value, list):
        for inner in value:
            keys(inner, path + "[]", out)
    return out


def populate(sim):
    """What the captures hold: ports of all kinds, mounts, health, each state."""
    sim.network_create("fx_net")
    sim.run("fx-web", image="tinybox", net="fx_net", restart="unless-stopped",
            label={"a": "b", "uni": "Tëst ☃ \"q\" \\b\\ <tag> 日本 😀", "multi": "1\n2", "": "empty-key"},
            port=["0.0.0.0/18443:443", "::/18443:443", "127.0.0.1/10053:53/udp", "7000/sctp", "9000"],
            mount=["volume:fx_vol:/v/_data:/data", "bind::/srv/x:/in.tar:ro", "tmpfs:::/tmpfs"])
    sim.create("fx-created", net="none")
    sim.run("fx-exited", net="none")
    sim.die("fx-exited", exit=42)
    sim.run("fx-paused", net="none")
    sim.pause("fx-paused")
    sim.run("fx-restarting", net="none")
    sim.die("fx-restarting", exit=1, restarting=True)
    for health in ("starting", "healthy", "unhealthy"):
        sim.run("fx-" + health, net="none", health=True)
        sim.health("fx-" + health, health)
    sim.create("fx-startfail", net="none")
    sim.fail_start("fx-startfail", exit=127, error="no such file")


class SimCase(unittest.TestCase):
    profile = "docker-20.10"

    def setUp(self):
        self.sim = Sim(profile=self.profile, seed=int(os.environ.get("SIM_SEED", "1")))
        self.addCleanup(self.finish)

    def finish(self):
        process = self.sim.process
        self.sim.close()
        # A sanitizer's finding is an exit code, too.
        self.assertEqual(process.returncode, 0)

    def row(self, name):
        return next(c for c in self.sim.state()["containers"] if c["name"] == name)

    def listed(self):
        return {c["Names"][0][1:]: c for c in self.sim.get_json("/containers/json?all=1")}


class Bodies(unittest.TestCase):
    """The same keys as the real bytes."""

    def same_keys(self, ours, theirs, optional=()):
        a, b = keys(ours), keys(theirs)
        drop = lambda paths: {p for p in paths if not any(re.search(o, p) for o in optional)}
        self.assertEqual(drop(a), drop(b))

    def test_list(self):
        captured = {"docker-20.10": "docker-20.10/list/all.json",
                    "docker-29": "synthetic/list-api-1.52.json",
                    "podman-4.3": "podman-4.3.1/list/all.json"}
        for profile, path in captured.items():
            with self.subTest(profile), Sim(profile=profile, seed=2) as sim:
                populate(sim)
                # The captures have a fixed address, and podman's have no published port.
                self.same_keys(sim.get_json("/containers/json?all=1"), capture(path),
                               ("IPAMConfig", r"podman\.Ports") if profile[0] == "d"
                               else (r"^\[\]\.Ports", r"\[\]\.Mounts"))

    def test_list_order_of_keys(self):
        with Sim(seed=2) as sim:
            populate(sim)
            ours = next(c for c in sim.get_json("/containers/json?all=1") if c["Names"] == ["/fx-created"])
            theirs = next(c for c in capture("docker-20.10/list/all.json") if c["Names"] == ["/fx-created"])
            self.assertEqual(list(ours), list(theirs))
            self.assertEqual(list(ours["NetworkSettings"]["Networks"]["none"]),
                             list(theirs["NetworkSettings"]["Networks"]["none"]))
            self.assertEqual(ours["NetworkSettings"], theirs["NetworkSettings"])

    def test_status_texts(self):
        with Sim(seed=2) as sim:
            populate(sim)
            theirs = {c["Names"][0]: re.sub(r"\d+ seconds", "", c["Status"])
                      for c in capture("docker-20.10/list/all.json")}
            for c in sim.get_json("/containers/json?all=1"):
                name = c["Names"][0].replace("/fx-starting", "/fx-health-starting")
                self.assertEqual(re.sub(r"(Less than a second|\d+ seconds?)", "", c["Status"]),
                                 theirs[name], name)

    def test_inspect(self):
        pairs = {"docker-20.10": {"fx-web": "web-running-ports", "fx-created": "created",
                                  "fx-exited": "exited-42", "fx-paused": "paused", "fx-healthy": "healthy",
                                  "fx-restarting": "restarting", "fx-startfail": "start-failed"},
                 "podman-4.3.1": {"fx-created": "created", "fx-exited": "exited-42", "fx-paused": "paused"}}
        # What only one container has: its own limits, its probes' log, its mounts as asked for.
        own = (r"HostConfig\.(Mounts|Tmpfs|PortBindings)", r"Config\.ExposedPorts", r"Health\.Log\[",
               r"IPAMConfig")
        for folder, files in pairs.items():
            with Sim(profile=folder.replace(".3.1", ".3"), seed=2) as sim:
                populate(sim)
                for name, path in files.items():
                    with self.subTest(f"{folder} {name}"):
                        ours = sim.get_json(f"/containers/{name}/json")
                        theirs = capture(f"{folder}/inspect/{path}.json")
                        optional = own + ((r"Networks\.\*",) if folder[0] == "p" else ())
                        self.same_keys(ours, theirs, optional)
                        self.assertEqual(ours["State"]["Status"], theirs["State"]["Status"])
                        for key in ("Running", "Paused", "Restarting", "ExitCode"):
                            self.assertEqual(ours["State"][key], theirs["State"][key], key)

    def test_info_and_version(self):
        # Details of the storage driver, the registry and the runtimes are the host's.
        own = (r"RegistryConfig", r"^\.Components", r"^\.Plugins")
        for folder, profile in (("docker-20.10", "docker-20.10"), ("podman-4.3.1", "podman-4.3")):
            with Sim(profile=profile, seed=2) as sim:
                for what in ("info", "version"):
                    with self.subTest(f"{profile} {what}"):
                        self.same_keys(sim.get_json("/" + what), self.http_body(f"{folder}/misc/{what}.http"),
                                       own)

    @staticmethod
    def http_body(path):
        with open(os.path.join(CAPTURES, path), "rb") as f:
            head, body = f.read().split(b"\r\n\r\n", 1)
        if b"chunked" not in head:
            return json.loads(body)
        out = b""
        while True:
            size, body = body.split(b"\r\n", 1)
            n = int(size, 16)
            if n == 0:
                return json.loads(out)
            out, body = out + body[:n], body[n + 2:]

    def test_headers(self):
        for folder, profile in (("docker-20.10", "docker-20.10"), ("podman-4.3.1", "podman-4.3")):
            for path, method, name in (("/_ping", "GET", "misc/ping"), ("/_ping", "HEAD", "misc/ping-head"),
                                       ("/info", "GET", "misc/info"), ("/version", "GET", "misc/version")):
                with self.subTest(f"{profile} {method} {path}"), Sim(profile=profile, seed=2) as sim, \
                        Raw(sim) as raw:
                    raw.get(path, method=method, extra="Connection: close\r\n")
                    _, ours = raw.head()
                    with open(os.path.join(CAPTURES, folder, name + ".http"), "rb") as f:
                        head = f.read().split(b"\r\n\r\n", 1)[0].decode()
                    theirs = {line.split(": ")[0].lower() for line in head.split("\r\n")[1:]}
                    # Podman's build and request numbers say nothing; framing depends on the length.
                    skip = {"builder-version", "buildkit-version", "libpod-buildah-version", "x-reference-id",
                            "docker-experimental", "content-length", "transfer-encoding", "content-type"}
                    self.assertEqual(set(ours) - skip, theirs - skip)
                    self.assertRegex(ours["date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_events(self):
        def shape(e):
            return (e["Type"], e["Action"].split(":")[0],
                    tuple(sorted(e)), tuple(sorted(e["Actor"])),
                    tuple(sorted(set(e["Actor"]["Attributes"]) - {"p", "execID"})))
        for folder, profile in (("docker-20.10", "docker-20.10"), ("podman-4.3.1", "podman-4.3")):
            theirs = {shape(e) for e in captured_events(folder)}
            with self.subTest(profile), Sim(profile=profile, seed=2) as sim, Stream(sim) as stream:
                sim.network_create("n1")
                sim.run("a", image="tinybox", health=True)
                sim.probe("a")
                sim.health("a", "healthy")
                sim.pause("a")
                sim.unpause("a")
                sim.kill("a", signal=1)
                sim.rename("a", "b")
                sim.restart("b")
                sim.oom("b")
                sim.update("b", restart="always")
                sim.prune()
                sim.destroy("b")
                n = sim.stats()["events_published"]
                for _ in range(n):
                    e = stream.event()
                    if e["Action"] in ("exec", "prune", "health_status"):
                        continue  # podman's exec has attributes of its own; prune has no shape of a container
                    self.assertIn(shape(e), theirs, e)
                    self.assertEqual(list(e), [k for k in ("status", "id", "from", "Type", "Action", "Actor",
                                                           "scope", "time", "timeNano") if k in e])
                    self.assertEqual(e["time"], e["timeNano"] // 10**9)

    def test_events_without_old_fields(self):
        with Sim(profile="docker-29", seed=2) as sim, Stream(sim) as new, Stream(sim, version="/v1.44") as old:
            sim.run("a", image="tinybox")
            sim.die("a", exit=3)
            ours = {}
            for _ in range(5):
                e, o = new.event(), old.event()
                ours[e["Action"]] = e
                if e["Type"] == "container":
                    self.assertEqual((o["status"], o["id"], o["from"]),
                                     (o["Action"], o["Actor"]["ID"], "tinybox"))
                for key in ("status", "id", "from"):
                    self.assertNotIn(key, e)
                    o.pop(key, None)
                self.assertEqual(e, o)
            with open(os.path.join(CAPTURES, "synthetic/events-api-1.52.ndjson"), encoding="utf-8") as f:
                theirs = {e["Action"]: e for e in map(json.loads, f) if e["Type"] == "container"}
            for name in ("create", "start", "die"):
                self.assertEqual(keys(ours[name]), keys(theirs[name]))
                self.assertEqual(set(ours[name]["Actor"]["Attributes"]),
                                 set(theirs[name]["Actor"]["Attributes"]))

    def test_labels_overwrite_attributes(self):
        hostile = {"exitCode": "LABEL", "signal": "LABEL", "name": "LABEL", "image": "LABEL",
                   "oldName": "LABEL", "u2028": "\u2028", "quote": "a\"b\\c", "ctl": "\x01\x7f"}
        for profile, code in (("docker-20.10", "LABEL"), ("podman-4.3", "5")):
            with Sim(profile=profile, seed=2) as sim, Stream(sim) as stream:
                sim.run("real", image="img", net="none", label=hostile)
                sim.die("real", exit=5)
                events = [stream.event() for _ in range(sim.stats()["events_published"])]
                died = next(e for e in events if e["Action"] == "die")["Actor"]["Attributes"]
                self.assertEqual(died["exitCode"], code)
                self.assertEqual((died["name"], died["image"]), ("real", "img"))
                self.assertEqual(died["quote"], hostile["quote"])
                self.assertEqual(died["ctl"], hostile["ctl"])
                self.assertEqual(list(died), sorted(died))


class Versions(unittest.TestCase):
    def test_paths(self):
        for profile in ALL:
            with self.subTest(profile), Sim(profile=profile, seed=3) as sim, Raw(sim) as raw:
                version = "/v" + raw.answer("/_ping")[1]["api-version"]
                for path in ("/_ping", "/version", "/info", "/networks", "/containers/json?all=1"):
                    for prefix in ("", version):
                        status, headers, body = raw.answer(prefix + path)
                        self.assertEqual(status, 200)
                        if path != "/_ping":
                            json.loads(body)
                status, headers, body = raw.answer("/_ping", method="HEAD")
                self.assertEqual((status, headers["content-length"], body), (200, "0", b""))

    def test_too_new_and_too_old(self):
        cases = {"docker-20.10": ("1.99", "1.11", "1.41", "1.12"), "docker-28": ("1.52", "1.23", "1.51", "1.24"),
                 "docker-29": ("1.53", "1.43", "1.52", "1.44")}
        for profile, (new, old, most, least) in cases.items():
            with self.subTest(profile), Sim(profile=profile, seed=3) as sim, Raw(sim) as raw:
                status, headers, body = raw.answer(f"/v{new}/containers/json")
                self.assertEqual((status, headers["content-type"]), (400, "application/json"))
                self.assertEqual(json.loads(body)["message"], f"client version {new} is too new. Maximum "
                                 f"supported API version is {most}")
                status, headers, body = raw.answer(f"/v{old}/containers/json")
                text = (f"client version {old} is too old. Minimum supported API version is {least}, "
                        "please upgrade your client to a newer version")
                self.assertEqual(status, 400)
                if profile == "docker-29":
                    self.assertEqual(json.loads(body)["message"], text)
                else:
                    self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
                    self.assertEqual(body.decode(), text)
        with Sim(profile="docker-29", seed=3) as sim, Raw(sim) as raw:
            status, headers, _ = raw.answer("/v1.11/info")
            self.assertEqual((status, headers["content-type"]), (400, "text/plain; charset=utf-8"))
        with Sim(profile="podman-4.3", seed=3) as sim:
            self.assertEqual(sim.get("/v1.99/containers/json")[0], 200)

    def test_list_by_asked_version(self):
        with Sim(profile="docker-29", seed=3) as sim:
            sim.run("a", port=["80", "127.0.0.1/81:81"], health=True)
            new = sim.get_json("/containers/json")[0]
            old = sim.get_json("/v1.44/containers/json")[0]
            self.assertEqual(new["Health"]["Status"], "starting")
            self.assertEqual({p["PrivatePort"]: p["IP"] for p in new["Ports"]}, {80: "", 81: "127.0.0.1"})
            self.assertNotIn("Health", old)
            self.assertNotIn("IP", next(p for p in old["Ports"] if p["PrivatePort"] == 80))

    def test_identity(self):
        with Sim(profile="podman-4.3", seed=3) as sim:
            self.assertNotEqual(sim.get_json("/info")["ID"], sim.get_json("/info")["ID"])
        with Sim(seed=3) as sim:
            first = sim.get_json("/info")["ID"]
            self.assertEqual(first, sim.get_json("/info")["ID"])
            self.assertNotEqual(first, sim.identity()["engine_id"])
            self.assertNotEqual(first, sim.get_json("/info")["ID"])

    def test_errors(self):
        with Sim(seed=3) as sim, Raw(sim) as raw:
            for path, status, message in (
                    ("/containers/nosuch/json", 404, "No such container: nosuch"),
                    ("/nothing", 404, "page not found"),
                    ("/events?since=abc", 500, 'strconv.ParseInt: parsing "abc": invalid syntax'),
                    ("/events?since=10&until=5", 400, "`since` time (10) cannot be after `until` time (5)"),
                    ("/containers/json?limit=abc", 500, 'strconv.Atoi: parsing "abc": invalid syntax'),
                    ("/containers/json?filters=%7B%22nosuch%22%3A%5B%22x%22%5D%7D", 400,
                     "Invalid filter 'nosuch'")):
                got, _, body = raw.answer(path)
                self.assertEqual((got, json.loads(body)), (status, {"message": message}), path)
            self.assertEqual(raw.answer("/containers/json?filters=nonsense")[0], 500)
        with Sim(profile="podman-4.3", seed=3) as sim, Raw(sim) as raw:
            status, _, body = raw.answer("/containers/nosuch/json")
            self.assertEqual(json.loads(body), {
                "cause": "no such container", "response": 404,
                "message": 'no container with name or ID "nosuch" found: no such container'})

    def test_bad_requests(self):
        with Sim(seed=3) as sim:
            for data in (b"nonsense\r\n\r\n", b"GET relative HTTP/1.1\r\n\r\n", b"GET / HTTP/2\r\n\r\n",
                         b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
                with Raw(sim) as raw:
                    raw.send(data)
                    self.assertEqual(raw.head()[0], 400)
                    raw.rest()
                    self.assertTrue(raw.ended)
            with Raw(sim) as raw:
                raw.send(b"GET /" + b"x" * 70000)
                self.assertEqual(raw.head()[0], 431)
            with Raw(sim) as raw:
                self.assertEqual(raw.answer("/containers/a/stop", method="POST")[0], 404)
            self.assertEqual(sim.stats()["non_get"], 1)

    def test_pipelined(self):
        with Sim(seed=3) as sim, Raw(sim) as raw:
            raw.send(b"GET /_ping HTTP/1.1\r\n\r\n" * 3000)
            for _ in range(3000):
                status, headers = raw.head()
                self.assertEqual((status, raw.body(headers)), (200, b"OK"))
            self.assertEqual(sim.stats()["requests"]["ping"], 3000)


class Lists(SimCase):
    def ids(self, **filters):
        query = json.dumps(filters).replace('"', "%22")
        return [c["Id"] for c in self.sim.get_json("/containers/json?all=1&filters=" + query.replace(" ", ""))]

    def test_newest_first_and_running_only(self):
        ids = [self.sim.create(f"c{i}") for i in range(5)]
        self.assertEqual([c["Id"] for c in self.sim.get_json("/containers/json?all=1")], ids[::-1])
        self.assertEqual(self.sim.get_json("/containers/json"), [])
        self.sim.start("c2")
        self.assertEqual([c["Id"] for c in self.sim.get_json("/containers/json")], [ids[2]])
        self.assertEqual([c["Id"] for c in self.sim.get_json("/containers/json?limit=2")], ids[:2:-1])

    def test_id_filter(self):
        ids = [self.sim.create(f"c{i}") for i in range(40)]
        self.assertEqual(self.ids(id=[ids[3], "f" * 64, ids[7], ids[3]]), [ids[7], ids[3]])
        # Of 40 IDs some two begin alike: that prefix gives nothing, the whole IDs do.
        digit = next(d for d in "0123456789abcdef" if sum(i.startswith(d) for i in ids) > 1)
        self.assertEqual(self.ids(id=[digit]), [])
        self.assertEqual(self.ids(id=[ids[0][:20]]), [ids[0]])
        stats = self.sim.stats()["requests"]
        self.assertEqual((stats["reread"], stats["list"]), (3, 0))

    def test_other_filters(self):
        a = self.sim.run("a", label={"k": "v"}, net="none")
        b = self.sim.create("b", label={"k": "w"})
        self.assertEqual(self.ids(label=["k=v"]), [a])
        self.assertEqual(self.ids(label=["k"]), [b, a])
        self.assertEqual(self.ids(status=["created"]), [b])
        self.assertEqual(self.ids(network=["bridge"]), [b])
        self.assertEqual(self.ids(name=["a"], label=["k=w"]), [])

    def test_ports_and_mounts_in_random_order(self):
        self.sim.run("a", port=[f"127.0.0.1/{9000 + i}:{80 + i}" for i in range(8)],
                     mount=[f"bind::/s{i}:/d{i}" for i in range(8)])
        seen = {"Ports": set(), "Mounts": set()}
        for _ in range(20):
            element = self.sim.get_json("/containers/json")[0]
            for key, orders in seen.items():
                text = [json.dumps(x) for x in element[key]]
                orders.add(tuple(text))
                self.assertEqual(len({frozenset(o) for o in orders}), 1)
        self.assertGreater(len(seen["Ports"]), 10)
        self.assertGreater(len(seen["Mounts"]), 10)

    def test_big_list_is_one_moment_in_many_chunks(self):
        self.sim.set("chunk", 5000)
        self.sim.fill("c", 3000, running=True)
        with Raw(self.sim) as raw:
            raw.get("/containers/json?all=1")
            _, headers = raw.head()
            first = raw.chunk()  # the rest is made while it is read
            for i in range(2990, 3000):
                self.sim.destroy(f"c-{i}")
            for i in range(100):
                self.sim.stop(f"c-{i}")
            listed = json.loads(first + raw.body(headers))
        self.assertEqual([c["Names"][0] for c in listed], [f"/c-{i}" for i in range(2999, -1, -1)])
        self.assertEqual({c["State"] for c in listed}, {"running"})
        self.assertEqual(len(self.listed()), 2990)

    def test_slow_reader_costs_no_memory(self):
        self.sim.fill("c", 20000, running=True)
        with open(f"/proc/{self.sim.pid}/statm", encoding="ascii") as f:
            before = int(f.read().split()[1])
        with Raw(self.sim) as raw:
            raw.get("/containers/json?all=1")
            raw.head()
            self.sim.wait("list", 1)
            self.sim.stats()
            with open(f"/proc/{self.sim.pid}/statm", encoding="ascii") as f:
                grown = (int(f.read().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE")
        self.assertLess(grown, 8 << 20)  # the whole is 16 MB
        self.sim.wait("answers_cut", 1)

    def test_state_is_what_lists_and_inspects_say(self):
        populate(self.sim)
        for row in self.sim.state()["containers"]:
            listed = self.listed()[row["name"]]
            inspected = self.sim.get_json(f"/containers/{row['id']}/json")
            self.assertEqual(listed["State"], row["state"])
            self.assertEqual(listed["Labels"], row["labels"])
            self.assertEqual(listed["Command"], row["command"])
            self.assertEqual(listed["ImageID"], row["image_id"])
            self.assertEqual(sorted((p["PrivatePort"], p["Type"], p.get("IP", ""), p.get("PublicPort", 0))
                                    for p in listed["Ports"]),
                             [(p["private_port"], p["protocol"], p["ip"], p["public_port"])
                              for p in row["ports"]])
            self.assertEqual({n: (e["IPAddress"], e["NetworkID"]) for n, e in
                              listed["NetworkSettings"]["Networks"].items()},
                             {n: (e["ip"], e["id"]) for n, e in row["networks"].items()})
            for key, mine in (("StartedAt", "started_at"), ("FinishedAt", "finished_at")):
                self.assertEqual(inspected["State"][key], row[mine] or "0001-01-01T00:00:00Z")
            self.assertEqual(inspected["State"]["Pid"], row["pid"] or 0)
            self.assertEqual(inspected["RestartCount"], row["restart_count"])
            self.assertEqual([inspected["Path"]] + inspected["Args"], row["command"].split(" "))

    def test_networks(self):
        made = self.sim.network_create("n1")
        networks = {n["Name"]: n for n in self.sim.get_json("/networks")}
        self.assertEqual(set(networks), {"bridge", "host", "none", "n1"})
        self.assertEqual(networks["n1"]["Id"], made)
        self.sim.create("a", net="n1")
        with self.assertRaisesRegex(SimError, "endpoints"):
            self.sim.network_destroy("n1")
        self.sim.destroy("a")
        self.sim.network_destroy("n1")
        self.assertNotIn("n1", {n["Name"] for n in self.sim.get_json("/networks")})


class Sequences(unittest.TestCase):
    """What happens emits what was captured of it."""

    def actions(self, profile, *commands, first=0, seed=4):
        with Sim(profile=profile, seed=seed) as sim, Stream(sim) as stream:
            for command in commands:
                sim.send(command)
            return stream.actions(sim.stats()["events_published"])[first:]

    def test_docker_20(self):
        run = ["create", "net connect", "start"]
        die = ["die", "net disconnect"]
        for commands, expected in (
                (["run a", "die a exit=3", "destroy a"], run + die + ["destroy"]),
                (["run a", "stop a kill=1", "destroy a"], run + ["kill", "kill"] + die + ["stop", "destroy"]),
                (["run a", "stop a"], run + ["kill"] + die + ["stop"]),
                (["run a", "restart a"],
                 run + ["kill", "kill"] + die + ["stop", "net connect", "start", "restart"]),
                (["run a", "destroy a"], run + ["kill"] + die + ["destroy"]),
                (["run a", "pause a", "stop a kill=1"],
                 run + ["pause", "kill", "unpause", "kill"] + die + ["stop"]),
                (["run a", "die a exit=1 restarting=1", "start a"], run + die + ["net connect", "start"]),
                (["run a", "die a exit=1 restarting=1", "stop a"], run + die + ["stop"]),
                (["run a", "oom a"], run + ["oom"] + die),
                (["run a rm=1", "die a"], run + die + ["destroy"]),
                (["create a", "fail-start a"], ["create", "net connect", "net disconnect"]),
                (["fail-create a"], ["destroy"]),
                (["create a", "rename a b"], ["create", "rename"]),
                (["network-create n", "create a", "connect a n"], ["net create", "create"]),
                (["network-create n", "create a", "connect a n", "disconnect a n"],
                 ["net create", "create", "net disconnect"]),
                (["network-create n", "run a", "connect a n", "disconnect a n"],
                 ["net create"] + run + ["net connect", "net disconnect", "net disconnect"]),
                (["run a health=1", "health a healthy", "health a healthy", "health a starting"],
                 run + ["health_status: healthy"]),
                (["run a", "silent die a", "silent destroy a"], run)):
            with self.subTest(" ; ".join(commands)):
                self.assertEqual(self.actions("docker-20.10", *commands), expected)

    def test_docker_26(self):
        self.assertEqual(self.actions("docker-26", "run a", "die a", first=3), ["net disconnect", "die"])
        orders = {tuple(self.actions("docker-26", "run a", "stop a", first=3, seed=seed)) for seed in range(8)}
        self.assertEqual(orders, {("kill", "net disconnect", "die", "stop"),
                                  ("kill", "stop", "net disconnect", "die")})

    def test_podman(self):
        run = ["create", "init", "start"]
        for commands, expected in (
                (["run a", "die a exit=3", "destroy a"], run + ["die", "cleanup", "remove"]),
                (["run a", "restart a"], run + ["restart", "die", "cleanup", "init", "start"]),
                (["run a", "die a restarting=1", "start a"], run + ["die", "restart", "init", "start"]),
                (["run a", "stop a"], run + ["die", "cleanup"])):
            with self.subTest(" ; ".join(commands)):
                self.assertEqual(self.actions("podman-4.3", *commands), expected)

    def test_refused_operations_change_nothing(self):
        with Sim(seed=4) as sim:
            sim.create("a")
            before, published = sim.state(), sim.stats()["events_published"]
            for command in (("pause", "a"), ("die", "a"), ("stop", "a"), ("kill", "a"), ("unpause", "a"),
                            ("health", "a", "healthy"), ("create", "a"), ("start", "nobody"),
                            ("rename", "a", "a"), ("connect", "a", "nowhere"), ("nonsense",), ("start",),
                            ("create", "b", "net=nowhere"), ("create", "b", "port=x"), ("create", "b", "port=0"),
                            ("create", "b", "mount=x"), ("edit", "a", "state=odd"), ("edit", "a", "exit=x"),
                            ("fault", "list", "status=1"), ("fault", "nothing"), ("event", "odd"), ("set", "x", "1"),
                            ("stream", "odd"), ("mode", "odd"), ("wait", "odd", "1"), ("stale", "odd"),
                            ("burst", "0"), ("churn", "-1")):
                answer = sim.send(" ".join(command))
                self.assertIn("error", answer, command)
            self.assertIn("error", sim.send(""))
            self.assertEqual(sim.state(), before)
            self.assertEqual(sim.stats()["events_published"], published)


class Streams(SimCase):
    def test_headers_come_before_the_subscription(self):
        self.sim.set("subscribe_delay_ms", 600000)
        with Stream(self.sim, subscribed=False) as stream:
            self.assertEqual((stream.status, stream.headers["transfer-encoding"]), (200, "chunked"))
            self.assertEqual(self.sim.stats()["subscribers"], 0)

    def test_ring_holds_256(self):
        for i in range(300):
            self.sim.create(f"c{i}")
        with Stream(self.sim, "?since=0") as stream:
            names = [stream.event()["Actor"]["Attributes"]["name"] for _ in range(256)]
            self.assertEqual(names, [f"c{i}" for i in range(44, 300)])
            self.sim.create("live")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "live")

    def test_since_is_inclusive_and_exact(self):
        for i in range(5):
            self.sim.create(f"c{i}")
        with Stream(self.sim, "?since=0") as stream:
            stamps = [stream.event()["timeNano"] for _ in range(5)]
        since = f"{stamps[3] // 10**9}.{stamps[3] % 10**9:09d}"
        with Stream(self.sim, "?since=" + since) as stream:
            self.assertEqual([stream.event()["timeNano"] for _ in range(2)], stamps[3:])
        with Raw(self.sim) as raw:
            raw.get(f"/events?since=0&until={since}")
            _, headers = raw.head()
            lines = raw.body(headers).splitlines()
            self.assertEqual([json.loads(line)["timeNano"] for line in lines], stamps[:4])

    def test_no_replay_unless_asked(self):
        self.sim.create("before")
        with Stream(self.sim) as stream:
            self.sim.create("after")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "after")

    def test_filters(self):
        self.sim.network_create("n")
        only = [Stream(self.sim, "?filters=" + f.replace('"', "%22")) for f in (
            '{"type":["network"]}', '{"type":["container"],"event":["die","start"]}',
            '{"container":["b"]}', '{"label":["k=v"]}')]
        self.sim.run("a", net="n", label={"k": "v"})
        self.sim.die("a")
        self.sim.create("b", net="n")
        for stream, expected in zip(only, (["net connect", "net disconnect"], ["start", "die"], ["create"],
                                           ["create", "start", "die"])):
            self.assertEqual(stream.actions(len(expected)), expected)
        self.sim.prune()
        self.assertEqual(self.sim.stats()["events_sent"], 8)
        for stream in only:
            stream.sock.close()

    def test_podman_filters(self):
        with Sim(profile="podman-4.3", seed=5) as sim:
            streams = [Stream(sim, "?filters=" + f.replace('"', "%22")) for f in (
                '{"event":["die"]}', '{"event":["died"]}', '{"odd":["x"]}', '{"type":["container"]}')]
            sim.run("a")
            sim.die("a")
            self.assertEqual(streams[1].actions(1), ["die"])
            self.assertEqual(len(streams[3].actions(5)), 5)
            self.assertEqual(sim.stats()["events_sent"], 6)
            for stream in streams:
                stream.sock.close()

    def test_drop_and_lose(self):
        a, b = self.sim.create("a", net="none"), self.sim.create("b", net="none")
        with Stream(self.sim) as stream:
            self.sim.event("drop", container=a, action="start")
            self.sim.event("lose", container="b")
            for name in ("b", "a"):
                self.sim.start(name)  # b: connect, start (lost); a: connect, start (dropped)
            self.assertEqual(stream.actions(2), ["net connect", "net connect"])
            self.sim.die("a")
            self.assertEqual(stream.actions(1), ["die"])
        self.assertEqual(self.sim.stats()["events_lost"], 2)
        with Stream(self.sim, "?since=0") as stream:
            events = [stream.event() for _ in range(self.sim.stats()["events_published"] - 1)]
            started = [e["Actor"]["ID"] for e in events if e["Action"] == "start"]
            self.assertEqual(started, [a])  # the dropped one is in the ring, the lost one is not
        self.assertEqual(self.row("b")["state"], "running")
        self.assertNotEqual(a, b)

    def test_dup_swap_and_delay(self):
        with Stream(self.sim) as stream:
            self.sim.event("dup", action="create")
            self.sim.create("a")
            first, second = stream.event(), stream.event()
            self.assertEqual(first, second)
            self.sim.event("swap", action="create")
            self.sim.create("b")
            self.assertEqual(self.sim.stats()["event_faults"], 1)
            self.sim.create("c")
            events = [stream.event(), stream.event()]
            self.assertEqual([e["Actor"]["Attributes"]["name"] for e in events], ["c", "b"])
            self.assertGreater(events[0]["timeNano"], events[1]["timeNano"])
            self.sim.event("delay", ms=600000)
            self.sim.create("d")
            self.sim.create("e")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "e")
            self.sim.event("clear")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "d")
            self.sim.event("delay", ms=1)
            self.sim.create("f")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "f")

    def test_cut_at_every_byte(self):
        with Stream(self.sim) as stream:
            self.sim.create("a")
            length = len(stream.raw_line()) + 1
        for n in (0, 1, length // 2, length - 1, length):
            with Stream(self.sim) as stream:
                self.sim.stream("cut-at", n)
                self.sim.create(f"cut-{n}")
                size = int(stream.until(b"\r\n"), 16)
                self.assertEqual(len(stream.rest()), n)
                self.assertGreaterEqual(size, length)
            self.sim.wait("subscribers", 0, at_most=True)
            self.sim.destroy(f"cut-{n}")

    def test_ends(self):
        with Stream(self.sim) as stream:
            self.sim.stream("end")
            self.assertEqual(stream.rest(), b"0\r\n\r\n")
        with Stream(self.sim) as stream:
            self.sim.stream("cut")
            self.assertEqual(stream.rest(), b"")
        with Stream(self.sim) as stream:
            self.sim.stream("mute")
            self.sim.create("unheard")
            with Stream(self.sim) as other:
                self.sim.create("heard")
                self.assertEqual(other.event()["Actor"]["Attributes"]["name"], "heard")
            self.assertEqual(self.sim.stats()["events_sent"], 1)
            stream.sock.setblocking(False)
            self.assertRaises(BlockingIOError, stream.sock.recv, 1)

    def test_garbage_and_oversize_lines(self):
        with Stream(self.sim) as stream:
            self.sim.stream("line", '{"Type":"container",')
            self.assertEqual(stream.raw_line(), b'{"Type":"container",')
            self.sim.stream("oversize", 3000000)
            self.assertEqual(len(stream.raw_line()), 3000000 - 1)
            self.sim.create("a")
            self.assertEqual(stream.event()["Action"], "create")
        with Stream(self.sim, "?since=0") as stream:
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "a")

    def test_replay_twice_and_ring_lost(self):
        self.sim.create("a")
        self.sim.set("replay_twice", 1)
        with Stream(self.sim, "?since=0") as stream:
            self.assertEqual(stream.event(), stream.event())
        self.sim.stream("forget")
        self.sim.create("b")
        with Stream(self.sim, "?since=0") as stream:
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "b")

    def test_slow_reader_loses_events(self):
        self.sim.set("drop_slow", 1)
        with Stream(self.sim) as stream:
            self.sim.burst(5000, pool=100)
            self.sim.wait("burst_left", 0, at_most=True)
            dropped = self.sim.stats()["events_dropped"]
            self.assertGreater(dropped, 0)
            got = sum(1 for _ in range(5000 - dropped) if stream.event())
            self.assertEqual(got + dropped, 5000)

    def test_emit_changes_nothing(self):
        self.sim.create("a", net="none")
        before = self.sim.state()
        with Stream(self.sim) as stream:
            self.sim.emit("a", "exec_create: sh -c 'x'", execID="1")
            event = stream.event()
        self.assertEqual(event["Action"], "exec_create: sh -c 'x'")
        self.assertEqual(event["Actor"]["Attributes"]["execID"], "1")
        self.assertEqual(self.sim.state(), before)


class Answers(SimCase):
    def setUp(self):
        super().setUp()
        self.sim.fill("c", 300)

    def test_truncated_at_byte(self):
        whole = self.sim.get("/containers/json?all=1")[2]
        for n in (0, 1, 1000, 70000, len(whole) - 1):
            self.sim.fault("list", truncate=n)
            with Raw(self.sim) as raw:
                raw.get("/containers/json?all=1")
                raw.head()
                rest = raw.rest()
            self.assertTrue(raw.ended)
            body = b""
            while rest:
                size, rest = rest.split(b"\r\n", 1)
                body += rest[:int(size, 16)]
                rest = rest[int(size, 16) + 2:]
            self.assertEqual(len(body), n)
            self.assertEqual(body, whole[:n])
        self.assertEqual(len(self.listed()), 300)

    def test_short_answer_truncated(self):
        self.sim.fault("ping", truncate=1)
        with Raw(self.sim) as raw:
            raw.get("/_ping")
            self.assertEqual(raw.head()[1]["content-length"], "2")
            self.assertEqual(raw.rest(), b"O")

    def test_no_last_chunk(self):
        self.sim.fault("list", no_last=True)
        with Raw(self.sim) as raw:
            raw.get("/containers/json?all=1")
            raw.head()
            rest = raw.rest()
            self.assertTrue(rest.endswith(b"]\n\r\n"))

    def test_status_then_well_again(self):
        self.sim.fault("list", status=500, times=2)
        self.sim.fault("list", status=503)
        self.assertEqual([self.sim.get("/containers/json")[0] for _ in range(4)], [500, 500, 503, 200])
        for kind, path in (("inspect", "/containers/c-1/json"), ("networks", "/networks"), ("info", "/info"),
                           ("version", "/version"), ("ping", "/_ping"), ("events", "/events"),
                           ("reread", "/containers/json?filters=%7B%22id%22:%5B%22a%22%5D%7D")):
            self.sim.fault(kind, status=500)
            status, _, body = self.sim.get(path)
            self.assertEqual((kind, status, json.loads(body)["message"]), (kind, 500, "simulated failure"))

    def test_always_until_cleared(self):
        self.sim.fault("list", status=500, always=True)
        self.assertEqual([self.sim.get("/containers/json")[0] for _ in range(5)], [500] * 5)
        self.sim.fault("clear")
        self.assertEqual(self.sim.get("/containers/json")[0], 200)

    def test_hang(self):
        self.sim.fault("list", hang=True)
        with Raw(self.sim) as raw:
            raw.get("/containers/json")
            self.sim.wait("list", 1)
            raw.sock.setblocking(False)
            self.assertRaises(BlockingIOError, raw.sock.recv, 1)
        self.sim.wait("answers_cut", 1)

    def test_held_answer_is_older_than_the_event(self):
        with Stream(self.sim) as stream, Raw(self.sim) as raw:
            self.sim.fault("list", hold=True)
            raw.get("/containers/json?all=1")
            self.sim.wait("held", 1)
            self.sim.start("c-7")
            self.assertEqual(stream.actions(2), ["net connect", "start"])
            self.assertEqual(self.sim.release("list")["released"], 1)
            _, headers = raw.head()
            listed = {c["Names"][0]: c["State"] for c in json.loads(raw.body(headers))}
            self.assertEqual(listed["/c-7"], "created")
        self.assertEqual(self.listed()["c-7"]["State"], "running")

    def test_delayed_answer(self):
        with Raw(self.sim) as raw:
            self.sim.fault("list", delay=50)
            raw.get("/containers/json?all=1")
            self.sim.wait("list", 1)
            self.sim.destroy("c-0")
            _, headers = raw.head()
            self.assertEqual(len(json.loads(raw.body(headers))), 300)

    def test_frozen_list(self):
        self.sim.freeze(lists=2)
        self.sim.start("c-1")
        self.sim.destroy("c-2")
        for _ in range(2):
            listed = self.listed()
            self.assertEqual((len(listed), listed["c-1"]["State"]), (300, "created"))
        self.assertEqual(len(self.listed()), 299)
        self.sim.freeze(lists=100)
        self.sim.destroy("c-3")
        self.sim.thaw()
        self.assertEqual(len(self.listed()), 298)

    def test_stale_by_count(self):
        self.sim.run("a", net="none")
        self.sim.stale("pause", lists=2)
        self.sim.pause("a")
        self.assertEqual([self.listed()["a"]["State"] for _ in range(3)], ["running", "running", "paused"])
        self.sim.unpause("a")
        self.assertEqual(self.listed()["a"]["State"], "running")
        self.sim.stale("connect", lists=1)
        self.sim.connect("a", "bridge")
        self.assertEqual([set(self.listed()["a"]["NetworkSettings"]["Networks"]) for _ in range(2)],
                         [{"none"}, {"none", "bridge"}])
        # Inspect is never behind.
        self.sim.pause("a")
        self.assertEqual(self.sim.get_json("/containers/a/json")["State"]["Status"], "paused")

    def test_stale_by_time(self):
        self.sim.run("a")
        self.sim.stale("die", ms=600000)
        self.sim.die("a")
        self.assertEqual(self.listed()["a"]["State"], "running")
        self.sim.stale("off")
        self.sim.run("b")
        self.sim.die("b")
        self.assertEqual(self.listed()["b"]["State"], "exited")
        self.sim.stale("real")

    def test_dribble(self):
        whole = self.sim.get("/networks")[2]
        self.sim.fault("networks", dribble="100/1")
        with Raw(self.sim) as raw:
            raw.get("/networks")
            _, headers = raw.head()
            self.assertEqual(raw.body(headers), whole)
            self.assertEqual(raw.answer("/_ping")[2], b"OK")

    def test_garbage_element(self):
        self.sim.fault("list", garbage=5)
        listed = self.sim.get_json("/containers/json?all=1")
        self.assertEqual(len(listed), 301)
        self.assertEqual(listed[5], {"Id": 42, "Names": "none", "State": []})
        for at in (0, 5):
            self.sim.fault("list", bad_json=at)
            with self.assertRaises(json.JSONDecodeError):
                json.loads(self.sim.get("/containers/json?all=1")[2])
        self.assertEqual(len(self.listed()), 300)


class Daemon(SimCase):
    def connects(self):
        try:
            self.sim.get("/_ping")
        except OSError as e:
            return type(e)
        return None

    def test_kill_without_live_restore(self):
        self.sim.run("a")
        with Stream(self.sim) as stream:
            published = self.sim.stats()["events_published"]
            self.sim.daemon_kill()
            self.assertEqual(stream.rest(), b"")
        self.assertIs(self.connects(), ConnectionRefusedError)
        self.sim.daemon_start()
        self.assertEqual(self.listed()["a"]["State"], "exited")
        self.assertEqual(self.sim.stats()["events_published"], published)
        with Stream(self.sim, "?since=0") as stream:
            self.sim.create("b")
            self.assertEqual(stream.event()["Actor"]["Attributes"]["name"], "b")  # the ring is lost

    def test_live_restore(self):
        self.sim.run("a")
        self.sim.run("b")
        pid = self.row("a")["pid"]
        self.sim.send("daemon-kill live")
        self.sim.silent("die", "b", exit=9)
        self.sim.daemon_start()
        self.assertEqual((self.row("a")["state"], self.row("a")["pid"]), ("running", pid))
        self.assertEqual(self.listed()["b"]["Status"][:10], "Exited (9)")

    def test_clean_stop(self):
        self.sim.run("a")
        with Stream(self.sim) as stream:
            self.sim.daemon_stop()
            self.assertEqual(stream.actions(4), ["kill", "die", "net disconnect", "stop"])
            self.assertEqual(stream.rest(), b"")
        self.assertIs(self.connects(), FileNotFoundError)
        self.sim.daemon_start()
        self.assertIsNone(self.connects())

    def test_hanging_start(self):
        self.sim.daemon_kill()
        self.sim.send("daemon-start hang")
        with Raw(self.sim) as raw:
            raw.get("/_ping")
            self.sim.wait("connections", 1)
            raw.sock.setblocking(False)
            self.assertRaises(BlockingIOError, raw.sock.recv, 1)
            raw.sock.settimeout(60)
            self.sim.mode("serve")
            self.assertEqual(raw.head()[0], 200)

    def test_cut_all(self):
        with Raw(self.sim) as idle, Stream(self.sim) as stream:
            idle.answer("/_ping")
            self.sim.cut()
            self.assertEqual((idle.rest(), stream.rest()), (b"", b""))
        self.assertIsNone(self.connects())

    def test_restart_empty_and_new_identity(self):
        self.sim.run("a")
        self.sim.daemon_restart()
        self.assertEqual(self.listed()["a"]["State"], "exited")
        old = self.sim.get_json("/info")["ID"]
        self.sim.identity()
        self.sim.empty()
        self.assertEqual(self.listed(), {})
        self.assertNotEqual(self.sim.get_json("/info")["ID"], old)

    def test_edit_is_silent(self):
        self.sim.run("a", health=True)
        published = self.sim.stats()["events_published"]
        self.sim.edit("a", state="dead", exit=5, health="unhealthy", oom=1, restart_count=3)
        row = self.row("a")
        self.assertEqual((row["state"], row["exit_code"], row["health"], row["oom_killed"],
                          row["restart_count"]), ("dead", 5, "unhealthy", True, 3))
        self.assertEqual(self.sim.stats()["events_published"], published)

    def test_slow_read(self):
        self.sim.set("read_delay_ms", 20)
        self.assertEqual(self.sim.get("/_ping")[0], 200)


class Load(SimCase):
    def test_burst_loses_nothing(self):
        with Stream(self.sim) as stream:
            self.sim.burst(8000, pool=500)
            seen, order = {}, ["create", "start", "die", "destroy"]
            for _ in range(8000):
                event = stream.event()
                at = seen.get(event["Actor"]["ID"], 0)
                self.assertEqual(event["Action"], order[at])
                seen[event["Actor"]["ID"]] = at + 1
            self.sim.wait("burst_left", 0, at_most=True)
        self.assertEqual(len(seen), 2000)
        self.assertEqual(self.sim.stats()["containers"], 0)

    def test_flapping_burst(self):
        self.sim.burst(1000, pool=10, flap=True)
        self.sim.wait("burst_left", 0, at_most=True)
        self.assertEqual(self.sim.stats()["containers"], 10)

    def test_rate(self):
        self.sim.burst(50, pool=5, rate=1000)
        self.sim.wait("events_published", 50)
        self.sim.wait("burst_left", 0, at_most=True)
        self.sim.burst(1)  # the next may begin

    def churn(self, seed):
        def plain(row):
            return {k: v for k, v in row.items() if not k.endswith("_at")}
        with Sim(seed=seed) as sim:
            sim.churn(3000, containers=50)
            sim.wait("churn_left", 0, at_most=True)
            with Stream(sim, "?since=0") as stream:
                actions = [action(stream.event()) for _ in range(256)]
            return [plain(c) for c in sim.state()["containers"]], actions

    def test_churn_follows_from_the_seed(self):
        self.assertEqual(self.churn(11), self.churn(11))
        self.assertNotEqual(self.churn(11)[1], self.churn(12)[1])

    def test_endless_churn_stops(self):
        self.sim.churn(0, containers=20, rate=20000)
        self.sim.wait("events_published", 500)
        self.sim.load_stop()
        before = self.sim.stats()["events_published"]
        self.sim.get("/_ping")
        self.assertEqual(self.sim.stats()["events_published"], before)


class Life(unittest.TestCase):
    def test_same_seed_same_ids(self):
        with Sim(seed=21) as a, Sim(seed=21) as b, Sim(seed=22) as c:
            self.assertEqual(a.create("x"), b.create("x"))
            self.assertNotEqual(a.id("x"), c.create("x"))
        with Sim() as sim:
            self.assertEqual(sim.command("seed")["seed"], sim.seed)

    def test_quit_and_signal(self):
        with Sim() as sim:
            with Stream(sim):
                self.assertEqual(sim.quit(), 0)
            self.assertFalse(os.path.exists(sim.socket))
        with Sim() as sim:
            with Stream(sim):
                sim.process.send_signal(signal.SIGTERM)
                self.assertEqual(sim.process.wait(60), 0)
            self.assertFalse(os.path.exists(sim.socket))

    def test_end_of_stdin_is_the_end(self):
        with Sim() as sim:
            sim.process.stdin.close()
            self.assertEqual(sim.process.wait(60), 0)

    def test_control_socket(self):
        with Sim(control=True) as sim, socket.socket(socket.AF_UNIX) as control:
            control.connect(sim.control)
            control.sendall(b"create a\ncreate b%20c\nwait containers 3\nstats\n")
            f = control.makefile()
            self.assertEqual([json.loads(f.readline())["ok"] for _ in range(2)], [True, True])
            sim.create("third")  # what the other's wait is for
            self.assertEqual(json.loads(f.readline())["value"], 3)
            self.assertEqual(json.loads(f.readline())["containers"], 3)
            self.assertEqual({c["name"] for c in sim.state()["containers"]}, {"a", "b c", "third"})
            control.sendall(b"quit\n")
            self.assertEqual(json.loads(f.readline()), {"ok": True})
            self.assertEqual(sim.process.wait(60), 0)

    def test_wait_times_out(self):
        with Sim() as sim, self.assertRaisesRegex(SimError, "timed out"):
            sim.wait("subscribers", 1, timeout=0.01)

    def test_skewed_clock_over_tcp(self):
        with Sim(tcp=True) as sim, Raw(sim, tcp=True) as raw:
            sim.set("skew_ms", -3600000)
            sim.create("a")
            _, headers, _ = raw.answer("/_ping")
            created = json.loads(raw.answer("/containers/json?all=1")[2])[0]["Created"]
            import calendar
            import time
            date = calendar.timegm(time.strptime(headers["date"], "%a, %d %b %Y %H:%M:%S GMT"))
            self.assertAlmostEqual(date, created, delta=60)
            self.assertAlmostEqual(time.time() - date, 3600, delta=60)

    def test_usage(self):
        import subprocess
        for argv in ([], ["--profile", "docker-1"], ["--socket", "/tmp/x", "--tcp", "1"], ["--odd"]):
            done = subprocess.run([find_program()] + argv, capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, argv)
            self.assertIn(b"usage:", done.stderr)


if __name__ == "__main__":
    unittest.main()
