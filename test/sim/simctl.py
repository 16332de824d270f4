"""Starts the simulated engine in a scratch folder and speaks to it.

    with Sim(profile="docker-28") as sim:
        web = sim.run("web", image="nginx:1", label={"a": "b"}, port=["127.0.0.1/8080:80"])
        sim.wait("subscribers", 1)
        sim.event("drop", container=web)
        sim.die("web", exit=3)
        assert sim.state()["containers"][0]["exit_code"] == 3

Every command of README.md is a method (dashes are underscores): positional arguments are words, keyword
arguments key=value; a list gives a key several times, a dict key=K=V for each pair, True is key=1. All
are percent-encoded. A refused command raises SimError. Standard library only.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.parse

DEFAULT_TIMEOUT = 60.0


class SimError(Exception):
    """The engine refused a command, or a wait ended without its condition."""


def find_program():
    """The program, from ROLLCALL_SIM or the build folders beside this file."""
    given = os.environ.get("ROLLCALL_SIM")
    if given:
        return given
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build")
    for preset in ("asan", "release", "debug", "clang", "tsan"):
        path = os.path.join(root, preset, "test", "sim", "rollcall-sim")
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise SimError("rollcall-sim is not built, and ROLLCALL_SIM does not name it")


def _quote(value):
    if value is True:
        return "1"
    if isinstance(value, bytes):
        return urllib.parse.quote_from_bytes(value, safe="/:,.@")
    return urllib.parse.quote(str(value), safe="/:,.@")


def encode_command(name, words, options):
    """One line of the control protocol, without its end."""
    parts = [name] + [_quote(w) for w in words]
    for key, value in options.items():
        if value is None or value is False:
            continue
        if isinstance(value, dict):
            parts += [f"{key}={_quote(k)}={_quote(v)}" for k, v in value.items()]
        elif isinstance(value, (list, tuple)):
            parts += [f"{key}={_quote(v)}" for v in value]
        else:
            parts.append(f"{key}={_quote(value)}")
    return " ".join(parts)


class UnixHTTPConnection(http.client.HTTPConnection):
    """http.client over a unix socket."""

    def __init__(self, path, timeout=DEFAULT_TIMEOUT):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Sim:
    """One simulated engine. Ends with the with-block, or with this process, whatever happens."""

    def __init__(self, profile="docker-20.10", seed=None, tcp=False, control=False, program=None,
                 timeout=DEFAULT_TIMEOUT):
        self.timeout = timeout
        self.folder = tempfile.mkdtemp(prefix="rcsim-")
        self.socket = os.path.join(self.folder, "docker.sock")
        self.control = os.path.join(self.folder, "control.sock") if control else None
        argv = [program or find_program(), "--profile", profile, "--socket", self.socket, "--stdio"]
        if seed is not None:
            argv += ["--seed", str(seed)]
        if tcp:
            argv += ["--tcp", "127.0.0.1:0"]
        if control:
            argv += ["--control", self.control]
        self._lock = threading.Lock()
        self.process = None
        try:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            hello = self._read_line()
            self.seed = hello["seed"]
            self.tcp_port = hello["tcp_port"]
        except BaseException:
            self.close()
            raise

    @property
    def docker_host(self):
        """For DOCKER_HOST."""
        return "unix://" + self.socket

    @property
    def pid(self):
        return self.process.pid

    def _read_line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SimError(f"the simulated engine ended with {self.process.wait()}")
        return json.loads(line)

    def send(self, line):
        """One raw line; its answer, whatever it says."""
        with self._lock:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            return self._read_line()

    def command(self, name, *words, **options):
        answer = self.send(encode_command(name, words, options))
        if "error" in answer:
            raise SimError(f"{name}: {answer['error']}")
        return answer

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*words, **options):
            return self.command(name.replace("_", "-"), *words, **options)

        return call

    # Answers worth more than their object.

    def create(self, name, **options):
        """The new container's ID; likewise run."""
        return self.command("create", name, **options)["id"]

    def run(self, name, **options):
        return self.command("run", name, **options)["id"]

    def network_create(self, name):
        return self.command("network-create", name)["id"]

    def id(self, ref):
        return self.command("id", ref)["id"]

    def state(self):
        """The model: what an index must equal at rest."""
        return self.command("state")["state"]

    def silent(self, name, *words, **options):
        """The command, and nobody is told."""
        return self.command("silent " + name.replace("_", "-"), *words, **options)

    def wait(self, what, n, at_most=False, timeout=30.0):
        """Until a count of `stats` (or a kind of request) is at least n, or at most. Its value."""
        words = [what, n] + (["max"] if at_most else [])
        return self.command("wait", *words, timeout=int(timeout * 1000))["value"]

    # The engine's own side.

    def connect(self, *words, **options):
        """The command `connect CONTAINER NETWORK`."""
        return self.command("connect", *words, **options)

    def http(self, timeout=None):
        """A new connection to the engine."""
        return UnixHTTPConnection(self.socket, timeout or self.timeout)

    def get(self, path):
        """(status, headers, body) over a connection of its own."""
        conn = self.http()
        try:
            conn.request("GET", path)
            response = conn.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            conn.close()

    def get_json(self, path):
        status, _, body = self.get(path)
        if status != 200:
            raise SimError(f"{path}: {status} {body[:200]!r}")
        return json.loads(body)

    # The end.

    def quit(self):
        """Ends the engine and gives its exit code."""
        if self.process.poll() is None:
            self.send("quit")
        return self.process.wait(self.timeout)

    def close(self):
        if self.process:
            try:
                self.process.stdin.close()
            except OSError:
                pass
            try:
                self.process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
