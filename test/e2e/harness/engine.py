"""A private engine, and its API over the unix socket as far as the tests need it.

The starter is scripts/private-engine; this adds an HTTP client that costs nothing to start, one connection a thread.
"""
import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path

from .wait import GUARD, until

STARTER = Path(__file__).resolve().parents[3] / "scripts" / "private-engine"
IMAGE = "rollcall-sample:latest"
# Ends at once on TERM, which the first process of a container does not do by itself.
POLITE = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
# Ends only by KILL.
STUBBORN = ["sleep", "100000"]


class EngineError(Exception):
    """An HTTP status that the caller did not expect."""

    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body[:300]!r}")
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One engine. kind is "docker" or "podman"."""

    def __init__(self, kind):
        self.kind = kind
        self.dir = tempfile.mkdtemp(prefix="rc-e2e.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.socket = os.path.join(self.dir, "docker.sock")
        self.host = "unix://" + self.socket
        self._local = threading.local()
        self._generation = 0
        self._lock = threading.Lock()
        self.created = set()
        option = "--podman" if kind == "podman" else "--bridge"
        atexit.register(self._discard)
        self._run("start", option)
        self.cgroup = Path(self.dir, "cgroup").read_text(encoding="ascii").strip()

    # ---- the daemon itself ----

    def _run(self, verb, *options):
        result = subprocess.run([STARTER, verb, *options, self.dir], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=3 * GUARD, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"private-engine {verb}: {result.stderr[-4000:]}")

    def _discard(self):
        subprocess.run([STARTER, "stop", self.dir], stdin=subprocess.DEVNULL, timeout=3 * GUARD, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def pid(self):
        return int(Path(self.dir, "dockerd.pid").read_text(encoding="ascii"))

    def pid_or_none(self):
        try:
            return self.pid
        except FileNotFoundError:
            return None

    def down(self, kill=False):
        self._run("down", *(["--kill"] if kill else []))
        self._generation += 1

    def up(self, live_restore=False):
        self._run("up", *(["--live-restore"] if live_restore else []))

    def freeze(self):
        """Stops it in its tracks: connections are accepted, by the kernel, and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    # ---- HTTP ----

    def _connection(self):
        held = getattr(self._local, "held", None)
        if held is None or held[0] != self._generation:
            held = (self._generation, _UnixConnection(self.socket, 3 * GUARD))
            self._local.held = held
        return held[1]

    def raw(self, method, path, body=None, version="/v1.41"):
        """(status, bytes), whatever the status."""
        headers = {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = self._connection()
        for last in (False, True):
            try:
                connection.request(method, version + path, data, headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.BadStatusLine, ConnectionError, BrokenPipeError):
                # A kept connection may have been closed meanwhile; a new one may not.
                connection.close()
                if last:
                    raise
        raise AssertionError("not reached")

    def call(self, method, path, body=None, expect=(200, 201, 204), version="/v1.41"):
        """The decoded answer (None where it is empty) of a call that answers one of expect."""
        status, data = self.raw(method, path, body, version)
        if status not in expect:
            raise EngineError(method, path, status, data)
        return json.loads(data) if data.strip() else None

    # ---- containers ----

    def spec(self, cmd, labels, host, rest):
        host = {"NetworkMode": "none", **(host or {})}
        if self.kind == "podman":
            host["CgroupParent"] = self.cgroup
        return {"Image": IMAGE, "Cmd": cmd, "Labels": labels or {}, "HostConfig": host, **rest}

    def create(self, cmd=None, name=None, labels=None, host=None, expect=(201,), **rest):
        """Creates a container and returns its id (None where the creation was expected to fail)."""
        query = "?" + urllib.parse.urlencode({"name": name}) if name else ""
        answer = self.call("POST", "/containers/create" + query, self.spec(cmd or POLITE, labels, host, rest), expect)
        if "Id" not in answer:
            return None
        with self._lock:
            self.created.add(answer["Id"])
        return answer["Id"]

    def run(self, cmd=None, **options):
        container = self.create(cmd, **options)
        self.start(container)
        return container

    def start(self, container, expect=(204,)):
        self.call("POST", f"/containers/{container}/start", expect=expect)

    def stop(self, container, t=30, expect=(204,)):
        self.call("POST", f"/containers/{container}/stop?t={t}", expect=expect)

    def restart(self, container, t=30):
        self.call("POST", f"/containers/{container}/restart?t={t}")

    def kill(self, container, sig="KILL"):
        self.call("POST", f"/containers/{container}/kill?signal={sig}")

    def pause(self, container):
        self.call("POST", f"/containers/{container}/pause")

    def unpause(self, container):
        self.call("POST", f"/containers/{container}/unpause")

    def rename(self, container, name):
        self.call("POST", f"/containers/{container}/rename?name={name}")

    def update(self, container, **changes):
        self.call("POST", f"/containers/{container}/update", changes)

    def remove(self, container, force=True, expect=(200, 204)):
        self.call("DELETE", f"/containers/{container}?v=1&force={int(force)}", expect=expect)

    def wait(self, container, condition="not-running"):
        """Blocks until the engine says so; returns the exit code."""
        return self.call("POST", f"/containers/{container}/wait?condition={condition}")["StatusCode"]

    def execute(self, container, cmd):
        """Runs a command in the container to its end."""
        made = self.call("POST", f"/containers/{container}/exec", {"Cmd": cmd})
        self.raw("POST", f"/exec/{made['Id']}/start", {"Detach": True})
        until(lambda: not self.call("GET", f"/exec/{made['Id']}/json")["Running"], f"exec of {cmd} ends")

    def list(self):
        """Everything that the engine lists, with its inspect: (list element, inspect) pairs, and a text for each that
        it lists but cannot inspect. One that is not found is gone, whatever the list says: Docker 20.10 can go on
        listing for ever what was removed while something else of it was written."""
        pairs, odd = [], []
        for row in self.call("GET", "/containers/json?all=1"):
            status, data = self.raw("GET", f"/containers/{row['Id']}/json")
            if status == 200:
                pairs.append((row, json.loads(data)))
            elif status != 404:
                odd.append(f"{row['Id'][:12]}: the engine lists {row['Names']} as {row['State']}, {row['Status']}, "
                           f"and says {status} {data[:200]!r} when it is inspected")
        return pairs, odd

    def clear(self):
        """Removes all containers, networks of ours and volumes."""
        for row in self.call("GET", "/containers/json?all=1"):
            status, data = self.raw("DELETE", f"/containers/{row['Id']}?v=1&force=1")
            if status not in (200, 204, 404, 409):
                raise EngineError("DELETE", row["Id"], status, data)
            if status == 409:
                # Somebody else's removal is under way.
                until(lambda i=row["Id"]: self.raw("GET", f"/containers/{i}/json")[0] == 404, "a removal ends")
        if self.kind == "docker":
            self.call("POST", "/networks/prune")
        self.call("POST", "/volumes/prune")


_engines = {}


def shared(kind):
    """The suite's one engine of that kind."""
    if kind not in _engines:
        _engines[kind] = Engine(kind)
    return _engines[kind]
