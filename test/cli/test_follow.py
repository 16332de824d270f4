"""rollcall while the index changes: watch and wait."""

import json
import os
import select
import signal

from harness import GUARD, Case, ident, main

ZERO = "0" * 16


class Lines:
    """A process's stdout, line by line."""

    def __init__(self, process):
        self.fd = process.stdout.fileno()
        self.rest = b""

    def __call__(self):
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.fd], [], [], GUARD)
            assert ready, "no line in time"
            got = os.read(self.fd, 1 << 20)
            assert got, ("the end", self.rest)
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def json(self):
        return json.loads(self())


class Watch(Case):
    def begin(self, *args):
        process = self.start("watch", "--json", *args)
        lines = Lines(process)
        return process, lines, lines.json()

    def test_feed(self):
        epoch, rev = self.author.put(id=ident(1), name="web")
        _, lines, hello = self.begin()
        self.assertEqual(hello, {"epoch": epoch, "rev": rev, "synced": True, "mirror": "live"})
        self.author.put(id=ident(1), name="web", state="exited", exit=3, action="die")
        line = lines.json()
        self.assertEqual(sorted(line), ["changes", "rev", "time"])
        self.assertEqual(line["rev"], rev + 1)
        change, = line["changes"]
        self.assertEqual((change["op"], change["cause"], change["action"], change["prev_state"]),
                         ("put", "event", "die", "running"))
        row = json.loads(self.out("ps", "-a", "--json"))
        self.assertEqual(change["container"], row)
        self.author("del", ident(1), "expired")
        self.author("commit")
        line = lines.json()
        self.assertEqual(line["changes"], [{"op": "del", "cause": "expired", "id": ident(1)}])

    def test_every_step_once(self):
        _, lines, hello = self.begin()
        for n in range(300):
            self.author.put(commit=False, id=ident(1), name=f"a{n}")
            self.author.put(id=ident(1), name=f"b{n}")
        names = []
        for n in range(300):
            line = lines.json()
            self.assertEqual(line["rev"], hello["rev"] + 1 + n)
            names += [c["container"]["name"] for c in line["changes"]]
        self.assertEqual(names, [f"{x}{n}" for n in range(300) for x in "ab"])

    def test_resume(self):
        epoch, rev = self.author.put(id=ident(1), name="web")
        for n in range(5):
            self.author.put(id=ident(1), name=f"web{n}")
        _, lines, hello = self.begin("--since", f"{epoch}:{rev + 2}")
        self.assertEqual(hello["rev"], rev + 2)
        self.assertEqual([lines.json()["rev"] for _ in range(3)], [rev + 3, rev + 4, rev + 5])

    def test_mirror(self):
        _, lines, hello = self.begin()
        self.author("mirror", "disconnected", 1700000000)
        _, rev = self.author("commit")
        line = lines.json()
        self.assertEqual((line["rev"], line["changes"]), (rev, []))
        self.assertEqual(lines.json(), {"rev": rev, "bookmark": True, "synced": False,
                                        "mirror": "disconnected"})

    def test_filter(self):
        self.author.put(id=ident(1), name="web")
        self.author.put(id=ident(2), name="db")
        _, lines, hello = self.begin("-f", "name=web", "-f", "status=running")
        self.author.put(id=ident(2), name="db", state="paused")  # never seen, never told
        self.author.put(id=ident(1), name="web", state="paused", action="pause")
        line = lines.json()
        self.assertEqual(line["rev"], hello["rev"] + 2)
        self.assertEqual(line["changes"], [{"op": "del", "cause": "filter", "id": ident(1)}])
        self.author.put(id=ident(1), name="web", state="exited", exit=0)  # told already
        self.author("del", ident(2), "expired")
        self.author("commit")
        self.author.put(id=ident(1), name="web", action="start")
        line = lines.json()
        self.assertEqual([c["op"] for c in line["changes"]], ["put"])
        self.author("del", ident(1), "expired")
        self.author("commit")
        self.assertEqual(lines.json()["changes"],
                         [{"op": "del", "cause": "expired", "id": ident(1)}])

    def test_filter_resumed(self):
        """What the reader had before is not known: of each that does not fit it is told once."""
        epoch, rev = self.author.put(id=ident(1), name="web")
        self.author.put(id=ident(1), name="web", state="paused")
        self.author.put(id=ident(1), name="web", state="exited", exit=0)
        self.author.put(id=ident(2), name="web2")
        _, lines, _ = self.begin("-f", "status=running", "--since", f"{epoch}:{rev}")
        self.assertEqual(lines.json()["changes"],
                         [{"op": "del", "cause": "filter", "id": ident(1)}])
        self.assertEqual(lines.json()["changes"][0]["container"]["name"], "web2")

    def test_plain(self):
        process = self.start("watch")
        lines = Lines(process)
        # Started when it is heard of: rewritten until the first line comes.
        n = 0
        while not select.select([lines.fd], [], [], 0.2)[0]:
            n += 1
            self.assertLess(n, GUARD * 5)
            self.author.put(id=ident(1), name=f"w\x1b[2J{n}", action="exec\x07")
        time, rev, op, cause, action, state, name, whole_id = lines().split(" ")
        self.assertRegex(time, r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertTrue(rev.isdigit())
        self.assertEqual((op, cause, action, state, whole_id),
                         ("put", "event", "exec\\x07", "running", ident(1)))
        self.assertTrue(name.startswith("w\\x1b[2J"))

    def test_future(self):
        epoch, rev = self.author("commit")
        out, err = self.expect(1, "watch", "--since", f"{epoch}:{rev + 1}")
        self.assertEqual(out, "")
        self.assertIn(str(rev + 1), err)

    def test_other_epoch(self):
        epoch, rev = self.author("commit")
        out, err = self.expect(1, "watch", "--json", "--since", f"{ZERO}:1")
        self.assertIn("epoch_changed", err)
        line = json.loads(out)
        self.assertEqual((line["error"], line["epoch"], line["current"]),
                         ("epoch_changed", epoch, rev))
        out, err = self.expect(1, "watch", "--since", f"{ZERO}:1")
        self.assertEqual(out, "")

    def test_new_epoch(self):
        process, lines, hello = self.begin()
        self.author("rebuild")
        self.author("mirror", "live")
        epoch, _ = self.author("commit")
        self.assertNotEqual(epoch, hello["epoch"])
        line = lines.json()
        self.assertEqual((line["error"], line["epoch"]), ("epoch_changed", epoch))
        self.finish(process, 1)

    def test_daemon_ends(self):
        process, lines, _ = self.begin()
        self.author.put(id=ident(1), name="last")
        self.author.kill()
        self.assertEqual(lines.json()["changes"][0]["container"]["name"], "last")
        out, err = self.finish(process, 4)
        self.assertEqual(out, "")
        self.assertIn("gone", err)

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process, _, _ = self.begin()
            process.send_signal(number)
            self.assertEqual(self.finish(process, -number), ("", ""))

    def test_reader_goes(self):
        """Noticed though there is nothing to write."""
        process, _, _ = self.begin()
        process.stdout.close()
        self.assertEqual(process.wait(GUARD), -signal.SIGPIPE)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()


class ShortLog(Case):
    history = 5

    def test_too_old(self):
        epoch, rev = self.author("commit")
        for n in range(20):
            self.author.put(id=ident(1), name=f"c{n}")
        out, err = self.expect(1, "watch", "--json", "--since", f"{epoch}:{rev}")
        self.assertIn("revision_too_old", err)
        first, last = map(json.loads, out.splitlines())
        self.assertEqual(first["rev"], rev)
        self.assertEqual((last["error"], last["current"], last["epoch"]),
                         ("revision_too_old", rev + 20, epoch))
        self.assertGreater(last["oldest"], rev + 1)
        out, err = self.expect(1, "watch", "--since", f"{epoch}:{rev}")
        self.assertEqual(out, "")


def opened_inotify(folder):
    for name in os.listdir(os.path.join(folder, "fd")):
        try:
            if os.readlink(os.path.join(folder, "fd", name)) == "anon_inode:inotify":
                return True
        except FileNotFoundError:
            pass  # closed meanwhile
    return False


class Wait(Case):
    def waiting(self, *args):
        """Started, and surely waiting: asleep after it has opened what wakes it. It does so before
        it looks at the index, and does not sleep in between."""
        process = self.start("wait", *args)
        folder = f"/proc/{process.pid}"
        for _ in range(GUARD * 100):
            self.assertIsNone(process.poll())
            if opened_inotify(folder):
                with open(os.path.join(folder, "stat")) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] == "S":
                        return process
            select.select([], [], [], 0.01)
        self.fail("it does not wait")

    def test_already(self):
        self.author.put(id=ident("ab"), name="web", health="healthy")
        self.author.put(id=ident(2), name="job", state="exited", exit=7)
        for args, out in ((("web", "--for", "running"), ""), (("web", "--for=healthy"), ""),
                          (("/web", "--for", "running"), ""), (("ab", "--for", "running"), ""),
                          (("job", "--for", "exited"), "7\n"), (("nope", "--for", "gone"), "")):
            self.assertEqual(self.out("wait", *args), out)

    def test_becomes(self):
        self.author.put(id=ident(1), name="web", state="created")
        process = self.waiting("web", "--for", "running")
        self.author.put(id=ident(1), name="web", action="start")
        self.assertEqual(self.finish(process, 0), ("", ""))
        process = self.waiting("web", "--for", "healthy")
        self.author.put(id=ident(1), name="web", health="starting")
        self.author.put(id=ident(1), name="web", health="healthy")
        self.finish(process, 0)
        process = self.waiting("web", "--for", "exited")
        self.author.put(id=ident(1), name="web", state="exited", partial="1")  # code to come
        self.author.put(id=ident(1), name="web", state="exited", exit=42)
        self.assertEqual(self.finish(process, 0), ("42\n", ""))

    def test_appears(self):
        process = self.waiting("new", "--for", "running")
        self.author.put(id=ident(9), name="other")
        self.author.put(id=ident(1), name="new", state="created")
        self.author.put(id=ident(1), name="new")
        self.finish(process, 0)

    def test_passing_states(self):
        """Every step counts, even those that no snapshot shows: these are one commit."""
        process = self.waiting("flash", "--for", "running")
        self.author.put(commit=False, id=ident(1), name="flash", state="created")
        self.author.put(commit=False, id=ident(1), name="flash")
        self.author.put(id=ident(1), name="flash", state="exited", exit=0)
        self.finish(process, 0)
        self.author.put(id=ident(2), name="job")
        process = self.waiting("job", "--for", "exited")
        self.author.put(commit=False, id=ident(2), name="job", state="exited", exit=5)
        self.author("del", ident(2), "resync")
        self.author("commit")
        self.assertEqual(self.finish(process, 0), ("5\n", ""))

    def test_gone(self):
        self.author.put(id=ident(1), name="web")
        process = self.waiting("web", "--for", "gone")
        self.author.put(id=ident(1), name="web", state="missing", missing="destroyed")
        self.finish(process, 0)
        self.author.put(id=ident(2), name="db")
        process = self.waiting("db", "--for", "gone")
        self.author("del", ident(2), "expired")
        self.author("commit")
        self.finish(process, 0)

    def test_nothing_is_gone_before_the_first_list(self):
        self.author("mirror", "syncing")
        self.author("commit")
        out, _ = self.expect(5, "wait", "nope", "--for", "gone", "--timeout", "0")
        self.assertEqual(out, "")
        process = self.waiting("nope", "--for", "gone")
        self.author("mirror", "live")
        self.author("commit")
        self.finish(process, 0)

    def test_successor(self):
        """A name's next bearer will do, an ID's will not be."""
        self.author.put(id=ident("aa"), name="web", state="exited", exit=0)
        by_name = self.waiting("web", "--for", "running")
        by_id = self.waiting(ident("aa"), "--for", "running")
        self.author.put(id=ident("aa"), name="web", state="missing", missing="destroyed", exit=0)
        self.author.put(id=ident("bb"), name="web")
        self.finish(by_name, 0)
        _, err = self.finish(by_id, 3)
        self.assertIn("gone", err)

    def test_not_found(self):
        for goal in ("exited", "dead", "removing"):
            _, err = self.expect(3, "wait", "nope", "--for", goal)
            self.assertIn("no such container", err)

    def test_ambiguous(self):
        self.author.put(id=ident("ab1"), name="a")
        self.author.put(id=ident("ab2"), name="b")
        _, err = self.expect(1, "wait", "ab", "--for", "exited")
        self.assertIn("(a)", err)

    def test_timeout(self):
        self.author.put(id=ident(1), name="web", state="paused")
        out, err = self.expect(5, "wait", "web", "--for", "running", "--timeout", "50ms")
        self.assertEqual(out, "")
        self.assertIn("paused", err)
        self.expect(5, "wait", "nope", "--for", "running", "--timeout", "0")
        self.assertEqual(self.out("wait", "web", "--for", "paused", "--timeout", "0"), "")

    def test_daemon_ends(self):
        self.author.put(id=ident(1), name="web")
        process = self.waiting("web", "--for", "paused")
        self.author.kill()
        self.finish(process, 4)

    def test_signal(self):
        self.author.put(id=ident(1), name="web")
        process = self.waiting("web", "--for", "paused")
        process.send_signal(signal.SIGTERM)
        self.finish(process, -signal.SIGTERM)


if __name__ == "__main__":
    main()
