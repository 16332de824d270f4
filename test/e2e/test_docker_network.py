"""Published ports and networks: what lists are most often behind with."""
from harness.case import RollcallCase
from harness.engine import POLITE, STUBBORN

PUBLISHED = {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}],
                              "53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}}


class Network(RollcallCase):
    def publish(self, **options):
        host = {"NetworkMode": "bridge", **PUBLISHED, **options.pop("host", {})}
        exposed = {"80/tcp": {}, "53/udp": {}, "9999/tcp": {}}
        return self.engine.create(options.pop("cmd", POLITE), host=host, ExposedPorts=exposed, **options)

    def network(self, name):
        made = self.engine.call("POST", "/networks/create", {"Name": name, "CheckDuplicate": True})["Id"]
        self.addCleanup(self.engine.raw, "DELETE", f"/networks/{made}")
        return made

    def connect(self, network, container):
        self.engine.call("POST", f"/networks/{network}/connect", {"Container": container}, expect=(200,))

    def disconnect(self, network, container):
        self.engine.call("POST", f"/networks/{network}/disconnect", {"Container": container}, expect=(200,))

    def test_ports_live_as_long_as_the_container_runs(self):
        container = self.publish(name="server")
        self.assert_equal_to_engine()
        self.assertEqual(self.row(container)["ports"], [])
        self.engine.start(container)
        row = self.until_row(container, lambda r: any(p["public_port"] for p in r["ports"]) and not r["partial"],
                             "its ports are published")
        self.assert_equal_to_engine()
        by_port = {(p["private_port"], p["protocol"]): p for p in row["ports"]}
        self.assertEqual(by_port[53, "udp"]["ip"], "127.0.0.1")
        self.assertEqual(by_port[9999, "tcp"]["public_port"], 0)
        told = self.daemon.rollcall("port", "server", "80/tcp").out.split()
        self.assertTrue(any(str(by_port[80, "tcp"]["public_port"]) in word for word in told), told)
        self.engine.pause(container)
        self.until_row(container, lambda r: r["state"] == "paused", "it is paused")
        self.assert_equal_to_engine()
        self.assertEqual(len(self.row(container)["ports"]), len(row["ports"]))
        self.engine.unpause(container)
        self.engine.stop(container)
        self.until_row(container, lambda r: r["state"] == "exited" and not r["partial"], "it has stopped")
        self.assertEqual(self.row(container)["ports"], [])
        self.daemon.rollcall("port", "server", "80/tcp", expect=3)
        # The next time it gets another port.
        self.engine.start(container)
        self.until_row(container, lambda r: len(r["ports"]) == len(row["ports"]) and not r["partial"], "published again")

    def test_a_port_that_is_taken(self):
        first = self.publish(name="first")
        self.engine.start(first)
        row = self.until_row(first, lambda r: any(p["public_port"] for p in r["ports"]), "its port is published")
        taken = str(next(p["public_port"] for p in row["ports"] if p["private_port"] == 80))
        binding = {"PortBindings": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": taken}]}}
        second = self.publish(name="second", host=binding)
        self.engine.start(second, expect=(500,))
        self.daemon.resync()
        self.assert_equal_to_engine()
        self.assertEqual((self.row(second)["state"], self.row(second)["ports"]), ("created", []))
        # The port passes on.
        self.engine.stop(first)
        self.engine.start(second)
        self.until_row(second, lambda r: any(str(p["public_port"]) == taken for p in r["ports"]), "it has the port now")
        self.assertEqual(self.row(first)["ports"], [])

    def test_connect_and_disconnect_while_running(self):
        network, other = self.network("rc-net"), self.network("rc-other")
        container = self.publish()
        self.engine.start(container)
        self.assert_equal_to_engine()
        self.connect(network, container)
        row = self.until_row(container, lambda r: r["networks"].get("rc-net", {}).get("ip"), "it has an address there")
        self.assertEqual(row["networks"]["rc-net"]["id"], network)
        self.connect(other, container)
        self.assert_equal_to_engine()
        self.assertEqual(set(self.row(container)["networks"]), {"bridge", "rc-net", "rc-other"})
        self.disconnect(network, container)
        self.until_row(container, lambda r: "rc-net" not in r["networks"], "it has left")
        self.disconnect("bridge", container)
        self.until_row(container, lambda r: set(r["networks"]) == {"rc-other"}, "it has left the bridge")

    def test_connect_and_disconnect_while_stopped(self):
        network = self.network("rc-net")
        container = self.publish()
        self.assert_equal_to_engine()
        self.connect(network, container)
        # Of this there is no event.
        self.daemon.resync()
        self.assert_equal_to_engine()
        self.assertIn("rc-net", self.row(container)["networks"])
        self.disconnect(network, container)
        self.daemon.resync()
        self.assert_equal_to_engine()
        self.connect(network, container)
        self.engine.start(container)
        self.until_row(container, lambda r: r["networks"].get("rc-net", {}).get("ip"), "it has an address there")

    def test_network_that_goes(self):
        network = self.network("rc-net")
        container = self.engine.run(STUBBORN, host={"NetworkMode": "rc-net"})
        row = self.until_row(container, lambda r: not r["partial"] and r["networks"]["rc-net"]["ip"], "it runs there")
        self.assertEqual(row["network_mode"], "rc-net")
        self.engine.remove(container)
        self.engine.call("DELETE", f"/networks/{network}")
        self.until_row(container, lambda r: r["state"] == "missing", "it has gone")

    def test_other_network_modes(self):
        host = self.engine.run(host={"NetworkMode": "host"})
        joined = self.engine.run(host={"NetworkMode": f"container:{host}"})
        self.assert_equal_to_engine()
        self.assertEqual(self.row(host)["network_mode"], "host")
        self.assertEqual(self.row(joined)["network_mode"], f"container:{host}")

    def test_many_connects_at_once(self):
        containers = [self.publish(cmd=STUBBORN) for _ in range(4)]
        for container in containers:
            self.engine.start(container)
        networks = [self.network(f"rc-many-{i}") for i in range(3)]
        for network in networks:
            for container in containers:
                self.connect(network, container)
        for container in containers[:2]:
            self.disconnect(networks[0], container)
        self.assert_equal_to_engine()
        for container in containers:
            self.assertTrue(all(n["ip"] for n in self.row(container)["networks"].values()))
