"""Podman's service through its Docker-compatible API: the part of a container's life that this API can bring about."""
from harness.case import RollcallCase
from harness.engine import POLITE, STUBBORN


class Podman(RollcallCase):
    kind = "podman"

    def test_run_and_exit_with_a_code(self):
        container = self.engine.run(["sh", "-c", "exit 7"], name="seven", labels={"a": "b", "exitCode": "99"})
        self.engine.wait(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has exited")
        self.assertEqual((row["name"], row["exit_code"]), ("seven", 7))
        self.assert_equal_to_engine()
        self.engine.remove(container)
        row = self.until_row(container, lambda r: r["state"] == "missing", "it has gone")
        self.assertEqual(row["missing_cause"], "destroyed")

    def test_created_only(self):
        container = self.engine.create(name="never-started")
        self.until_row(container, lambda r: r["state"] == "created" and not r["partial"], "it is known in full")

    def test_stop_and_start_again(self):
        container = self.engine.run(POLITE)
        self.assert_equal_to_engine()
        self.engine.stop(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assertEqual(row["exit_code"], 0)
        self.assert_equal_to_engine()
        self.engine.start(container)
        self.until_row(container, lambda r: r["state"] == "running" and not r["partial"], "it runs again")

    def test_kill(self):
        container = self.engine.run(STUBBORN)
        self.engine.kill(container)
        self.engine.wait(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it was killed")
        self.assertEqual(row["exit_code"], 137)

    def test_pause_and_unpause(self):
        container = self.engine.run(POLITE)
        self.engine.pause(container)
        self.until_row(container, lambda r: r["state"] == "paused" and not r["partial"], "it is paused")
        self.assert_equal_to_engine()
        self.engine.unpause(container)
        self.until_row(container, lambda r: r["state"] == "running", "it runs again")

    def test_restart(self):
        container = self.engine.run(POLITE)
        before = self.until_row(container, lambda r: r["started_at"] and not r["partial"], "it has started")
        self.engine.restart(container)
        self.until_row(container, lambda r: r["state"] == "running" and r["started_at"] != before["started_at"],
                       "it has started again")

    def test_rename(self):
        container = self.engine.run(POLITE, name="before")
        self.assert_equal_to_engine()
        self.engine.rename(container, "after")
        self.until_row(container, lambda r: r["name"] == "after", "it has its new name")

    def test_remove_of_a_running_one(self):
        container = self.engine.run(STUBBORN)
        self.assert_equal_to_engine()
        self.engine.remove(container)
        self.until_row(container, lambda r: r["state"] == "missing", "it has gone")

    def test_failing_start(self):
        container = self.engine.create(["/no/such/program"])
        self.engine.start(container, expect=(400, 404, 500))
        self.daemon.resync()
        self.assert_equal_to_engine()

    def test_several_at_once(self):
        containers = [self.engine.run(POLITE) for _ in range(6)]
        for container in containers[:3]:
            self.engine.stop(container)
        self.assert_equal_to_engine()


class PodmanAway(RollcallCase):
    kind = "podman"
    settings = {"engine.request_timeout": "2s", "engine.reconnect_max": "500ms"}

    def test_service_killed_and_back(self):
        """Podman's containers are nobody's children: they outlive its service."""
        container = self.engine.run(POLITE)
        self.assert_equal_to_engine()
        self.engine.down(kill=True)
        self.daemon.until_status(lambda s: s["mirror"] == "disconnected", "it is disconnected")
        self.assertEqual(self.row(container)["state"], "running")
        self.engine.up()
        self.daemon.until_status(lambda s: s["synced"], "it is live again")
        self.assert_equal_to_engine()
