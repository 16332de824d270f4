"""The daemon as its supervisor sees it: killed, ended, asked, started twice, started too early."""
import os
import signal
import socket
import subprocess
from pathlib import Path

from harness import churn, programs
from harness.case import RollcallCase
from harness.engine import POLITE, STUBBORN
from harness.proxy import Proxy
from harness.wait import GUARD, until


class Daemon(RollcallCase):
    own_daemon = True

    def test_killed_and_started_again_under_load(self):
        daemon = self.launch()
        crowd = churn.Churn(self.engine, 100_000, churn.seed(), "load").start()
        self.addCleanup(crowd.join)
        self.addCleanup(crowd.stop)
        epoch, rev = daemon.status()["epoch"], 0
        for _ in range(8):
            lived = crowd.lived
            until(lambda n=lived: crowd.lived >= n + 3, "the churn goes on")
            rev = max(rev, daemon.status()["rev"])
            daemon.kill()
            # Whoever reads it now is told that nobody writes it.
            self.assertEqual(daemon.rollcall("ps", "-a", expect=4).out, "")
            self.assertIn("\n", daemon.rollcall("ps", "-a", "--stale-ok").out)
            daemon.start()
            status = daemon.status()
            self.assertEqual(status["epoch"], epoch)
            self.assertGreaterEqual(status["rev"], rev)
        crowd.stop()
        crowd.join()
        self.assert_equal_to_engine()

    def test_term_is_a_clean_end(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.launch()
            self.engine.create()
            self.assert_equal_to_engine()
            self.daemon.signal(number)
            self.assertEqual(self.daemon.wait(), 0)
            self.assertFalse(os.path.exists(self.daemon.socket), "the API's socket is left")
            # What it wrote is all there for the next.
            before = self.daemon.rollcall("ps", "-a", "--json", "--stale-ok").lines()
            self.daemon.start()
            self.assertEqual([row["id"] for row in before], list(self.daemon.rows()))
            self.assert_equal_to_engine()

    def test_signal_for_a_resync(self):
        daemon = self.launch(mirror__resync_interval="1h")
        # The last of those that a connection brings by itself.
        daemon.until_status(lambda s: s["resyncs"] >= 2, "the first lists are done")
        before = daemon.status()["resyncs"]
        daemon.signal(signal.SIGUSR1)
        daemon.until_status(lambda s: s["resyncs"] == before + 1, "it has listed once more")
        daemon.rollcall("resync")
        daemon.until_status(lambda s: s["resyncs"] == before + 2, "and once more")

    def test_quiet_engine_quiet_mirror(self):
        self.engine.run(POLITE, host={"NetworkMode": "bridge", "PublishAllPorts": True,
                                      "Binds": ["/etc:/a", "/usr:/b", "/bin:/c"]},
                        ExposedPorts={f"{port}/tcp": {} for port in range(8000, 8010)})
        self.engine.create()
        self.launch(mirror__resync_interval="1s")
        self.assert_equal_to_engine()
        # Its start brings a second list, which may still find details.
        before = self.daemon.resync()
        after = self.daemon.until_status(lambda s: s["resyncs"] >= before["resyncs"] + 5, "five lists more")
        self.assertEqual((after["rev"], after["commits"]), (before["rev"], before["commits"]))

    def test_a_second_daemon_is_refused(self):
        daemon = self.launch()
        argv = daemon.argv()
        argv[argv.index("--socket") + 1] = daemon.socket + "2"
        second = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=GUARD,
                                env=programs.environment(), check=False)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(daemon.index, second.stderr)
        self.assertFalse(any(word in second.stderr for word in programs.SANITIZER_WORDS), second.stderr)
        self.engine.create()
        self.assert_equal_to_engine()

    def test_started_before_the_engine(self):
        proxy = Proxy(os.path.join(self.engine.dir, "late.sock"), self.engine.socket, listen=False)
        self.addCleanup(proxy.close)
        self.engine.create(name="waits")
        daemon = self.launch(proxy.host, live=False, engine__reconnect_max="500ms")
        status = daemon.until_status(lambda s: s["writer"] == "live", "the index is there")
        self.assertEqual((status["mirror"], status["synced"]), ("connecting", False))
        result = daemon.rollcall("ps", "-a", "--json")
        self.assertEqual(result.lines(), [])
        self.assertNotEqual(result.err.strip(), "", "nobody was told that the engine is not there yet")
        daemon.rollcall("healthcheck", expect=None)
        proxy.listen()
        daemon.until_status(lambda s: s["synced"], "it is live")
        self.follow()
        self.assert_equal_to_engine()
        daemon.rollcall("healthcheck")

    def test_missing_rows_expire(self):
        daemon = self.launch(mirror__missing_ttl="2s")
        container = self.engine.run(STUBBORN)
        self.assert_equal_to_engine()
        self.engine.remove(container)
        self.watch.wait(lambda: any(op == "del" and cause == "expired"
                                    for op, cause, _, _ in self.watch.steps(container)), "its row expires")
        self.assertEqual(self.states(container)[-1], "missing")
        self.assertNotIn(container, daemon.rows())
        daemon.mirrored.discard(container)
        self.forget_the_rest()

    def forget_the_rest(self):
        """With so short a time, what tearDown removes may have expired before it looks."""
        self.assert_resync_finds_nothing()
        self.assertEqual(self.watch.wrong, [])
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon = None

    def test_destroyed_rows_are_not_kept(self):
        daemon = self.launch(mirror__missing_ttl="0")
        container = self.engine.run(STUBBORN)
        self.assert_equal_to_engine()
        self.engine.remove(container)
        until(lambda: container not in daemon.rows(), "its row is gone")
        # The feed may tell what became of it, but no revision leaves a row that is missing.
        self.watch.wait(lambda: list(self.watch.steps(container))[-1][0] == "del", "the feed tells that its row is gone")
        revisions = [[c for c in line["changes"] if (c.get("container") or c).get("id") == container]
                     for line in self.watch.lines if line.get("changes")]
        last = [changes[-1] for changes in revisions if changes]
        self.assertNotIn("missing", [change["container"]["state"] for change in last if change["op"] == "put"])
        daemon.mirrored.discard(container)
        self.forget_the_rest()

    def test_ready_is_told_to_the_supervisor(self):
        if b"NOTIFY_SOCKET" not in Path(programs.ROLLCALLD).read_bytes():
            self.skipTest("this rollcalld does not know of supervisors")
        path = os.path.join(self.engine.dir, "notify.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.bind(path)
            told.settimeout(GUARD)
            self.addCleanup(os.unlink, path)
            self.daemon = programs.Daemon(self.engine.host, self.settings)
            self.addCleanup(self.daemon.discard)
            self.daemon.extra_environment["NOTIFY_SOCKET"] = path
            self.daemon.start(live=False)
            said = []
            while not any("READY=1" in words for words in said):
                said.append(told.recv(4096).decode().splitlines())
            self.assertTrue(self.daemon.status()["synced"], "it said that it was ready before the first list was there")
            self.daemon.signal(signal.SIGTERM)
            while not any("STOPPING=1" in words for words in said):
                said.append(told.recv(4096).decode().splitlines())
            self.assertEqual(self.daemon.wait(), 0)
            self.daemon = None

    def test_wrong_configuration(self):
        for flag, named in ((["--set", "mirror.resync_intervall=5s"], "resync_intervall"),
                            (["--set", "mirror.resync_interval=soon"], "soon"), (["--dance"], "--dance")):
            done = subprocess.run([programs.ROLLCALLD, *flag], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=GUARD, env=programs.environment(), check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(named, done.stderr)
