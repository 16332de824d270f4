#!/usr/bin/env python3
"""rollcalld and many containers: bursts lose nothing, and lists of a size that no host has come through."""
import os
import re
import unittest

from mirror_case import NEVER, MirrorCase

MANY, BURST = 10_000, 20_000
# As many as the contract names; ROLLCALL_HUGE makes it fewer where each costs much, as under a sanitizer.
HUGE = int(os.environ.get("ROLLCALL_HUGE", 100_000))


class Load(MirrorCase):

    def private_kib(self):
        """The daemon's own memory, without the index that it maps."""
        with open(f"/proc/{self.daemon.process.pid}/smaps_rollup", encoding="ascii") as smaps:
            found = dict(re.findall(r"^(Private_\w+|Anonymous):\s+(\d+) kB", smaps.read(), re.M))
        return int(found["Anonymous"])

    def test_burst(self):
        """All events of the burst are counted, and none was lost or taken for lost."""
        sim = self.simulate()
        sim.silent("fill", "many-", MANY)
        daemon = self.launch(NEVER, watch=False)
        self.assertEqual(daemon.status()["containers"]["running"] + daemon.status()["containers"]["created"], MANY)
        before, published = daemon.status(), sim.stats()["events_published"]
        sim.burst(BURST, pool=MANY)
        sim.wait("burst_left", 0, at_most=True)
        sent = sim.stats()["events_published"] - published
        self.assertGreaterEqual(sent, BURST)
        daemon.until_status(lambda s: s["events"]["total"] - before["events"]["total"] >= sent, "all events were read")
        daemon.resync()
        self.settled()
        status = daemon.status()
        self.assertEqual(status["events"]["total"] - before["events"]["total"], sent)
        self.assertEqual(sim.stats()["events_lost"] + sim.stats()["events_dropped"], 0)
        self.assert_no_drift()
        self.assert_quiet(2)

    def test_huge_list(self):
        sim = self.simulate()
        daemon = self.launch(NEVER, watch=False)
        before = self.private_kib()
        sim.silent("fill", "huge-", HUGE)
        daemon.resync()
        status = daemon.status()
        self.assertEqual(status["resync_failures"], 0)
        self.assertEqual(sum(n for state, n in status["containers"].items() if state != "missing"), HUGE)
        print(f"{HUGE} containers listed in {status['last_resync']['duration_seconds']:.2f} s; "
              f"rollcalld's own memory: {before} KiB before, {self.private_kib()} KiB after")
        daemon.kill()
        daemon.start(live=False)
        daemon.until_status(lambda s: s["writer"] == "live" and s["synced"] and s["resyncs"] >= 1, "live again")
        self.assertEqual(daemon.status()["epoch"], status["epoch"])
        self.assertEqual(daemon.status()["containers"]["missing"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
