#!/usr/bin/env python3
"""rollcalld and what goes wrong with the engine: restarts, another identity, away, hanging, a clock that is not ours; and
with rollcalld itself: killed at any moment."""
import random
import unittest
from datetime import datetime, timezone

from mirror_case import NEVER, OFTEN, MirrorCase


class Restarts(MirrorCase):
    """Nobody tells of what happened meanwhile; the rows stay until the engine is back."""

    def setUp(self):
        self.sim = self.simulate()
        self.populate()

    def until_away(self):
        """The mirror says that the engine is away, since when and why, and keeps every row's state."""
        status = self.daemon.until_status(lambda s: s["mirror"] == "disconnected" and s["last_error"], "disconnected")
        self.assertFalse(status["synced"])
        self.assertTrue(status["stale_since"])
        self.assertEqual(status["containers"]["missing"], 0)
        return status

    def until_back(self):
        self.daemon.until_status(lambda s: s["synced"], "live again")
        self.settled()
        self.assertEqual(self.corrections("drift"), {})
        self.assert_never_missing()
        self.assert_quiet()
        self.assertEqual(self.watch.wrong, [])

    def test_killed(self):
        """What ran is exited, without a die."""
        sim, daemon = self.sim, self.launch()
        sim.daemon_kill()
        self.until_away()
        self.assertEqual(daemon.status()["containers"]["running"], 5)
        sim.daemon_start()
        self.until_back()
        self.assertEqual(daemon.status()["containers"]["running"], 0)

    def test_killed_with_live_restore(self):
        """Survivors say nothing, and of one that died meanwhile there is no die."""
        sim, daemon = self.sim, self.launch()
        sim.daemon_kill(live=True)
        self.until_away()
        sim.silent("die", "up-0", exit=9)
        sim.daemon_start()
        self.until_back()
        self.assertEqual(daemon.rows()[sim.id("up-0")]["exit_code"], 9)
        self.assertEqual(daemon.status()["containers"]["running"], 4)

    def test_stopped(self):
        """A clean stop takes the socket's file with it."""
        sim = self.sim
        self.launch()
        sim.daemon_stop()
        self.until_away()
        sim.daemon_start()
        self.until_back()

    def test_restarted_at_once(self):
        sim, daemon = self.sim, self.launch()
        for n, live in enumerate((True, False), 1):
            sim.daemon_restart(live=live)
            daemon.until_status(lambda s, n=n: sum(s["reconnects"].values()) >= n and s["synced"], f"reconnect {n}")
            self.settled()
        self.until_back()

    def test_ring_is_lost(self):
        """What the replay cannot tell, the list does; who was created and destroyed meanwhile leaves no trace."""
        sim, daemon = self.sim, self.launch()
        gone = sim.id("up-0")
        sim.mode("refuse")
        sim.cut()
        self.until_away()
        sim.destroy("up-0")
        sim.run("young", net="none")
        sim.run("mayfly", net="none")
        sim.destroy("mayfly")
        sim.stream("forget")
        sim.mode("serve")
        daemon.until_status(lambda s: s["synced"], "live again")
        self.settled()
        self.assertEqual(daemon.rows()[gone]["missing_cause"], "vanished")
        self.assertNotIn("mayfly", [r["name"] for r in daemon.rows().values()])
        self.assertEqual(self.corrections("drift"), {})
        self.assert_quiet()

    def test_away_and_back(self):
        sim, daemon = self.sim, self.launch(settings={"engine.request_timeout": "1s", "engine.connect_timeout": "1s",
                                                      "engine.reconnect_max": "200ms"})
        for mode in ("refuse", "gone", "hang"):
            with self.subTest(mode):
                sim.mode(mode)
                sim.cut()
                self.until_away()
                # It goes on trying, and stays away.
                tries = sum(daemon.status()["reconnects"].values()) + 2
                status = daemon.until_status(lambda s, n=tries: sum(s["reconnects"].values()) >= n, "tried again")
                self.assertIn(status["mirror"], ("disconnected", "syncing"))
                sim.mode("serve")
                daemon.until_status(lambda s: s["synced"], "live again")
                self.settled()
                self.assertIsNone(daemon.status()["last_error"])
        self.until_back()

    def test_starts_before_the_engine(self):
        sim = self.sim
        sim.mode("gone")
        daemon = self.launch(NEVER, live=False)
        status = daemon.until_status(lambda s: s["last_error"], "why it is not live")
        self.assertEqual((status["mirror"], status["synced"]), ("connecting", False))
        sim.mode("serve")
        daemon.until_status(lambda s: s["synced"], "live")
        self.settled()

    def test_another_identity(self):
        """The index is made anew: no row of the one engine is taken for the other's."""
        sim, daemon = self.sim, self.launch(watch=False)
        before = daemon.status()
        sim.identity()
        sim.cut()
        daemon.until_status(lambda s: s["epoch"] != before["epoch"] and s["synced"], "a new epoch")
        self.settled()
        sim.run("young", net="none")
        self.settled("the new engine's events")
        self.assertEqual(self.corrections("drift"), {})
        self.assertEqual(daemon.status()["containers"]["missing"], 0)

    def test_emptied(self):
        sim, daemon = self.sim, self.launch()
        epoch = daemon.status()["epoch"]
        sim.empty()
        sim.cut()
        daemon.until_status(lambda s: s["containers"]["missing"] == 10, "all are missing")
        self.settled()
        self.assertEqual({r["missing_cause"] for r in daemon.rows().values()}, {"vanished"})
        sim.run("young", net="none")
        self.settled()
        self.assertEqual(daemon.status()["epoch"], epoch)
        self.assertEqual(self.corrections("drift"), {})


class Clocks(MirrorCase):
    """Over TCP the engine's clock is its own, and its Date is all that tells of it."""

    def shows_events(self, skew_ms, no_date=False):
        """What events say shows without a full list, and stays."""
        sim = self.simulate(tcp=True)
        sim.set("skew_ms", skew_ms)
        sim.set("no_date", int(no_date))
        self.populate()
        daemon = self.launch(NEVER, host=f"tcp://127.0.0.1:{sim.tcp_port}")
        self.settled()
        ref, gone = sim.id("up-0"), sim.id("up-1")
        for change, state in ((lambda: sim.die("up-0", exit=3), "exited"), (lambda: sim.start("up-0"), "running"),
                              (lambda: sim.pause("up-0"), "paused"), (lambda: sim.unpause("up-0"), "running")):
            change()
            self.until_state(ref, state)
        sim.destroy("up-1")
        self.until_state(gone, "missing")
        sim.run("young", net="none")
        self.settled()
        status = daemon.status()
        self.assertEqual(status["resyncs"], 2)
        self.assertEqual(self.states(ref), ["exited", "running", "paused", "running"])
        daemon.resync()
        self.settled()
        self.assert_quiet()
        self.assert_no_drift()

    def test_ours(self):
        self.shows_events(0)

    def test_an_hour_behind(self):
        self.shows_events(-3600_000)

    def test_an_hour_ahead(self):
        self.shows_events(3600_000)

    def test_no_date(self):
        self.shows_events(-3600_000, no_date=True)

    def test_reconnects_with_skew(self):
        """A replay is asked for in the engine's time."""
        sim = self.simulate(tcp=True)
        sim.set("skew_ms", -3600_000)
        self.populate()
        daemon = self.launch(NEVER, host=f"tcp://127.0.0.1:{sim.tcp_port}")
        for n in (1, 2):
            sim.stream("cut-at", 10)
            sim.die(f"up-{n}", exit=n)
            daemon.until_status(lambda s, n=n: s["reconnects"]["cut"] == n and s["synced"], f"reconnect {n}")
            self.settled()
        self.assertGreaterEqual(sim.stats()["replayed"], 1)
        self.assert_never_missing()
        self.assertEqual(self.corrections("drift"), {})


class Killed(MirrorCase):
    """kill -9 of rollcalld, again and again, in the middle of everything."""

    def test_says_that_it_is_not_live(self):
        """The one that comes after does not say live before it has listed, and knows since when nobody watched."""
        sim = self.simulate()
        self.populate()
        daemon = self.launch(NEVER, watch=False)
        sim.mode("refuse")
        daemon.kill()
        killed = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
        daemon.start(live=False)
        status = daemon.until_status(lambda s: s["writer"] == "live" and s["last_error"], "it tries to connect")
        self.assertEqual((status["mirror"], status["synced"], status["resyncs"]), ("connecting", False, 0))
        self.assertLess(status["stale_since"], killed)
        self.assertEqual(status["containers"]["running"], 5)
        sim.mode("serve")
        daemon.until_status(lambda s: s["synced"] and s["resyncs"] >= 1, "live")
        self.settled()

    def test_twenty_times(self):
        sim = self.simulate()
        dice = random.Random(sim.seed)
        self.populate()
        daemon = self.launch(OFTEN, watch=False)
        sim.churn(0, containers=60, rate=1000)
        epoch, rev = daemon.status()["epoch"], 0
        daemon.kill()
        for n in range(20):
            # From before the start: by the time that it can be asked, it may have connected.
            seen = sim.stats()
            daemon.start(live=False)
            if n % 2:
                sim.wait("events_published", seen["events_published"] + dice.randrange(1, 400))
            else:
                # While it connects: hello, stream, the first list, its inspects.
                kind = dice.choice(["ping", "events", "list", "inspect", "inspect"])
                sim.wait(kind, seen["requests"][kind] + (dice.randrange(1, 40) if kind == "inspect" else 1))
            daemon.kill()
            daemon.start(live=False)
            if n % 2 == 0:
                status = daemon.until_status(lambda s: s["synced"] and s["resyncs"] >= 1, "live again")
                self.assertEqual(status["epoch"], epoch)
                self.assertGreaterEqual(status["rev"], rev)
                rev = status["rev"]
            daemon.kill()
        daemon.start(live=False)
        sim.load_stop()
        daemon.until_status(lambda s: s["synced"] and s["resyncs"] >= 2, "live")
        self.settled()
        status = daemon.status()
        self.assertEqual(status["epoch"], epoch)
        self.assertGreaterEqual(status["rev"], rev)
        self.assertEqual(status["commit_failures"], 0)
        self.follow()
        self.assert_quiet()
        self.assertEqual(self.corrections("drift"), {})


if __name__ == "__main__":
    unittest.main(verbosity=2)
