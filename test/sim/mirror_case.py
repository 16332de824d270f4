"""The test case of the mirror against the simulated engine: rollcalld as it is shipped, `rollcall ps` and `status` as
what it is judged by, and the simulated engine's own model as the truth. ROLLCALLD, ROLLCALL and ROLLCALL_SIM name the
programs."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e")]
from harness import programs  # noqa: E402  (the path has to be set first)
from harness.wait import GUARD, Hung, until  # noqa: E402
from simctl import Sim  # noqa: E402

programs.ROLLCALLD = os.path.abspath(os.environ["ROLLCALLD"])
programs.ROLLCALL = os.path.abspath(os.environ["ROLLCALL"])

DOCKER = ("docker-20.10", "docker-26", "docker-28", "docker-29")
PROFILES = DOCKER + ("podman-4.3",)
# The shortest that there is; for tests that wait for resyncs, and for those in which none may come.
OFTEN, NEVER = "1s", "1h"
# What a row says beyond the engine.
OURS = ("rev", "partial", "missing_since", "missing_cause", "managed", "workload")


def _comparable(row):
    sort = {"ports": lambda p: (p["private_port"], p["protocol"], p["ip"], p["public_port"]),
            "mounts": lambda m: m["destination"]}
    return {key: sorted(value, key=sort[key]) if key in sort else value
            for key, value in row.items() if key not in OURS}


def differences(wanted, rows):
    """What is not as it should be at rest, a text each. wanted: containers of the model; rows: of the mirror, by ID."""
    for identity, want in wanted.items():
        where, row = f"{identity[:12]} ({want['name']})", rows.get(identity)
        if row is None or row["state"] == "missing":
            yield f"{where} is {'missing' if row else 'not'} in the mirror"
            continue
        have, want = _comparable(row), _comparable(want)
        for key in sorted(set(have) | set(want)):
            if have.get(key) != want.get(key):
                yield f"{where}: {key} is {have.get(key)!r}, the engine's is {want.get(key)!r}"
        if row["partial"] or row["missing_since"] or row["missing_cause"]:
            yield f"{where} is partial={row['partial']}, missing {row['missing_since']} {row['missing_cause']}"
    for identity, row in rows.items():
        if identity in wanted:
            continue
        where = f"{identity[:12]} ({row['name']})"
        if row["state"] != "missing":
            yield f"{where} is {row['state']}, and the engine does not have it"
        elif row["ports"] or row["pid"] is not None or row["partial"] or not row["missing_since"]:
            yield f"{where} is missing since {row['missing_since']} with {row['ports']}, {row['pid']}, {row['partial']}"


class MirrorCase(unittest.TestCase):
    maxDiff = None

    sim = None
    daemon = None
    watch = None

    def simulate(self, profile="docker-20.10", **options):
        """ROLLCALL_SEED repeats a run."""
        seed = os.environ.get("ROLLCALL_SEED")
        self.sim = Sim(profile=profile, seed=int(seed) if seed else None, **options)
        self.addCleanup(self.sim.close)
        self.addCleanup(self._check_engine)
        return self.sim

    def launch(self, resync=OFTEN, host=None, settings=None, live=True, watch=True):
        """The daemon. Live: its first two lists are committed, so that what it corrects from now on counts."""
        self.daemon = programs.Daemon(host or self.sim.docker_host,
                                      {"mirror.resync_interval": resync, **(settings or {})})
        self.addCleanup(self.daemon.discard)
        self.addCleanup(self._check_daemon)
        self.daemon.start(live)
        if live:
            self.daemon.until_status(lambda s: s["resyncs"] >= 2, "the connection's first two lists")
            if watch:
                self.follow()
        return self.daemon

    def follow(self):
        self.watch = programs.Watch(self.daemon)
        self.addCleanup(self.watch.close)

    def _check_engine(self):
        if self.sim.process and self.sim.process.poll() is None:
            stats = self.sim.stats()
            self.assertEqual((stats["non_get"], stats["bad_requests"]), (0, 0), "something else than good GETs was sent")

    def _check_daemon(self):
        if self.daemon.process.poll() is None:
            self.assertEqual(self.daemon.terminate(), 0, self.daemon.tail())
        self.assertEqual(self.daemon.complaints(), [])

    def run(self, result=None):
        self._result, self._failed_before = result, len(result.failures) + len(result.errors)
        super().run(result)

    def tearDown(self):
        if len(self._result.failures) + len(self._result.errors) > self._failed_before and self.daemon:
            print(f"---- {self.id()}, seed {self.sim.seed}: rollcalld's log ends with\n{self.daemon.tail()}\n----",
                  file=sys.stderr)

    # ---- the engine's containers ----

    def populate(self):
        """Ten of different kinds, five of them running."""
        names = [f"up-{i}" for i in range(5)] + [f"down-{i}" for i in range(3)] + ["new-0", "new-1"]
        for i, name in enumerate(names):
            make = self.sim.create if name.startswith("new") else self.sim.run
            make(name, image="busybox:1", label={"number": i, "app": "web"}, net="none",
                 port=[f"127.0.0.1/{8000 + i}:80", f"0.0.0.0/{9000 + i}:443", "53/udp"],
                 mount=["volume:data:/var/data:/data", "bind::/srv:/srv:ro", "bind::/etc/motd:/etc/motd"])
            if name.startswith("down"):
                self.sim.die(name, exit=i)
        return names

    # ---- waiting ----

    def settled(self, what="the mirror is equal to the engine"):
        """Waits until every row is as the engine's own, none is partial, and what the engine has not got is missing."""
        def look():
            if self.daemon.process.poll() is not None:
                raise AssertionError(f"rollcalld ended with {self.daemon.process.returncode}: {self.daemon.tail()}")
            wanted = {c["id"]: c for c in self.sim.state()["containers"]}
            look.found = list(differences(wanted, self.daemon.rows()))
            return not look.found
        until(look, lambda: what + "\n  " + "\n  ".join(look.found[:20]))

    def resyncs(self, more=1):
        """Waits for so many further full lists, at least."""
        enough = self.daemon.status()["resyncs"] + more
        return self.daemon.until_status(lambda s: s["resyncs"] >= enough, f"{more} more resyncs")

    def until_row(self, ref, good, what):
        """ref: the ID, since a name may be another's by now."""
        def look():
            row = self.daemon.rows().get(ref)
            return row if row and good(row) else None
        return until(look, lambda: f"{what}: {self.daemon.rows().get(ref)}; status {self.daemon.status()}")

    def until_state(self, ref, state):
        return self.until_row(ref, lambda row: row["state"] == state, f"{ref[:12]} is {state}")

    # ---- judging ----

    def states(self, ref):
        """All states of the container that the feed showed, repetitions left out."""
        shown = []
        for _, _, _, row in self.watch.steps(ref):
            if row and shown[-1:] != [row["state"]]:
                shown.append(row["state"])
        return shown

    def corrections(self, cause):
        return {kind: causes[cause] for kind, causes in self.daemon.status()["corrections"].items() if causes[cause]}

    def reconnects(self):
        return {reason: n for reason, n in self.daemon.status()["reconnects"].items() if n}

    def assert_never_missing(self):
        """Nothing in the feed ever turned missing."""
        gone = [change["container"]["name"] for line in self.watch.lines for change in line.get("changes", ())
                if change["op"] == "del" or change["container"]["state"] == "missing"]
        self.assertEqual(gone, [])

    def assert_quiet(self, resyncs=3):
        """Full lists that find nothing new write nothing."""
        before = self.daemon.status()
        for _ in range(resyncs):
            after = self.daemon.resync()
        self.assertEqual(after["rev"], before["rev"],
                         [l for l in self.watch.lines if l.get("rev", 0) > before["rev"]] if self.watch else "")

    def assert_no_drift(self):
        self.assertEqual(self.corrections("drift"), {})
        self.assertEqual(self.reconnects(), {})


__all__ = ["DOCKER", "GUARD", "Hung", "MirrorCase", "NEVER", "OFTEN", "PROFILES", "Sim", "programs", "until"]
