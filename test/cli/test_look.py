"""What rollcall says of an index as it stands: ps, inspect, port, status, healthcheck, resync, usage."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

from harness import GUARD, ROLLCALL, Case, ident, main

ESCAPE = "\x1b[31mred\x1b]0;owned\x07"
OVERRIDE = "\u202egnp.exe"


class Ps(Case):
    def test_empty(self):
        out = self.out("ps")
        self.assertEqual(out.split(), "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES".split())
        self.assertEqual(len(out.splitlines()), 1)
        self.assertEqual(self.out("ps", "-q"), "")
        self.assertEqual(self.out("ps", "--json"), "")

    def test_table(self):
        now = int(time.time())
        self.author.put(id=ident(1), name="web-1", image="docker.io/library/nginx:1.27",
                        command="nginx -g 'daemon off;' --more", created=now - 7300,
                        started=now - 7300, health="healthy",
                        port=[("0.0.0.0", 80, 8081, "tcp"), ("", 443, 0, "tcp")])
        self.author.put(id=ident(2), name="job", image="busybox", command="true", state="exited",
                        exit=3, created=now - 100, started=now - 99, finished=now - 7300)
        header, web = self.out("ps").splitlines()
        self.assertEqual(web[header.index("CONTAINER ID"):].split()[0], ident(1)[:12])
        self.assertTrue(web[header.index("IMAGE"):].startswith("nginx:1.27   "))
        self.assertTrue(web[header.index("COMMAND"):].startswith("\"nginx -g 'daemon of…\"   "))
        self.assertTrue(web[header.index("CREATED"):].startswith("2 hours ago   "))
        self.assertTrue(web[header.index("STATUS"):].startswith("Up 2 hours (healthy)   "))
        self.assertTrue(web[header.index("PORTS"):].startswith("0.0.0.0:8081->80/tcp, 443/tcp   ")
                        or "443/tcp, 0.0.0.0:8081->80/tcp   " in web)
        self.assertEqual(web[header.index("NAMES"):], "web-1")
        whole = self.out("ps", "-a", "--no-trunc")
        self.assertIn(ident(1), whole)
        self.assertIn("\"nginx -g 'daemon off;' --more\"", whole)
        self.assertIn("Exited (3) 2 hours ago", whole)

    def test_order(self):
        for n, created in ((5, 100), (1, 300), (2, 300), (9, 200)):
            self.author.put(id=ident(n), name=f"c{n}", created=created)
        self.assertEqual(self.names(), ["c1", "c2", "c9", "c5"])
        self.assertEqual(self.out("ps", "-q").split(),
                         [ident(n)[:12] for n in (1, 2, 9, 5)])
        self.assertEqual(self.out("ps", "-q", "--no-trunc").split()[0], ident(1))

    def test_filters(self):
        self.author.put(id=ident("aa"), name="web-1", image="nginx", managed="1", workload="w1",
                        kind="project", role="prod", label={"app": "web", "tier": "front"},
                        port=[("0.0.0.0", 80, 8081, "tcp")], net=[("front", "f00d")])
        self.author.put(id=ident("ab"), name="db", image="postgres:16", state="paused",
                        label={"app": "db"})
        self.author.put(id=ident("ac"), name="old", state="exited", exit=137)
        self.author.put(id=ident("ad"), name="gone", state="missing", missing="destroyed", exit=0)
        for args, names in (
                ([], "web-1 db"),
                (["-a"], "web-1 db old gone"),
                (["-f", "name=^web"], "web-1"),
                (["-f", "id=ab"], "db"),
                (["-f", "label=app=web", "-f", "label=tier"], "web-1"),
                (["-f", "label=app=web", "-f", "label=app=db"], ""),
                (["-f", "status=exited"], "old"),
                (["-f", "exited=137"], "old"),
                (["-f", "status=missing"], "gone"),
                (["-f", "ancestor=postgres:16"], "db"),
                (["-f", "ancestor=nginx:latest"], "web-1"),
                (["-f", "network=front"], "web-1"),
                (["-f", "publish=8000-8100"], "web-1"),
                (["-f", "workload=w1", "-f", "role=prod"], "web-1"),
                (["-f", "kind=site"], ""),
                (["-f", "health=none"], "web-1 db"),
                (["--managed"], "web-1")):
            with self.subTest(args=args):
                self.assertEqual(sorted(self.names(*args)), sorted(names.split()))

    def test_json(self):
        self.author.put(id=ident(1), name="web", image="nginx", label={"a": "b"})
        line, = self.out("ps", "--json").splitlines()
        row = json.loads(line)
        self.assertEqual((row["id"], row["name"], row["state"], row["labels"], row["workload"]),
                         (ident(1), "web", "running", {"a": "b"}, None))
        self.assertEqual(row["rev"], int(self.author("commit")[1]))

    def test_hostile_text(self):
        self.author.put(id=ident(1), name=ESCAPE, image=OVERRIDE, command="a\nb\r\x9b2J",
                        engine_state="x\x1b[2J", state="unknown")
        self.author.put(id=ident(2), name="世界" * 8, image="nginx")
        self.author.put(id=ident(3), name=b"\xff\xfe\x80", image="nginx")
        out = self.out("ps", "-a", "--no-trunc")
        self.assertEqual(len(out.splitlines()), 4)
        for bad in ("\x1b", "\x07", "\r", "\x9b", "\u202e"):
            self.assertNotIn(bad, out)
        self.assertIn("\\x1b[31mred", out)
        self.assertIn("\\u{202e}gnp.exe", out)
        self.assertIn("\\xff\\xfe\\x80", out)
        inspected = self.out("inspect", ident(1), ident(3))
        for bad in ("\x1b", "\x9b", "\u202e"):
            self.assertNotIn(bad, inspected)
        rows = json.loads(inspected)
        self.assertEqual((rows[0]["name"], rows[0]["image"]), (ESCAPE, OVERRIDE))

    def test_large_labels(self):
        value = "x" * (3 << 20)
        self.author.put(id=ident(1), name="big", label={"big": value})
        self.assertEqual(json.loads(self.out("ps", "--json"))["labels"]["big"], value)
        self.assertEqual(json.loads(self.out("inspect", "big"))[0]["labels"]["big"], value)
        self.assertEqual(self.names("-f", "label=big"), ["big"])

    def test_many(self):
        for n in range(3000):
            self.author.put(commit=False, id=ident(f"{n:08x}"), name=f"c{n}", created=n + 1)
        self.author("commit")
        self.assertEqual(self.names(), [f"c{n}" for n in reversed(range(3000))])

    def test_bad_filters(self):
        for bad in ("volume=x", "name", "status=up", "publish=x", "name=["):
            out, err = self.expect(2, "ps", "-f", bad)
            self.assertEqual(out, "")
            self.assertIn("filter", err)


class Inspect(Case):
    def setUp(self):
        super().setUp()
        self.author.put(id=ident("aa1"), name="web", label={})
        self.author.put(id=ident("aa2"), name="db", label={"k": "v"})

    def test_found(self):
        out = self.out("inspect", "web")
        self.assertTrue(out.startswith("[\n    {\n        \"id\": \"aa1"))
        self.assertIn("\n        \"labels\": {},\n", out)
        self.assertTrue(out.endswith("\n    }\n]\n"))
        for key in ("/web", "aa1", ident("aa1")):
            self.assertEqual(self.out("inspect", key), out)
        self.assertEqual([r["name"] for r in json.loads(self.out("inspect", "db", "web"))],
                         ["db", "web"])

    def test_not_found(self):
        out, err = self.expect(3, "inspect", "nope")
        self.assertEqual(out, "[]\n")
        self.assertIn("no such container: nope", err)
        out, err = self.expect(3, "inspect", "nope", "web", "no\x1b[2J")
        self.assertEqual([r["name"] for r in json.loads(out)], ["web"])
        self.assertEqual(len(err.splitlines()), 2)
        self.assertNotIn("\x1b", err)

    def test_ambiguous(self):
        out, err = self.expect(1, "inspect", "aa", "nope")
        self.assertEqual(out, "[]\n")
        for word in ("aa", ident("aa1")[:12], ident("aa2")[:12], "(web)", "(db)"):
            self.assertIn(word, err)


class Port(Case):
    def setUp(self):
        super().setUp()
        self.author.put(id=ident(1), name="web", port=[
            ("0.0.0.0", 80, 8081, "tcp"), ("::", 80, 8081, "tcp"), ("", 443, 0, "tcp"),
            ("127.0.0.1", 53, 5353, "udp")])

    def test_ports(self):
        self.assertEqual(self.out("port", "web"), "53/udp -> 127.0.0.1:5353\n"
                         "80/tcp -> 0.0.0.0:8081\n80/tcp -> [::]:8081\n")
        for args in (("web", "80"), ("web", "80/tcp"), (ident(1)[:5], "80")):
            self.assertEqual(self.out("port", *args), "0.0.0.0:8081\n[::]:8081\n")
        self.assertEqual(self.out("port", "web", "53/udp"), "127.0.0.1:5353\n")

    def test_not_published(self):
        for args in (("web", "443"), ("web", "53"), ("web", "1/udp"), ("nope",), ("nope", "80")):
            out, err = self.expect(3, "port", *args)
            self.assertEqual(out, "")
            self.assertNotEqual(err, "")

    def test_of_one_that_stopped(self):
        self.author.put(id=ident(1), name="web", state="exited", exit=0,
                        port=[("0.0.0.0", 80, 8081, "tcp")])
        self.expect(3, "port", "web", "80")
        self.assertEqual(self.out("port", "web"), "")

    def test_usage(self):
        for args in ((), ("web", "x"), ("web", "0"), ("web", "65536"), ("web", "80/"),
                     ("web", "80", "81")):
            self.expect(2, "port", *args)


class Daemon(Case):
    """The daemon is there, gone, hung; the engine is away."""

    def expect_dead(self, word):
        for args in (("ps",), ("inspect", "web"), ("port", "web"), ("status",), ("watch",),
                     ("wait", "web", "--for", "gone")):
            out, err = self.expect(4, *args)
            self.assertEqual(out, "")
            self.assertIn(word, err)
            self.assertIn(self.path, err)
        self.expect(4, "healthcheck")
        self.expect(4, "--stale-ok", "healthcheck")
        out, err = self.expect(0, "ps", "--stale-ok", "-q")
        self.assertEqual(out, ident(1)[:12] + "\n")
        self.assertIn(word, err)

    def test_gone(self):
        self.author.put(id=ident(1), name="web")
        self.author.close()
        self.expect_dead("gone")

    def test_killed(self):
        self.author.put(id=ident(1), name="web")
        self.author.kill()
        self.expect_dead("gone")

    def test_hung(self):
        self.author.put(id=ident(1), name="web")
        self.author("beat", 11)
        self.expect_dead("hangs")
        self.author("beat", 0)
        self.out("ps")

    def test_no_index(self):
        for path in (os.path.join(self.top, "nope"), self.top):
            out, err = self.expect(4, "--index", path, "ps")
            self.assertEqual(out, "")
            self.assertIn(path, err)
            self.expect(4, "--index", path, "--stale-ok", "ps")
            self.expect(4, "--index", path, "healthcheck")

    def test_engine_away(self):
        self.author.put(id=ident(1), name="web")
        self.author("mirror", "disconnected", 1700000000)
        self.author("commit")
        out, err = self.expect(0, "ps", "-q")
        self.assertEqual(out, ident(1)[:12] + "\n")
        self.assertEqual(err, "rollcall: the engine is away since 2023-11-14T22:13:20Z: "
                         "the rows show what was last known\n")

    def test_healthcheck(self):
        self.assertEqual(self.out("healthcheck"), "")
        self.author("resync", 3600)
        out, err = self.expect(1, "healthcheck")
        self.assertEqual(out, "")
        self.assertIn("not ready", err)

    def test_status(self):
        epoch, rev = self.author.put(id=ident(1), name="web")
        text = self.out("status")
        for word in ("live", "20.10.24", "\\x1b[2J", f"{epoch}:{rev}", self.path):
            self.assertIn(word, text)
        self.assertNotIn("\x1b", text)
        status = json.loads(self.out("status", "--json"))
        self.assertEqual((status["epoch"], status["rev"], status["mirror"], status["synced"]),
                         (epoch, rev, "live", True))
        self.assertEqual(status["index"]["path"], self.path)


class Resync(Case):
    def serve(self, path, answer):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        self.addCleanup(listener.close)
        self.request = b""

        def run():
            peer, _ = listener.accept()
            while b"\r\n\r\n" not in self.request:
                self.request += peer.recv(4096)
            peer.sendall(answer)
            peer.close()
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def test_taken_on(self):
        path = os.path.join(self.path, "api.sock")
        thread = self.serve(path, b"HTTP/1.1 202 Accepted\r\n\r\n")
        self.assertEqual(self.out("resync"), "")
        thread.join(GUARD)
        self.assertTrue(self.request.startswith(b"POST /v1/resync HTTP/1.1\r\n"))

    def test_refused(self):
        path = os.path.join(self.top, "s")
        for args, answer, word in (
                (("--socket", path), b"HTTP/1.1 403 Forbidden\r\n\r\n"
                 b"{\"error\":\"forbidden\",\"message\":\"not \x1b[2Jallowed\"}", "allowed"),
                (("--socket", path), b"HTTP/1.1 503 Busy\r\n\r\n", "503"),
                (("--socket", path), b"bye\r\n", "HTTP")):
            thread = self.serve(path, answer)
            out, err = self.expect(1, *args, "resync")
            thread.join(GUARD)
            os.unlink(path)
            self.assertEqual(out, "")
            self.assertIn(word, err)
            self.assertNotIn("\x1b", err)

    def test_nobody_there(self):
        for path in (os.path.join(self.top, "none"), self.path):
            self.env["ROLLCALL_SOCKET"] = path
            out, err = self.expect(4, "resync")
            self.assertIn(path, err)
        self.expect(1, "--socket", "/tmp/" + "x" * 200, "resync")


class Usage(Case):
    def test_usage(self):
        for args in ((), ("nope",), ("ps", "--nope"), ("ps", "x"), ("inspect",), ("-x",),
                     ("watch", "--since", "1"), ("watch", "--since", "00:1"), ("wait", "x"),
                     ("wait", "--for", "running"), ("wait", "x", "--for", "nope"),
                     ("wait", "x", "--for", "running", "--timeout", "5"), ("help", "nope"),
                     ("create",), ("top",), ("ps", "--format", "x"), ("--index",)):
            with self.subTest(args=args):
                out, err = self.expect(2, *args)
                self.assertEqual(out, "")
                self.assertNotEqual(err, "")

    def test_help(self):
        self.env["ROLLCALL_INDEX"] = "/nonexistent"  # help reads none
        overview = self.out("help")
        self.assertEqual(self.out("--help"), overview)
        for verb in ("ps", "inspect", "watch", "wait", "port", "status", "resync", "healthcheck",
                     "version", "help"):
            self.assertIn(f"\n  {verb} ", overview)
            text = self.out("help", verb)
            self.assertTrue(text.startswith(f"usage: rollcall {verb}"))
            self.assertEqual(self.out(verb, "--help"), text)
            self.assertEqual(self.out("--help", verb), text)

    def test_version(self):
        self.env["ROLLCALL_INDEX"] = "/nonexistent"
        self.assertRegex(self.out("version"), r"^rollcall \d+\.\d+\.\d+\n$")
        self.assertEqual(self.out("--version"), self.out("version"))


class Pipes(Case):
    def setUp(self):
        super().setUp()
        self.author.put(id=ident(1), name="web", label={"big": "x" * (1 << 20)})

    def test_closed_pipe(self):
        """As cat would end: by SIGPIPE, or with a failure where that is ignored; without a word."""
        for ignore, code in ((False, -signal.SIGPIPE), (True, 1)):
            for args in (("ps", "--json"), ("inspect", "web"), ("help",)):
                reader, writer = os.pipe()
                os.close(reader)
                done = subprocess.run([ROLLCALL, *args], env=self.env, stdout=writer,
                                      stderr=subprocess.PIPE, timeout=GUARD,
                                      restore_signals=not ignore, preexec_fn=lambda i=ignore: (
                                          signal.signal(signal.SIGPIPE, signal.SIG_IGN if i
                                                        else signal.SIG_DFL)))
                os.close(writer)
                self.assertEqual((done.returncode, done.stderr), (code, b""))

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([ROLLCALL, "ps"], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE, timeout=GUARD)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(b"No space left", done.stderr)


if __name__ == "__main__":
    main()
