"""A container's life on a real Docker Engine, case by case of what the engine may do to it."""
from harness.case import RollcallCase
from harness.engine import IMAGE, POLITE, STUBBORN


class Lifecycle(RollcallCase):
    def test_run_and_exit_with_a_code(self):
        container = self.engine.run(["sh", "-c", "exit 7"], name="seven")
        self.engine.wait(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has exited")
        self.assertEqual((row["name"], row["exit_code"], row["pid"]), ("seven", 7, None))
        self.assert_equal_to_engine()
        self.assert_never_back(container, ["created", "running", "exited"])
        self.engine.remove(container)
        row = self.until_row(container, lambda r: r["state"] == "missing", "it is missing")
        self.assertEqual((row["missing_cause"], row["name"], row["exit_code"]), ("destroyed", "seven", 7))
        self.assert_never_back(container, ["created", "running", "exited", "missing"])

    def test_created_only(self):
        container = self.engine.create(name="never-started")
        row = self.until_row(container, lambda r: not r["partial"], "it is known in full")
        self.assertEqual((row["state"], row["exit_code"], row["started_at"]), ("created", None, None))

    def test_stop_gracefully(self):
        container = self.engine.run(POLITE)
        self.assert_equal_to_engine()
        self.engine.stop(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assertEqual(row["exit_code"], 0)
        self.assert_never_back(container, ["created", "running", "exited"])

    def test_stop_of_one_that_does_not_listen(self):
        container = self.engine.run(STUBBORN)
        self.engine.stop(container, t=1)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it was killed")
        self.assertEqual(row["exit_code"], 137)

    def test_kill(self):
        container = self.engine.run(STUBBORN)
        self.engine.kill(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it was killed")
        self.assertEqual((row["exit_code"], row["oom_killed"]), (137, False))

    def test_a_signal_is_not_a_death(self):
        container = self.engine.run(["sh", "-c", "trap : HUP; while :; do sleep 100000; done"])
        self.assert_equal_to_engine()
        seen = self.daemon.status()["events"]["kill"]
        self.engine.kill(container, "HUP")
        self.daemon.until_status(lambda s: s["events"]["kill"] > seen, "the signal was told")
        self.assert_equal_to_engine()
        self.assertEqual(self.states(container)[-1], "running")
        self.assertNotIn("exited", self.states(container))

    def test_pause_and_unpause(self):
        container = self.engine.run(POLITE)
        for _ in range(3):
            self.engine.pause(container)
            row = self.until_row(container, lambda r: r["state"] == "paused" and not r["partial"], "it is paused")
            self.assertIsNotNone(row["pid"])
            self.assert_equal_to_engine()
            self.engine.unpause(container)
            self.until_row(container, lambda r: r["state"] == "running", "it runs again")
            self.assert_equal_to_engine()
        # Lists are stale after pause and unpause: none may have shown through.
        self.assertEqual(self.states(container)[-6:], ["paused", "running"] * 3)

    def test_stop_of_a_paused_one(self):
        container = self.engine.run(POLITE)
        self.engine.pause(container)
        self.until_row(container, lambda r: r["state"] == "paused", "it is paused")
        self.engine.stop(container, t=1)
        self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assert_equal_to_engine()
        self.assert_never_back(container, ["created", "running", "paused", "running", "exited"])

    def test_rename(self):
        created = self.engine.create(name="one")
        running = self.engine.run(name="two")
        self.assert_equal_to_engine()
        self.engine.rename(created, "first")
        self.engine.rename(running, "second")
        self.until_row(created, lambda r: r["name"] == "first", "the created one has its new name")
        self.until_row(running, lambda r: r["name"] == "second", "the running one has its new name")
        self.assert_equal_to_engine()
        self.assert_never_back(running, ["two", "second"], "name")
        # Each takes the other's name.
        self.engine.rename(created, "between")
        self.engine.rename(running, "first")
        self.engine.rename(created, "second")
        self.until_row(created, lambda r: r["name"] == "second", "the names are swapped")
        self.assert_equal_to_engine()
        self.assert_never_back(created, ["one", "first", "between", "second"], "name")
        self.assertIn(running, self.daemon.rollcall("inspect", "first").out)

    def test_a_name_used_again(self):
        first = self.engine.run(name="phoenix")
        self.assert_equal_to_engine()
        self.engine.remove(first)
        second = self.engine.run(name="phoenix")
        self.until_row(second, lambda r: r["state"] == "running", "the second runs")
        self.assert_equal_to_engine()
        self.assertEqual(self.row(first)["state"], "missing")

    def test_restart(self):
        container = self.engine.run(POLITE)
        before = self.until_row(container, lambda r: r["started_at"], "it has started")
        self.engine.restart(container)
        row = self.until_row(container, lambda r: r["state"] == "running" and not r["partial"]
                             and r["started_at"] != before["started_at"], "it has started again")
        self.assertNotEqual(row["pid"], before["pid"])
        self.assertEqual(row["restart_count"], 0)
        self.engine.restart(self.engine.create())
        self.assert_equal_to_engine()

    def test_start_again(self):
        container = self.engine.run(["sh", "-c", "exit 3"])
        for _ in range(3):
            self.engine.wait(container)
            self.until_row(container, lambda r: r["state"] == "exited" and r["exit_code"] == 3, "it has exited")
            self.assert_equal_to_engine()
            self.engine.start(container)
        self.engine.wait(container)

    def test_restart_policy_loop(self):
        policy = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}
        container = self.engine.run(["sh", "-c", "exit 7"], host=policy)
        row = self.until_row(container, lambda r: r["state"] == "exited" and r["restart_count"] == 3
                             and not r["partial"], "it was started three times more and then no more")
        self.assertEqual((row["exit_code"], row["restart_policy"]), (7, "on-failure:3"))
        self.assert_equal_to_engine()

    def test_stop_in_back_off(self):
        container = self.engine.run(["sh", "-c", "exit 1"], host={"RestartPolicy": {"Name": "always"}})
        # Its back-off doubles from 100 ms; by then there is time to stop it in.
        self.until_row(container, lambda r: r["state"] == "restarting" and r["restart_count"] >= 5, "it backs off")
        self.engine.stop(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assertEqual((row["restart_policy"], row["exit_code"]), ("always", 1))

    def test_auto_remove(self):
        container = self.engine.create(["sh", "-c", "exit 5"], name="brief", host={"AutoRemove": True})
        self.engine.start(container)
        row = self.until_row(container, lambda r: r["state"] == "missing", "it has gone")
        # There was nobody left to ask when it had gone: what its death told has to be kept.
        self.assertEqual((row["missing_cause"], row["exit_code"], row["name"]), ("destroyed", 5, "brief"))

    def test_remove_of_a_running_one(self):
        container = self.engine.run(STUBBORN)
        self.engine.remove(container)
        self.until_row(container, lambda r: r["state"] == "missing", "it has gone")
        self.assert_equal_to_engine()
        self.assert_never_back(container, ["created", "running", "removing", "exited", "removing", "missing"])

    def test_failing_start(self):
        never = self.engine.create(["/no/such/program"])
        self.engine.start(never, expect=(400,))
        self.daemon.resync()
        self.assert_equal_to_engine()
        self.assertEqual(self.row(never)["state"], "created")

    def test_failing_create(self):
        self.engine.create(name="taken")
        self.assert_equal_to_engine()
        before = self.daemon.rows()
        self.engine.create(name="taken", expect=(409,))
        self.engine.call("POST", "/containers/create", {"Image": "no-such-image:1"}, expect=(404,))
        self.engine.create(host={"NetworkMode": "no-such-network"}, expect=(201, 404))
        self.engine.create(host={"Memory": 1}, expect=(400,))
        self.engine.create(host={"Binds": ["/no/such:/x:bad-mode"]}, expect=(400, 500))
        self.assert_equal_to_engine()
        self.assertLessEqual(set(before), set(self.daemon.rows()))

    def test_health(self):
        check = {"Test": ["CMD-SHELL", "[ -e /tmp/well ]"], "Interval": 300_000_000, "Timeout": 30_000_000_000,
                 "Retries": 2}
        container = self.engine.run(POLITE, Healthcheck=check)
        self.until_row(container, lambda r: r["health"] == "unhealthy" and not r["partial"], "it is found ill")
        self.assert_equal_to_engine()
        self.engine.execute(container, ["sh", "-c", ": >/tmp/well"])
        self.until_row(container, lambda r: r["health"] == "healthy" and not r["partial"], "it is well")
        self.assert_equal_to_engine()
        self.engine.pause(container)
        self.until_row(container, lambda r: r["state"] == "paused", "it is paused")
        self.assert_equal_to_engine()
        self.engine.unpause(container)
        self.engine.stop(container)
        self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assert_equal_to_engine()
        self.assertTrue({"starting", "unhealthy", "healthy"} <= set(self.states(container, "health")))

    def test_health_starts_anew(self):
        check = {"Test": ["CMD-SHELL", "true"], "Interval": 3_600_000_000_000}
        container = self.engine.run(POLITE, Healthcheck=check)
        row = self.until_row(container, lambda r: r["state"] == "running" and not r["partial"], "it runs")
        self.assertEqual(row["health"], "starting")

    def test_out_of_memory(self):
        limit = 16 << 20
        container = self.engine.run(["sh", "-c", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done"],
                                    host={"Memory": limit, "MemorySwap": limit})
        self.engine.wait(container)
        if not self.engine.call("GET", f"/containers/{container}/json")["State"]["OOMKilled"]:
            self.skipTest("this machine's engine does not see a cgroup run out of memory")
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it was killed")
        self.assertEqual((row["exit_code"], row["oom_killed"]), (137, True))

    def test_update(self):
        container = self.engine.run(POLITE)
        self.assert_equal_to_engine()
        self.engine.update(container, RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 9})
        self.until_row(container, lambda r: r["restart_policy"] == "on-failure:9", "its policy is the new one")
        self.engine.update(container, RestartPolicy={"Name": "no"})
        self.until_row(container, lambda r: r["restart_policy"] == "no", "its policy is the old one")

    def test_what_is_done_inside_is_no_change(self):
        container = self.engine.run(POLITE)
        self.assert_equal_to_engine()
        self.daemon.resync()
        before = self.daemon.status()
        for command in (["true"], ["sh", "-c", 'echo ": {\\"quotes\\"}"'], ["sh", "-c", "kill -0 1; exit 137"]):
            self.engine.execute(container, command)
        self.engine.call("GET", f"/containers/{container}/top")
        self.engine.raw("GET", f"/containers/{container}/archive?path=/etc")
        # The engine says what it did before it goes on, so a later event comes after all of them.
        marker = self.engine.create()
        self.until_row(marker, lambda r: not r["partial"], "the last event has arrived")
        steps = [line for line in self.watch.lines if line.get("rev", 0) > before["rev"]]
        touched = [c for line in steps for c in line.get("changes", ()) if c.get("container", {}).get("id") == container]
        self.assertEqual(touched, [])

    def test_labels_that_collide_with_the_events_own(self):
        forged = {"exitCode": "99", "signal": "9", "name": "forged", "image": "forged", "oldName": "forged",
                  "container": "f" * 64, "execID": "x", "type": "bridge"}
        container = self.engine.run(["sh", "-c", "exit 4"], name="honest", labels=forged)
        self.engine.wait(container)
        row = self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has exited")
        self.assertEqual((row["name"], row["exit_code"], row["labels"]), ("honest", 4, forged))
        self.assertNotIn(99, self.states(container, "exit_code"))
        self.engine.rename(container, "renamed")
        self.until_row(container, lambda r: r["name"] == "renamed", "it has its new name")
        self.assertNotIn("forged", self.states(container, "name"))

    def test_labels_of_all_kinds(self):
        labels = {"plain": "value", "empty": "", "ünïcödé": "ключ 鍵 🔑", "quotes": "\"'`\\", "lines": "a\nb\r\nc",
                  "control": "\x01\x1b[31mred\x1b[0m\x7f", "separators": "\u2028\u2029", "html": "<b>&amp;</b>",
                  "json": "{\"State\":\"running\"}", "long": "x" * 100_000, "with space": "=", "a=b": "c"}
        container = self.engine.run(labels=labels)
        row = self.until_row(container, lambda r: r["state"] == "running" and not r["partial"], "it runs")
        self.assertEqual(row["labels"], labels)
        # For people it is shown so that no terminal obeys it.
        shown = self.daemon.rollcall("ps", "-a", "--no-trunc").out
        self.assertNotIn("\x1b", shown)

    def test_workloads_by_label(self):
        own = self.engine.create(labels={"tinyforge.workload.id": "w1", "tinyforge.workload.kind": "project",
                                         "tinyforge.role": "prod", "tinyforge.managed": "true"})
        stack = self.engine.create(labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "db"})
        none = self.engine.create(labels={"tinyforge.workload.id": ""})
        self.assert_equal_to_engine()
        rows = self.daemon.rows()
        self.assertEqual(rows[own]["workload"], {"id": "w1", "kind": "project", "role": "prod", "scheme": "workload"})
        self.assertTrue(rows[own]["managed"])
        # The join finds nothing, for nothing is registered; the rule has matched all the same.
        self.assertEqual(rows[stack]["workload"]["scheme"], "stack")
        self.assertEqual((rows[stack]["workload"]["id"], rows[stack]["managed"]), ("", False))
        self.assertIsNone(rows[none]["workload"])

    def test_mounts(self):
        host = {"Mounts": [{"Type": "volume", "Source": "rc-data", "Target": "/data"},
                           {"Type": "bind", "Source": "/etc", "Target": "/host-etc", "ReadOnly": True},
                           {"Type": "tmpfs", "Target": "/scratch"}], "Binds": ["/usr:/host-usr:ro"]}
        container = self.engine.run(host=host)
        row = self.until_row(container, lambda r: r["state"] == "running" and not r["partial"], "it runs")
        self.assertIn("/data", [mount["destination"] for mount in row["mounts"]])
        self.assertIn(("/host-etc", True), [(m["destination"], m["read_only"]) for m in row["mounts"]])

    def test_command_line(self):
        for words in (["sh", "-c", "exit 0"], ["echo", "two words", "it's", "\"", "", "\\", "a'b c'd"]):
            self.engine.create(words)
        self.engine.create(["last"], Entrypoint=["echo", "-n"])
        self.assert_equal_to_engine()

    def test_prune(self):
        gone = [self.engine.create(labels={"prune": "me"}) for _ in range(3)]
        kept = self.engine.create()
        self.assert_equal_to_engine()
        self.engine.call("POST", '/containers/prune?filters={"label":["prune=me"]}')
        for container in gone:
            self.until_row(container, lambda r: r["state"] == "missing", "it was pruned")
        self.assertEqual(self.row(kept)["state"], "created")

    def test_image_that_changes_its_name(self):
        container = self.engine.run()
        self.engine.call("POST", "/images/rollcall-sample:latest/tag?repo=rollcall-second&tag=v1")
        second = self.engine.call("POST", "/containers/create", {"Image": "rollcall-second:v1", "Cmd": POLITE})["Id"]
        self.engine.created.add(second)
        self.assert_equal_to_engine()
        self.assertEqual(self.row(second)["image"], "rollcall-second:v1")
        self.assertEqual(self.row(container)["image"], IMAGE)
        self.engine.call("DELETE", "/images/rollcall-second:v1", expect=(200, 409))
        self.engine.remove(second)
        self.engine.raw("DELETE", "/images/rollcall-second:v1")

    def test_wait_follows_the_engine(self):
        container = self.engine.run(name="awaited")
        self.daemon.rollcall("wait", "awaited", "--for", "running", "--timeout", "60s")
        self.engine.stop(container)
        self.daemon.rollcall("wait", "awaited", "--for", "exited", "--timeout", "60s")
        self.engine.remove(container)
        self.daemon.rollcall("wait", container, "--for", "gone", "--timeout", "60s")
