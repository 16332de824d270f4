"""The test case: one daemon a class on the suite's engine; after every test the mirror is equal to the engine, a resync
finds nothing to write, and no event was lost."""
import sys
import unittest

from . import engine as engines
from . import programs
from .rows import differences
from .wait import GUARD, Hung


class RollcallCase(unittest.TestCase):
    maxDiff = None
    kind = "docker"
    settings = {}
    # Does a class start its own daemon, for instance behind a proxy?
    own_daemon = False

    daemon = None
    watch = None

    @classmethod
    def setUpClass(cls):
        cls.engine = engines.shared(cls.kind)
        cls.engine.clear()
        cls.addClassCleanup(cls.engine.clear)
        if not cls.own_daemon:
            cls.daemon = cls._start(cls.addClassCleanup, cls.engine.host, cls.settings)
            cls.watch = cls._follow(cls.addClassCleanup, cls.daemon)

    @staticmethod
    def _start(clean_up, host, settings, live=True):
        """A daemon that is ended in the end, cleanly, and has not made a sanitizer complain."""
        daemon = programs.Daemon(host, settings)
        clean_up(daemon.discard)
        clean_up(_end, daemon)
        return daemon.start(live)

    @staticmethod
    def _follow(clean_up, daemon):
        watch = programs.Watch(daemon)
        clean_up(watch.close)
        return watch

    def launch(self, host=None, live=True, **settings):
        """This test's own daemon; if it is not to be waited for, there is no watch yet either."""
        named = {key.replace("__", "."): value for key, value in settings.items()}
        self.daemon = self._start(self.addCleanup, host or self.engine.host, {**self.settings, **named}, live)
        if live:
            self.follow()
        return self.daemon

    def follow(self):
        self.watch = self._follow(self.addCleanup, self.daemon)

    def run(self, result=None):
        # A test cannot ask unittest whether it has failed; since 3.11 its result knows at once.
        self._result, self._failures_before = result, len(result.failures) + len(result.errors)
        super().run(result)

    def failed(self):
        return len(self._result.failures) + len(self._result.errors) > self._failures_before

    def tearDown(self):
        settled = False
        try:
            if self.daemon and not self.failed():
                self.assert_at_rest()
                settled = True
        finally:
            if self.daemon and not settled:
                print(f"---- {self.id()}: rollcalld's log ends with\n{self.daemon.tail()}\n----", file=sys.stderr)
            self.engine.clear()
        if settled:
            self.assert_equal_to_engine()
            self.assertEqual(self.watch.wrong, [])

    def assert_at_rest(self):
        self.assert_equal_to_engine()
        self.assert_resync_finds_nothing()

    # ---- assertions ----

    def assert_equal_to_engine(self):
        """At rest, row for row. Looked at again whenever the mirror says that something changed."""
        seen, waited = len(self.watch.lines), 0.0
        while True:
            pairs, odd = self.engine.list()
            found = odd or differences(pairs, self.daemon.rows(), self.engine.created, self.daemon.mirrored, self.kind)
            if not found:
                self.daemon.mirrored |= {listed["Id"] for listed, _ in pairs}
                return
            if waited > GUARD:
                raise Hung("the mirror is not equal to the engine:\n  " + "\n  ".join(found[:30]))
            had, seen = seen, self.watch.another_line(seen, 1.0)
            # What keeps changing may take longer than what stands still.
            waited += 1.0 if seen == had else 0.05

    def assert_resync_finds_nothing(self):
        """At rest a full list writes no revision, and never was there one that corrected a lost event."""
        before = self.daemon.status()
        after = self.daemon.resync()
        self.assertEqual(after["rev"], before["rev"], "a resync at rest wrote a revision: "
                         f"{[l for l in self.watch.lines if l.get('rev', 0) > before['rev']]}")
        self.assert_no_drift(after)

    def assert_no_drift(self, status=None):
        corrections = (status or self.daemon.status())["corrections"]
        drift = {kind: causes["drift"] for kind, causes in corrections.items()}
        self.assertEqual(set(drift.values()), {0}, f"events were lost: {corrections}")

    def row(self, container):
        return self.daemon.rows().get(container)

    def until_row(self, container, good, what):
        """Waits, line by line of the watch, until the container's row is good, and returns it."""
        seen, waited = len(self.watch.lines), 0.0
        while True:
            row = self.row(container)
            if row and good(row):
                return row
            if waited > GUARD:
                raise Hung(f"{what}: the row is {row}, the steps were "
                           f"{[(c, a, r and r['state']) for _, c, a, r in self.watch.steps(container)]}")
            had, seen = seen, self.watch.another_line(seen, 1.0)
            waited += 1.0 if seen == had else 0.05

    def until_step(self, container, good, what):
        """Waits until the feed has a step of the container whose row is good; it may be gone again by then."""
        self.watch.wait(lambda: any(row and good(row) for _, _, _, row in self.watch.steps(container)),
                        lambda: f"{what}: {[(a, r) for _, _, a, r in self.watch.steps(container)]}")

    def states(self, container, key="state"):
        """What the feed showed of a key over time, repetitions left out."""
        shown = []
        for _, _, _, row in self.watch.steps(container):
            if row and (not shown or shown[-1] != row[key]):
                shown.append(row[key])
        return shown

    def assert_never_back(self, container, order, key="state"):
        """The feed showed these values, some may be left out, and none before one that comes earlier."""
        shown, rest = self.states(container, key), iter(order)
        self.assertTrue(all(value in rest for value in shown), f"{key} was {shown}, which is not in the order {order}")
        self.assertEqual(shown[-1], order[-1])


def _end(daemon):
    """A clean end, and nothing that a sanitizer would complain about."""
    if daemon.process and daemon.process.poll() is None:
        code = daemon.terminate()
        assert code == 0, f"rollcalld ended with {code} at SIGTERM: {daemon.tail()}"
    complaints = daemon.complaints()
    assert not complaints, f"{complaints}\n{daemon.tail(100)}"
