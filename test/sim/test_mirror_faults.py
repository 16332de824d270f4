#!/usr/bin/env python3
"""rollcalld and what goes wrong with events and answers, each by itself: nothing that is there turns missing, no row goes
back in time, and what was lost is found, counted and healed."""
import unittest

from mirror_case import NEVER, MirrorCase


class Lists(MirrorCase):
    """A full list that is old, late or broken."""

    def setUp(self):
        self.sim = self.simulate()
        self.populate()

    def test_old_list_after_newer_events(self):
        """A list made before these events and read after them takes nothing back."""
        sim, daemon = self.sim, self.launch(NEVER)
        ids = {name: sim.id(name) for name in ("up-0", "up-1", "up-2", "down-0", "new-0")}
        sim.fault("list", hold=True)
        daemon.rollcall("resync")
        sim.wait("held", 1)
        sim.destroy("up-0")
        sim.die("up-1", exit=7)
        sim.pause("up-2")
        sim.start("down-0")
        sim.rename("new-0", "renamed")
        ids["late"] = sim.run("late", net="none")
        self.settled("the events alone")
        before = daemon.status()["resyncs"]
        sim.release("list")
        daemon.until_status(lambda s: s["resyncs"] > before, "the old list is done")
        self.settled("after the old list")
        self.assertEqual(self.states(ids["up-0"]), ["exited", "missing"])
        self.assertEqual(self.states(ids["up-1"]), ["exited"])
        self.assertEqual(self.states(ids["up-2"]), ["paused"])
        self.assertEqual(self.states(ids["down-0"]), ["running"])
        self.assertEqual(self.states(ids["late"]), ["created", "running"])
        self.assert_no_drift()
        self.assert_quiet()

    def test_old_first_list(self):
        """The same at connect, where nothing is known yet and a replay tells of what the list shows already."""
        sim = self.sim
        gone, died = sim.id("up-0"), sim.id("up-1")
        sim.fault("list", hold=True)
        daemon = self.launch(NEVER, live=False)
        sim.wait("held", 1)
        sim.destroy("up-0")
        sim.die("up-1", exit=7)
        sim.pause("up-2")
        sim.run("late", net="none")
        sim.wait("reread", 1)
        sim.release("list")
        daemon.until_status(lambda s: s["synced"], "live")
        self.follow()
        daemon.until_status(lambda s: s["resyncs"] >= 2, "the second list")
        self.settled()
        self.assertNotIn("running", self.states(died))
        rows = daemon.rows()
        self.assertTrue(gone not in rows or rows[gone]["state"] == "missing")
        self.assertEqual(self.reconnects(), {})

    def test_old_reread_and_inspect(self):
        """An answer about one container that is read after newer events of it."""
        for kind in ("reread", "inspect"):
            with self.subTest(kind):
                sim = self.sim
                if not self.daemon:
                    self.launch(NEVER)
                name = {"reread": "up-0", "inspect": "up-1"}[kind]
                ref = sim.id(name)
                sim.fault(kind, hold=True)
                sim.update(name, restart="always") if kind == "inspect" else sim.pause(name)
                sim.wait("held", 1)
                if kind == "reread":
                    sim.unpause(name)
                sim.die(name, exit=9)
                self.until_state(ref, "exited")
                sim.release(kind)
                self.settled()
                self.assertEqual(self.states(ref)[-1], "exited")
                self.assertLessEqual(len(self.states(ref)), 3)
        self.assert_no_drift()

    def test_stale_lists(self):
        """Lists that are behind the event that they are asked because of."""
        sim, daemon = self.sim, self.launch(NEVER)
        ref, other = sim.id("up-0"), sim.id("up-1")
        sim.network_create("front")
        sim.stale("pause", ms=300)
        sim.stale("unpause", ms=300)
        sim.stale("die", lists=2)
        sim.stale("connect", ms=400)
        sim.connect("up-1", "front")
        sim.pause("up-0")
        daemon.resync()
        self.until_row(ref, lambda r: r["state"] == "paused" and not r["partial"], "paused, and sure of it")
        sim.unpause("up-0")
        daemon.resync()
        self.until_row(ref, lambda r: r["state"] == "running" and not r["partial"], "running, and sure of it")
        sim.die("up-0", exit=3)
        daemon.resync()
        self.settled()
        self.assertEqual(self.states(ref), ["paused", "running", "exited"])
        self.assertTrue(daemon.rows()[other]["networks"]["front"]["ip"])
        self.assert_no_drift()
        self.assert_quiet()

    def failed_lists(self, faults):
        """Each is met by one full list, which must fail, count, and be followed by a good one."""
        daemon = self.launch(NEVER)
        for n, fault in enumerate(faults, 1):
            with self.subTest(str(fault)):
                before = daemon.status()["resyncs"]
                self.sim.fault("list", **fault)
                daemon.rollcall("resync")
                daemon.until_status(lambda s: s["resyncs"] > before, "a good list")
                self.assertEqual(daemon.status()["resync_failures"], n)
        self.settled()
        self.assert_never_missing()
        self.assertEqual(self.corrections("drift"), {})
        return daemon

    def test_truncated_lists(self):
        size = len(self.sim.get("/containers/json?all=1")[2])
        self.failed_lists([{"truncate": n} for n in (0, 1, 2, 100, size // 2, size - 2, size - 1, size)])
        self.assertEqual(self.reconnects(), {})

    def test_broken_lists(self):
        self.failed_lists([{"no_last": True}, {"status": 500}, {"status": 404}, {"garbage": 0}, {"garbage": 5},
                           {"bad_json": 0}, {"bad_json": 9}])
        self.assertEqual(self.reconnects(), {})

    def test_list_that_hangs(self):
        """An engine that takes requests and answers none is away."""
        sim, daemon = self.sim, self.launch(NEVER, settings={"engine.request_timeout": "1s"})
        sim.fault("list", hang=True)
        daemon.rollcall("resync")
        daemon.until_status(lambda s: s["reconnects"]["timeout"] == 1 and s["synced"], "reconnected")
        self.assertEqual(daemon.status()["resync_failures"], 1)
        self.settled()
        self.assert_never_missing()

    def test_slow_list(self):
        """Byte by byte, with events between."""
        sim, daemon = self.sim, self.launch(NEVER)
        before = daemon.status()["resyncs"]
        sim.fault("list", dribble="37/1")
        daemon.rollcall("resync")
        sim.churn(100, containers=15, rate=500)
        sim.wait("churn_left", 0, at_most=True)
        daemon.until_status(lambda s: s["resyncs"] > before, "the slow list is done")
        self.settled_by_audit()
        self.assertEqual(daemon.status()["resync_failures"], 0)
        self.assert_no_drift()

    def settled_by_audit(self):
        """A churn does silent things, too, which only further lists find."""
        for _ in range(5):
            self.daemon.resync()
        self.settled()

    def test_other_answers_fail(self):
        """Re-reads and inspects are asked again, networks never hold anything up."""
        sim = self.sim
        daemon = self.launch(NEVER)
        for fault in ({"status": 500}, {"truncate": 40}, {"no_last": True}, {"bad_json": 0}):
            sim.fault("reread", **fault)
            sim.fault("inspect", **{k: v for k, v in fault.items() if k != "bad_json"} or {"status": 500})
            sim.fault("networks", **fault)
        for name in ("up-0", "up-1", "up-2", "up-3"):
            sim.die(name, exit=4)
            sim.start(name)
        sim.network_create("late")
        daemon.resync()
        self.settled()
        self.assertGreaterEqual(daemon.status()["reread_failures"], 4)
        self.assert_never_missing()
        self.assert_no_drift()


class Stream(MirrorCase):
    """The stream breaks, or carries what it should not."""

    def setUp(self):
        self.sim = self.simulate()
        self.populate()

    def test_cut_at_a_byte(self):
        """The event that was cut is replayed."""
        sim, daemon = self.sim, self.launch(NEVER)
        for n, byte in enumerate((0, 1, 17, 100, 200), 1):
            ref = sim.id(f"up-{n - 1}")
            sim.stream("cut-at", byte)
            sim.die(f"up-{n - 1}", exit=n)
            daemon.until_status(lambda s, n=n: s["reconnects"]["cut"] == n and s["synced"], f"reconnect {n}")
            self.until_state(ref, "exited")
        self.settled()
        self.assert_never_missing()
        self.assertEqual(self.corrections("drift"), {})

    def test_ends(self):
        sim, daemon = self.sim, self.launch(NEVER)
        sim.stream("end")
        daemon.until_status(lambda s: s["reconnects"]["closed"] == 1 and s["synced"], "after a clean end")
        sim.stream("cut")
        daemon.until_status(lambda s: s["reconnects"]["cut"] == 1 and s["synced"], "after a cut")
        sim.cut()
        daemon.until_status(lambda s: sum(s["reconnects"].values()) == 3 and s["synced"], "after all were cut")
        self.settled()
        self.assert_never_missing()

    def test_mute(self):
        """A stream that says nothing any more is found by the next full list."""
        sim, daemon = self.sim, self.launch()
        sim.stream("mute")
        sim.die("up-0", exit=1)
        daemon.until_status(lambda s: s["reconnects"]["drift"] == 1 and s["synced"], "reopened")
        sim.die("up-1", exit=1)
        self.settled()
        self.assertEqual(self.corrections("drift"), {"changed": 1})
        self.assertEqual(self.reconnects(), {"drift": 1})

    def test_bad_lines(self):
        """Listed anew, and the stream goes on."""
        sim, daemon = self.sim, self.launch(NEVER)
        lists = daemon.status()["resyncs"]
        lines = ("no JSON at all", '{"Type":', "[]", "{}", '"text"', '{"Type":"container","Action":7}')
        for n, line in enumerate(lines):
            sim.stream("line", line)
            daemon.until_status(lambda s, n=n: s["events_bad"] + s["events_ignored"] > n, f"seen: {line}")
        bad = daemon.status()["events_bad"]
        self.assertGreaterEqual(bad, 3)
        sim.stream("oversize", 17 << 20)
        daemon.until_status(lambda s: s["events_oversize"] == 1 and s["resyncs"] > lists, "listed anew")
        sim.die("up-0", exit=1)
        self.settled("the stream goes on")
        self.assertEqual(self.reconnects(), {})
        self.assertEqual(sim.stats()["subscriptions"], 1)

    def test_twice_and_inverted(self):
        sim, daemon = self.sim, self.launch()
        sim.event("dup", count=30)
        sim.churn(20, containers=15)
        sim.wait("churn_left", 0, at_most=True)
        sim.event("clear")
        self.settled()
        self.assertGreaterEqual(daemon.status()["events_duplicate"], 10)
        for _ in range(20):
            sim.event("swap")
            sim.churn(5, containers=15)
            sim.wait("churn_left", 0, at_most=True)
        sim.event("clear")
        self.settled()
        self.assert_no_drift()
        self.assert_quiet()

    def test_replayed_twice(self):
        """What ring and stream both carry counts once."""
        sim, daemon = self.sim, self.launch(NEVER)
        sim.set("replay_twice", 1)
        sim.stream("cut")
        daemon.until_status(lambda s: s["reconnects"]["cut"] == 1 and s["synced"], "reconnected")
        sim.die("up-0", exit=1)
        self.settled()
        self.assertGreaterEqual(daemon.status()["events_duplicate"], 10)
        self.assert_never_missing()


class Lost(MirrorCase):
    """Events that never come: each counts once, and the stream is reopened once."""

    def setUp(self):
        self.sim = self.simulate()
        # What tells of the container anyway has it read again, and nothing is lost.
        self.sim.set("network_events", 0)
        self.populate()

    def lose(self, action):
        """Loses one such event; its container's ID."""
        sim = self.sim
        sim.event("lose", action=action)
        if action == "create":
            return sim.create(f"lost-{sim.stats()['events_published']}", net="none")
        name = {"die": "up-0", "destroy": "up-1", "start": "down-0", "pause": "up-2"}[action]
        ref = sim.id(name)
        getattr(sim, action)(name)
        return ref

    def one(self, action, kind, state):
        daemon = self.launch()
        ref = self.lose(action)
        daemon.until_status(lambda s: s["reconnects"]["drift"] == 1 and s["synced"], "the stream is reopened")
        self.resyncs(2)
        self.settled()
        self.assertEqual(self.corrections("drift"), {kind: 1})
        self.assertEqual(self.corrections("silent"), {})
        self.assertEqual(self.reconnects(), {"drift": 1})
        if state:
            self.assertEqual(daemon.rows()[ref]["state"], state)
        self.assert_quiet(1)

    def test_create(self):
        self.one("create", "added", "created")

    def test_die(self):
        self.one("die", "changed", "exited")

    def test_start(self):
        self.one("start", "changed", "running")

    def test_pause(self):
        self.one("pause", "changed", "paused")

    def test_destroy(self):
        self.one("destroy", "removed", "missing")
        ref = next(r for r in self.daemon.rows().values() if r["state"] == "missing")
        self.assertEqual((ref["name"], ref["missing_cause"]), ("up-1", "vanished"))

    def test_five(self):
        daemon = self.launch()
        for action in ("create", "create", "die", "destroy", "start"):
            self.lose(action)
        daemon.until_status(lambda s: sum(k["drift"] for k in s["corrections"].values()) == 5, "five were found")
        self.resyncs(2)
        self.settled()
        self.assertEqual(self.corrections("drift"), {"added": 2, "changed": 2, "removed": 1})
        self.assertEqual(self.corrections("silent"), {})
        self.assertIn(self.reconnects()["drift"], (1, 2))

    def test_late(self):
        """What comes within the second was not lost, though a list ran ahead of it."""
        sim, daemon = self.sim, self.launch(NEVER)
        died, gone = sim.id("up-0"), sim.id("up-1")
        for action in ("die", "destroy", "create", "start"):
            sim.event("delay", action=action, ms=600)
        sim.die("up-0", exit=5)
        sim.destroy("up-1")
        sim.create("late", net="none")
        sim.start("down-0")
        daemon.resync()
        self.until_state(died, "exited")
        self.until_state(gone, "missing")
        daemon.until_status(lambda s: s["events"]["start"] and s["events"]["destroy"], "the events came")
        self.settled()
        self.assertEqual(daemon.rows()[gone]["missing_cause"], "destroyed")
        self.assert_no_drift()
        self.assert_quiet()

    def test_silent(self):
        """Changes for which engines have no event."""
        sim = self.sim
        sim.run("checked", health=1, net="none")
        sim.health("checked", "healthy")
        sim.run("loop", restart="always", net="none")
        sim.die("loop", exit=1, restarting=True)
        sim.network_create("front")
        daemon = self.launch()
        self.settled()
        expected = 0
        for change in (lambda: sim.fail_start("down-0", exit=127), lambda: sim.silent("stop", "loop"),
                       lambda: sim.edit("checked", health="starting"), lambda: sim.connect("down-1", "front")):
            change()
            expected += 1
            daemon.until_status(lambda s, n=expected: s["corrections"]["changed"]["silent"] >= n, f"change {expected}")
        self.settled()
        self.resyncs(2)
        self.assertEqual(self.corrections("silent"), {"changed": 4})
        self.assert_no_drift()
        self.assert_quiet()


if __name__ == "__main__":
    unittest.main(verbosity=2)
