"""A unix-socket proxy before the engine: it records what is asked, and breaks what it is told to break.

Connections are taken one request after the other, so what comes back after a request's head belongs to it.
"""
import os
import socket
import threading


class Fault:
    """Done once to the answer of the next request whose path starts with `prefix`, after `after` bytes of it."""

    def __init__(self, prefix, after, kind):
        assert kind in ("cut", "stall")
        self.prefix = prefix
        self.after = after
        self.kind = kind
        self.happened = threading.Event()


class Proxy:
    """Listens at `path` for the engine at `target`, from the start or when told to."""

    def __init__(self, path, target, listen=True):
        self.path = path
        self.host = "unix://" + path
        self._target = target
        self._lock = threading.Lock()
        self._faults = []
        self._pairs = set()
        self._listener = None
        self.requests = []
        self.malformed = []
        if listen:
            self.listen()

    # ---- what the tests do ----

    def listen(self):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """Ends every connection and refuses new ones."""
        if self._listener:
            # Only a shutdown wakes the thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            os.unlink(self.path)
        self.cut()

    def cut(self):
        """Ends every connection that there is; new ones are taken."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair)

    def break_next(self, prefix, after=0, kind="cut"):
        fault = Fault(prefix, after, kind)
        with self._lock:
            self._faults.append(fault)
        return fault

    def methods(self):
        with self._lock:
            return {method for method, _ in self.requests}

    def paths(self):
        with self._lock:
            return [path for _, path in self.requests]

    # ---- the wires ----

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                far.connect(self._target)
            except OSError:
                near.close()
                far.close()
                continue
            pair = _Pair(near, far)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._forth, args=(pair,), daemon=True).start()
            threading.Thread(target=self._back, args=(pair,), daemon=True).start()

    def _end(self, pair):
        with self._lock:
            self._pairs.discard(pair)
        pair.end()

    def _forth(self, pair):
        """To the engine: every byte, and a note of each request's first line."""
        held = b""
        while data := pair.receive(pair.near):
            held += data
            while b"\r\n\r\n" in held:
                head, held = held.split(b"\r\n\r\n", 1)
                self._note(pair, head)
            if not pair.send(pair.far, data):
                break
        if held:
            self.malformed.append(held[:200])
        self._end(pair)

    def _note(self, pair, head):
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3:
            self.malformed.append(head[:200])
            return
        method, path = words[0], words[1]
        # The version is the daemon's business.
        bare = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
        with self._lock:
            self.requests.append((method, bare))
            pair.fault = next((f for f in self._faults if bare.startswith(f.prefix)), None)
            if pair.fault:
                self._faults.remove(pair.fault)
                pair.left = pair.fault.after

    def _back(self, pair):
        """From the engine, up to a fault."""
        while data := pair.receive(pair.far):
            fault = pair.fault
            if fault:
                data, pair.left = data[:pair.left], pair.left - len(data)
                if not pair.send(pair.near, data):
                    break
                if pair.left > 0:
                    continue
                fault.happened.set()
                if fault.kind == "stall":
                    # The answer stops here; only the mirror ends it now.
                    pair.ended.wait()
                break
            if not pair.send(pair.near, data):
                break
        self._end(pair)


class _Pair:
    def __init__(self, near, far):
        self.near = near
        self.far = far
        self.fault = None
        self.left = 0
        self.ended = threading.Event()

    @staticmethod
    def receive(sock):
        try:
            return sock.recv(65536)
        except OSError:
            return b""

    @staticmethod
    def send(sock, data):
        try:
            sock.sendall(data)
            return True
        except OSError:
            return False

    def end(self):
        self.ended.set()
        for sock in (self.near, self.far):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
