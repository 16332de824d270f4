"""Random lives of many containers, by a seed: what each does is decided beforehand, how they interleave is not."""
import os
import random
import threading

from .engine import POLITE, STUBBORN, EngineError
from .wait import GUARD

THREADS = 8
# Busy, or not possible in the state that the container is in by now (a restart policy may have been quicker).
REFUSED = (304, 404, 409, 500)


def seed():
    """ROLLCALL_SEED repeats a run's decisions."""
    return int(os.environ.get("ROLLCALL_SEED", random.randrange(1 << 32)))


class Churn:
    """`count` containers, by THREADS threads, from start() to join()."""

    def __init__(self, engine, count, of_seed, prefix="churn"):
        self._engine = engine
        self._prefix = prefix
        self._numbers = iter(range(count))
        self._seed = of_seed
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        self._stop = threading.Event()
        self.failures = []
        self.lived = 0

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def running(self):
        return any(thread.is_alive() for thread in self._threads)

    def stop(self):
        """No further container is begun."""
        self._stop.set()

    def join(self):
        for thread in self._threads:
            thread.join(5 * GUARD)
        if self.running():
            raise AssertionError("the churn hangs")
        if self.failures:
            raise AssertionError(f"seed {self._seed}: {self.failures[:5]}")

    def _work(self):
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                return
            try:
                self._live(number, random.Random(f"{self._seed}/{number}"))
            except Exception as e:  # pylint: disable=broad-except  (a thread has nobody to raise to)
                self.failures.append(f"container {number}: {e!r}")
            with self._lock:
                self.lived += 1

    def _live(self, number, dice):
        host = {"AutoRemove": True} if dice.random() < 0.1 else \
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}} if dice.random() < 0.2 else {}
        cmd = dice.choice([POLITE, STUBBORN, ["true"], ["sh", "-c", f"exit {number % 200}"]])
        container = self._engine.create(cmd, name=f"{self._prefix}-{number}", host=host,
                                        labels={"number": str(number), "rollcall": "churn"})
        for _ in range(dice.randrange(1, 6)):
            self._attempt(self._act, container, number, dice)
        if dice.random() < 0.7:
            self._attempt(self._engine.remove, container)

    @staticmethod
    def _attempt(act, *args):
        try:
            act(*args)
        except EngineError as e:
            if e.status not in REFUSED:
                raise

    def _act(self, container, number, dice):
        engine = self._engine
        action = dice.choice(["start", "start", "start", "stop", "kill", "pause", "unpause", "rename", "restart", "update"])
        if action == "stop":
            engine.stop(container, t=0)
        elif action == "restart":
            engine.restart(container, t=0)
        elif action == "rename":
            engine.rename(container, f"{self._prefix}-{number}-{dice.randrange(1000)}")
        elif action == "update":
            engine.update(container, RestartPolicy={"Name": "no"})
        else:
            getattr(engine, action)(container)
