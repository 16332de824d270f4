"""Many containers at once: in the end the mirror is row for row what the engine says, and no event was lost."""
from harness import churn
from harness.case import RollcallCase


class Churned(RollcallCase):
    def test_two_hundred_in_parallel(self):
        seed = churn.seed()
        print(f"seed {seed}", end=" ", flush=True)
        self.engine.clear()
        crowd = churn.Churn(self.engine, 200, seed).start()
        crowd.join()
        self.assertEqual(crowd.lived, 200)
        self.assert_equal_to_engine()
        self.assert_no_drift()
        self.assert_nobody_rises()

    def assert_nobody_rises(self):
        """What was destroyed stays missing, whatever list or event came late."""
        dead = set()
        for line in self.watch.lines:
            for change in line.get("changes", ()):
                row = change.get("container")
                if not row:
                    continue
                if row["state"] == "missing" and row["missing_cause"] == "destroyed":
                    dead.add(row["id"])
                else:
                    self.assertNotIn(row["id"], dead, f"revision {line['rev']} brings back a destroyed container")
        self.assertGreater(len(dead), 0)
