#!/usr/bin/env python3
"""rollcalld against every kind of engine: versions, churn, rows at rest, and lists that find nothing."""
import unittest

from mirror_case import OFTEN, PROFILES, MirrorCase

VERSIONS = {"docker-20.10": "1.41", "docker-26": "1.45", "docker-28": "1.51", "docker-29": "1.52", "podman-4.3": "1.41"}


class Profiles(MirrorCase):

    def churn(self, profile, steps):
        sim = self.simulate(profile)
        self.populate()
        daemon = self.launch()
        self.assertEqual(daemon.status()["engine"]["api_version"], VERSIONS[profile])
        sim.churn(steps, containers=50)
        sim.wait("churn_left", 0, at_most=True)
        self.settled()
        self.assert_no_drift()
        self.assert_quiet()
        self.assertEqual(self.watch.wrong, [])

    def wave(self, profile):
        """Slow enough that lists and re-reads fall between the events."""
        sim = self.simulate(profile)
        if profile != "podman-4.3":
            sim.stale("real")
        self.launch()
        sim.churn(600, containers=50, rate=300)
        sim.wait("churn_left", 0, at_most=True)
        self.settled()
        self.assert_no_drift()
        self.assert_quiet(1)

    def test_explicit_version(self):
        self.simulate("docker-28")
        self.populate()
        daemon = self.launch(settings={"engine.api_version": "1.44"})
        self.assertEqual(daemon.status()["engine"]["api_version"], "1.44")
        self.settled()

    def test_inspect_off(self):
        """Without inspect the list has the last word, and nothing stays partial."""
        sim = self.simulate("docker-28")
        self.populate()
        self.launch(resync=OFTEN, settings={"engine.inspect": "off"})
        sim.churn(200, containers=50)
        sim.wait("churn_left", 0, at_most=True)

        def states():
            return {c["id"]: (c["name"], c["state"], len(c["ports"])) for c in sim.state()["containers"]}

        def rows():
            return {i: (r["name"], r["state"], len(r["ports"])) for i, r in self.daemon.rows().items()
                    if r["state"] != "missing" and not r["partial"]}
        self.daemon.until_status(lambda _: rows() == states(), "states equal")
        self.assertEqual(sim.stats()["requests"]["inspect"], 0)
        self.assert_no_drift()
        self.assert_quiet()


def _for_each(name, body):
    for profile in PROFILES:
        def test(self, profile=profile):
            body(self, profile)
        setattr(Profiles, f"test_{name}_{profile.replace('-', '_').replace('.', '_')}", test)


_for_each("churn", lambda self, profile: self.churn(profile, 400))
_for_each("wave", lambda self, profile: self.wave(profile))

if __name__ == "__main__":
    unittest.main(verbosity=2)
