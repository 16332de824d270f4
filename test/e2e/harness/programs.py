"""The programs under test: rollcalld, rollcall, and rollcall's watch as what all waiting is driven by."""
import atexit
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .wait import GUARD, Hung, until

# Set by run.py.
ROLLCALLD = None
ROLLCALL = None

SANITIZER_WORDS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")


def environment():
    """Ours, without what would lead the programs to another engine or index."""
    led = ("DOCKER_", "ROLLCALL_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "NO_COLOR")
    return {key: value for key, value in os.environ.items() if not key.startswith(led)}


@functools.cache
def _has_state():
    """Has this rollcalld a state environment? Then it must not be the machine's."""
    return "--state" in subprocess.run([ROLLCALLD, "--help"], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                                       timeout=GUARD, env=environment(), check=False).stdout


class Result:
    """What a run of rollcall gave."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def lines(self):
        # Not splitlines: labels may hold what Unicode calls a line separator.
        return [json.loads(line) for line in self.out.split("\n") if line]


class Daemon:
    """rollcalld on an index of its own. It may be killed and started again over the same index."""

    def __init__(self, host, settings=None):
        self.home = tempfile.mkdtemp(prefix="rc-e2e.", dir="/dev/shm")
        self.index = os.path.join(self.home, "index")
        self.socket = os.path.join(self.home, "api.sock")
        self.log = os.path.join(self.home, "log")
        self.host = host
        self.settings = {"mirror.resync_interval": "5s", "log.level": "debug", **(settings or {})}
        self.extra_environment = {}
        self.process = None
        # Containers that the mirror has shown: what the engine no longer has of them must be missing.
        self.mirrored = set()
        # For a run that is interrupted.
        atexit.register(self.discard)

    def argv(self):
        argv = [ROLLCALLD, "-H", self.host, "--index", self.index, "--socket", self.socket]
        if _has_state():
            argv += ["--state", os.path.join(self.home, "state")]
        for key, value in self.settings.items():
            argv += ["--set", f"{key}={value}"]
        return argv

    def start(self, live=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.home, env={**environment(), **self.extra_environment})
        if live:
            self.until_status(lambda s: s["writer"] == "live" and s["synced"], "the mirror is live")
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code."""
        try:
            return self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            raise Hung(f"rollcalld does not end: {self.tail()}") from None

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()

    def terminate(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def discard(self):
        """Ends it however it stands, and removes what it wrote."""
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)
        atexit.unregister(self.discard)

    def tail(self, lines=40):
        try:
            return "\n".join(Path(self.log).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError as e:
            return str(e)

    def complaints(self):
        """What a sanitizer had to say."""
        text = Path(self.log).read_text(encoding="utf-8", errors="replace")
        return [line for line in text.splitlines() if any(word in line for word in SANITIZER_WORDS)]

    # ---- rollcall on its index ----

    def rollcall(self, *args, expect=0):
        done = subprocess.run([ROLLCALL, "--index", self.index, *args], stdin=subprocess.DEVNULL,
                              capture_output=True, encoding="utf-8", timeout=GUARD, check=False,
                              env={**environment(), "ROLLCALL_SOCKET": self.socket})
        result = Result(done)
        complaints = [line for line in result.err.splitlines() if any(word in line for word in SANITIZER_WORDS)]
        if complaints or (expect is not None and result.code != expect):
            raise AssertionError(f"rollcall {' '.join(args)}: exit {result.code}, expected {expect}; "
                                 f"stderr: {result.err[-3000:]}")
        return result

    def rows(self):
        return {row["id"]: row for row in self.rollcall("ps", "-a", "--json").lines()}

    def status(self):
        """None while there is no daemon or no index to ask."""
        result = self.rollcall("status", "--json", expect=None)
        return json.loads(result.out) if result.code == 0 else None

    def until_status(self, good, what):
        def look():
            if self.process.poll() is not None:
                raise AssertionError(f"rollcalld ended with {self.process.returncode}: {self.tail()}")
            status = self.status()
            return status if status and good(status) else None
        return until(look, lambda: f"{what}; status: {self.status()}; log: {self.tail()}")

    def resync(self):
        """Asks for a full list and waits until one that began afterwards is committed."""
        before = self.status()["resyncs"]
        self.rollcall("resync")
        return self.until_status(lambda s: s["resyncs"] > before, "a resync is done")


class Watch:
    """`rollcall watch --json`, followed by a thread. Goes on from where it was if the program ended."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._changed = threading.Condition()
        self._process = None
        self.lines = []
        self.wrong = []
        self.epoch = None
        self.rev = None
        atexit.register(self.close)
        self._follow()
        self.wait(lambda: self.rev is not None, "the watch begins")

    def _follow(self):
        since = ["--since", f"{self.epoch}:{self.rev}"] if self.rev is not None else []
        argv = [ROLLCALL, "--index", self._daemon.index, "watch", "--json", *since]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, encoding="utf-8", env=environment())
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process):
        with process.stdout:
            for text in process.stdout:
                with self._changed:
                    self._take(text)
                    self._changed.notify_all()
        process.wait()
        with self._changed:
            self._changed.notify_all()

    def _take(self, text):
        try:
            line = json.loads(text)
        except ValueError:
            self.wrong.append(f"torn line: {text!r}")
            return
        if "epoch" in line and "error" not in line:
            if self.epoch not in (None, line["epoch"]):
                self.wrong.append(f"the epoch was {self.epoch} and is {line['epoch']}")
            if self.rev not in (None, line["rev"]):
                self.wrong.append(f"asked to go on from {self.rev}, it goes on from {line['rev']}")
            self.epoch = line["epoch"]
            self.rev = line["rev"]
        elif "changes" in line:
            if line["rev"] != self.rev + 1:
                self.wrong.append(f"revision {line['rev']} follows {self.rev}")
            self.rev = line["rev"]
        elif "error" in line:
            self.wrong.append(f"the feed ended: {text!r}")
        self.lines.append(line)

    def wait(self, good, what, guard=GUARD):
        """Waits until good(), which is asked again with every line, at once and each second."""
        deadline = time.monotonic() + guard
        with self._changed:
            while not good():
                if time.monotonic() > deadline:
                    raise Hung(f"not within {guard:.0f} s: {what() if callable(what) else what}")
                if self._process.poll() is not None and self._daemon.process.poll() is None:
                    self._follow()
                self._changed.wait(0.05 if self._process.poll() is not None else 1.0)

    def another_line(self, seen, most):
        """Waits for a line beyond the first `seen`, `most` seconds at most."""
        with self._changed:
            if self._process.poll() is not None and self._daemon.process.poll() is None:
                self._follow()
            if len(self.lines) <= seen:
                self._changed.wait(most)
            return len(self.lines)

    def steps(self, container, since=0):
        """The container's changes in order: (op, cause, action, row or None)."""
        with self._changed:
            lines = self.lines[since:]
        for line in lines:
            for change in line.get("changes", ()):
                row = change.get("container")
                if (row["id"] if row else change.get("id")) == container:
                    yield change["op"], change["cause"], change.get("action", ""), row

    def close(self):
        atexit.unregister(self.close)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GUARD)
            except subprocess.TimeoutExpired:
                self._process.kill()
