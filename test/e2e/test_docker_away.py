"""The engine goes away and comes back under the mirror: killed, ended, hanging, or cut off."""
import os

from harness.case import RollcallCase
from harness.engine import POLITE, STUBBORN
from harness.proxy import Proxy


class EngineAway(RollcallCase):
    settings = {"engine.request_timeout": "2s", "engine.reconnect_max": "500ms"}

    def setUp(self):
        self.addCleanup(self.bring_back)
        self.epoch = self.daemon.status()["epoch"]

    def bring_back(self):
        if self.engine.pid_or_none() is None:
            self.engine.up()

    def until_disconnected(self):
        self.daemon.until_status(lambda s: s["mirror"] == "disconnected" and not s["synced"], "it is disconnected")

    def until_live(self):
        self.daemon.until_status(lambda s: s["mirror"] == "live" and s["synced"], "it is live again")
        self.assertEqual(self.daemon.status()["epoch"], self.epoch)

    def assert_rows_are_kept(self, before):
        """As they were, and the command line says that they may be stale, but gives them."""
        result = self.daemon.rollcall("ps", "-a", "--json")
        self.assertEqual({row["id"]: row["state"] for row in result.lines()},
                         {identity: row["state"] for identity, row in before.items()})
        self.assertNotEqual(result.err.strip(), "", "nobody was warned that the engine is away")
        self.assertIsNotNone(self.daemon.status()["stale_since"])

    def test_killed_and_back(self):
        runs, stopped = self.engine.run(STUBBORN), self.engine.run(["sh", "-c", "exit 2"])
        self.engine.wait(stopped)
        self.assert_equal_to_engine()
        before = self.daemon.rows()
        self.engine.down(kill=True)
        self.until_disconnected()
        self.assert_rows_are_kept(before)
        self.engine.up()
        self.until_live()
        # It killed what ran when it started, and told nobody.
        self.assert_equal_to_engine()
        self.assertEqual(self.row(runs)["state"], "exited")

    def test_killed_and_back_with_live_restore(self):
        runs, dies = self.engine.run(STUBBORN, name="survivor"), self.engine.run(STUBBORN, name="casualty")
        self.assert_equal_to_engine()
        pid = self.row(dies)["pid"]
        before = self.row(runs)
        self.engine.down(kill=True)
        self.until_disconnected()
        # This one's death has no event ever.
        os.kill(pid, 9)
        self.engine.up(live_restore=True)
        self.until_live()
        self.assert_equal_to_engine()
        self.assertEqual((self.row(runs)["state"], self.row(runs)["pid"]), ("running", before["pid"]))
        self.assertEqual(self.row(dies)["state"], "exited")
        self.engine.down()
        self.until_disconnected()
        self.engine.up()
        self.until_live()

    def test_ended_and_back(self):
        self.engine.run(POLITE)
        always = self.engine.run(POLITE, host={"RestartPolicy": {"Name": "always"}})
        self.engine.create()
        self.assert_equal_to_engine()
        self.engine.down()
        self.until_disconnected()
        self.assert_rows_are_kept(self.daemon.rows())
        self.assertNotIn("missing", {row["state"] for row in self.daemon.rows().values() if row["id"] in
                                     self.daemon.mirrored and row["missing_cause"] != "destroyed"})
        self.engine.up()
        self.until_live()
        self.until_row(always, lambda r: r["state"] == "running" and not r["partial"], "it was started by its policy")
        self.assert_equal_to_engine()

    def test_hanging(self):
        self.engine.run(POLITE)
        self.assert_equal_to_engine()
        before = self.daemon.rows()
        self.addCleanup(self.engine.thaw)
        self.engine.freeze()
        self.until_disconnected()
        self.assert_rows_are_kept(before)
        self.engine.thaw()
        self.until_live()
        self.assert_equal_to_engine()


class CutOff(RollcallCase):
    """Only the mirror's connections break; the engine goes on."""

    own_daemon = True
    settings = {"engine.request_timeout": "2s", "engine.reconnect_max": "500ms"}

    def setUp(self):
        self.proxy = Proxy(os.path.join(self.engine.dir, "proxy.sock"), self.engine.socket)
        self.addCleanup(self.proxy.close)
        self.launch(self.proxy.host)

    def until_disconnected(self):
        self.daemon.until_status(lambda s: s["mirror"] == "disconnected", "it is disconnected")

    def until_live(self):
        self.daemon.until_status(lambda s: s["synced"], "it is live again")

    def test_what_happened_meanwhile(self):
        gone, renamed, ended, paused = (self.engine.run(STUBBORN, name=f"before-{i}") for i in range(4))
        self.assert_equal_to_engine()
        self.proxy.close()
        self.until_disconnected()
        self.engine.remove(gone)
        self.engine.rename(renamed, "after-1")
        self.engine.kill(ended)
        self.engine.pause(paused)
        born = self.engine.run(name="born")
        brief = self.engine.run(name="brief")
        self.engine.remove(brief)
        self.assertEqual(self.row(gone)["state"], "running")
        self.proxy.listen()
        self.until_live()
        self.assert_equal_to_engine()
        self.assertEqual(self.row(gone)["state"], "missing")
        self.assertEqual(self.row(born)["state"], "running")
        self.engine.unpause(paused)

    def test_stream_that_is_cut(self):
        container = self.engine.run()
        for _ in range(5):
            reconnects = sum(self.daemon.status()["reconnects"].values())
            self.proxy.cut()
            self.engine.restart(container, t=0)
            self.daemon.until_status(lambda s, n=reconnects: s["synced"] and sum(s["reconnects"].values()) > n,
                                     "it has connected again")
            self.assert_equal_to_engine()

    def test_list_that_breaks_off(self):
        for _ in range(8):
            self.engine.create()
        self.assert_equal_to_engine()
        # A kept connection that is closed before the first line came was just too old: the request is sent again, rightly.
        for kind, begins in (("cut", len("HTTP/1.1 200 OK\r\n")), ("stall", 0)):
            for after in (begins, 100, 4000):
                fault = self.proxy.break_next("/containers/json", after, kind)
                failures = self.daemon.status()["resync_failures"]
                self.daemon.rollcall("resync")
                self.daemon.until_status(lambda s, n=failures: s["resync_failures"] > n, f"a list is {kind} at {after}")
                self.assertTrue(fault.happened.is_set())
                # Nothing is gone because of half a list.
                self.assertNotIn("missing", {self.row(i)["state"] for i in self.daemon.mirrored})
                self.until_live()
                self.assert_equal_to_engine()

    def test_inspect_that_breaks_off(self):
        for kind in ("cut", "stall"):
            container = self.engine.create()
            self.assert_equal_to_engine()
            fault = self.proxy.break_next(f"/containers/{container}/json", 50, kind)
            self.engine.start(container)
            self.assert_equal_to_engine()
            self.assertTrue(fault.happened.is_set(), "the container was not inspected when it started")

    def test_only_get(self):
        container = self.engine.run(POLITE)
        self.engine.pause(container)
        self.engine.unpause(container)
        self.assert_equal_to_engine()
        self.engine.remove(container)
        self.daemon.resync()
        self.proxy.cut()
        self.until_live()
        self.assert_equal_to_engine()
        self.assertEqual(self.proxy.methods(), {"GET"})
        self.assertEqual(self.proxy.malformed, [])
        # Sizes are the dearest thing that one can ask an engine for.
        self.assertEqual([path for path in self.proxy.paths() if "size=1" in path or "size=true" in path], [])
        self.assertTrue(any(path.startswith("/events") and "since=" in path for path in self.proxy.paths()))
