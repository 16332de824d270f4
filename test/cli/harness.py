"""An index of one's own, its author, and the real rollcall to look at it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

ROLLCALL = os.environ["ROLLCALL"]
AUTHOR = os.environ["INDEX_AUTHOR"]
GUARD = 60  # seconds: only against hanging


def ident(n):
    """A container's ID that begins with n's digits."""
    return (f"{n:x}" if isinstance(n, int) else n).ljust(64, "0")


class Author:
    def __init__(self, path, history=1000):
        self.process = subprocess.Popen([AUTHOR, path, str(history)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self("beat", -3600)  # alive for as long as a test may take
        self("resync", 0)

    def __call__(self, *words):
        """Gives a command; its answer is (epoch, revision)."""
        line = b" ".join(w if isinstance(w, bytes) else str(w).encode() for w in words)
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().split()
        assert answer and answer[0] == "ok", answer
        return answer[1], int(answer[2])

    def put(self, commit=True, label=(), port=(), net=(), **fields):
        words = ["put"]
        for key, value in fields.items():
            words.append(f"{key}={quote(value)}")
        words += [f"label={quote(k)}={quote(v)}" for k, v in dict(label).items()]
        words += ["port=" + "|".join(map(str, p)) for p in port]
        words += ["net=" + "|".join(n) for n in net]
        self(*words)
        return self("commit") if commit else None

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(GUARD)
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait(GUARD)
        self.process.stdin.close()


def quote(value):
    return urllib.parse.quote(value if isinstance(value, bytes) else str(value), safe=":/")


class Case(unittest.TestCase):
    history = 1000

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="rc_cli_")
        self.addCleanup(shutil.rmtree, self.top)
        self.path = os.path.join(self.top, "index")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("ROLLCALL")}
        self.env["ROLLCALL_INDEX"] = self.path
        self.author = Author(self.path, self.history)
        self.addCleanup(lambda: self.author.close())
        self.author("mirror", "live")
        self.author("commit")

    def run_it(self, *args, **kwargs):
        return subprocess.run([ROLLCALL, *args], env=self.env, timeout=GUARD,
                              stdin=subprocess.DEVNULL, capture_output=True, **kwargs)

    def expect(self, code, *args):
        """Runs it, checks the exit code, gives stdout and stderr as text."""
        done = self.run_it(*args)
        self.assertEqual(done.returncode, code, (args, done.stdout[-2000:], done.stderr[-2000:]))
        out, err = done.stdout.decode(), done.stderr.decode()
        for line in err.splitlines():
            self.assertTrue(line.startswith("rollcall: "), line)
        return out, err

    def out(self, *args):
        """Of one that succeeds without a word."""
        out, err = self.expect(0, *args)
        self.assertEqual(err, "")
        return out

    def names(self, *args):
        return [json.loads(line)["name"] for line in self.out("ps", "--json", *args).splitlines()]

    def start(self, *args):
        """Starts one that follows the index."""
        process = subprocess.Popen([ROLLCALL, *args], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def finish(self, process, code):
        out, err = process.communicate(timeout=GUARD)
        self.assertEqual(process.returncode, code, (out, err))
        return out.decode(), err.decode()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    unittest.main()
