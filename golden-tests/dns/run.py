#!/usr/bin/env python3
"""Targets that follow DNS, end to end over loopback: a name server and backends in plain Python, the
real gateway between them, clients that never stop asking. Everything waits for an event, with a
deadline.

usage: run.py GWCTL
"""
import http.client
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = 20
A, AAAA, SRV = 1, 28, 33


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def wait_until(holds, what):
    """Looks again and again; for what only the gateway's own clock brings about."""
    until = time.monotonic() + SECONDS
    while not holds():
        check(time.monotonic() < until, what)
        time.sleep(0.005)


def name_on_wire(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p) + b"\0"


def address(ip):
    return A, socket.inet_aton(ip)


def service(priority, weight, port, host):
    return SRV, struct.pack(">HHH", priority, weight, port) + name_on_wire(host)


class Names:
    """A name server with a TTL of 0. A name without records fails, None does not answer."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.records = {}
        self.asked = {}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            at, labels = 12, []
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
                at += 1 + query[at]
            kind = struct.unpack(">H", query[at + 1:at + 3])[0]
            name = ".".join(labels)
            self.asked[name] = self.asked.get(name, 0) + 1
            records = self.records.get(name, [])
            if records is None:
                continue
            mine = [data for record_kind, data in records if record_kind == kind]
            code = 0 if records else 2
            answer = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(mine), 0, 0)
            answer += query[12:at + 5]
            for data in mine:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(data)) + data
            self.socket.sendto(answer, peer)

    def wait_for_question(self, name):
        before = self.asked.get(name, 0)
        wait_until(lambda: self.asked.get(name, 0) > before + 1, f"nobody asks for {name}")


class Backend:
    """Answers with its name; /slow when it is told to."""

    def __init__(self, name, ip, port=0):
        self.listener = socket.create_server((ip, port), backlog=64)
        self.name = name.encode()
        self.port = self.listener.getsockname()[1]
        self.accepted = 0
        self.open = 0
        self.requests = 0
        self.hosts = set()
        self.lock = threading.Lock()
        self.slow_came = threading.Event()
        self.release = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.settimeout(60)
            with self.lock:
                self.accepted += 1
                self.open += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        buffer = b""
        try:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, buffer = buffer.split(b"\r\n\r\n", 1)
                self.hosts.add(re.search(rb"(?i)\r\nhost: ([^\r]*)", head).group(1).decode())
                with self.lock:
                    self.requests += 1
                if head.startswith(b"GET /slow "):
                    self.slow_came.set()
                    check(self.release.wait(SECONDS), "not released")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" %
                                   (len(self.name), self.name))
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1
            connection.close()


class Gateway:
    def __init__(self, gwctl, names, upstream):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name) / "gateway.yaml"
        path.write_text(f"""openapi: 3.1.0
info: {{title: Shop, version: 1.0.0}}
x-gw:
  resolvers: ['127.0.0.1:{names.port}']
  upstreams:
    orders: {{{upstream}, unavailable: {{status: 503, body: back soon}}}}
  defaults: {{upstream: orders, timeout: {{connect: 2s, try: 20s, total: 20s}}, retry: off}}
paths:
  /{{rest+}}:
    x-gw: {{anyMethod: true}}
""", encoding="utf-8")
        began = time.monotonic()
        self.process = subprocess.Popen(
            [gwctl, "serve", str(path), "--listen", "127.0.0.1:0", "--workers", "2",
             "--access-log", "off", "--grace", "500ms"],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.log = []
        self.port = None
        while self.port is None:
            line = self.process.stderr.readline().decode("utf-8", "replace")
            check(line, f"the gateway did not start: {self.log}")
            self.log.append(line)
            match = re.search(r" listening address=127\.0\.0\.1:(\d+)", line)
            self.port = int(match.group(1)) if match else None
        self.seconds_to_start = time.monotonic() - began
        threading.Thread(target=self.read_log, daemon=True).start()

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode("utf-8", "replace"))

    def lines(self, *words):
        return [line for line in list(self.log) if all(word in line for word in words)]

    def client(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(timeout=SECONDS)
        self.folder.cleanup()
        check(status == 0, f"gwctl serve ended with {status}")


def get(client, path="/orders"):
    client.request("GET", path)
    answer = client.getresponse()
    return answer.status, answer.read().decode()


class Askers:
    """Clients that ask without a pause, each on one connection."""

    def __init__(self, gateway, count):
        self.last = [""] * count
        self.answers = [0] * count
        self.failures = []
        self.stopping = False
        self.threads = [threading.Thread(target=self.ask, args=(gateway, i)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, gateway, number):
        client = gateway.client()
        while not self.stopping:
            try:
                status, body = get(client)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                return
            if status != 200:
                self.failures.append(f"{status} {body}")
            self.last[number] = body
            self.answers[number] += 1

    def wait_for(self, bodies):
        wait_until(lambda: self.failures or set(self.last) <= set(bodies), f"never only {bodies}")

    def wait_for_more(self, each):
        goal = [count + each for count in self.answers]
        wait_until(lambda: self.failures or all(a >= g for a, g in zip(self.answers, goal)),
                   "no more answers")

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        check(not self.failures, f"{len(self.failures)} failed requests: {self.failures[:3]}")


def moves_without_a_failure(gwctl, upstream):
    """From A to B under load; what is in flight at A ends there; A's connections are closed."""
    names = Names()
    a = Backend("a", "127.0.0.1")
    b = Backend("b", "127.0.0.2", a.port)
    names.records["orders.test"] = [address("127.0.0.1")]
    with Gateway(gwctl, names, upstream.replace("PORT", str(a.port))) as gateway:
        slow = gateway.client()
        slow.request("GET", "/slow")
        check(a.slow_came.wait(SECONDS), "the slow request did not arrive")
        askers = Askers(gateway, 4)
        askers.wait_for({"a"})
        names.records["orders.test"] = [address("127.0.0.2")]
        askers.wait_for({"b"})
        asked_a = a.requests
        askers.wait_for_more(100)
        check(a.requests == asked_a, "requests still go to the one that has left")
        wait_until(lambda: a.open == 1, "idle connections to the one that has left stay open")
        a.release.set()
        answer = slow.getresponse()
        check((answer.status, answer.read()) == (200, b"a"), "the slow request")
        wait_until(lambda: a.open == 0, "the last connection to the one that has left stays open")
        # Nobody knows the name any more: the last answer stays.
        names.records["orders.test"] = []
        names.wait_for_question("orders.test")
        askers.wait_for_more(100)
        askers.stop()
        check(len(gateway.lines(" dns ", "state=failing")) == 1, "one line in the log")
        check(len(gateway.lines("upstream_targets", "127.0.0.2", "removed=")) == 1, "the change")
    check(a.hosts == b.hosts == {f"127.0.0.1:{gateway.port}"}, f"Host: {a.hosts} {b.hosts}")


def moves_dns(gwctl):
    moves_without_a_failure(
        gwctl, "dns: {name: orders.test, port: PORT, refresh: {min: 100ms}}")


def moves_host_of_target(gwctl):
    # Its bounds are fixed: a TTL of 0 is a second.
    moves_without_a_failure(gwctl, "targets: ['http://orders.test:PORT']")


def keeps_connections_to_what_stays(gwctl):
    names = Names()
    a = Backend("a", "127.0.0.1")
    b = Backend("b", "127.0.0.2", a.port)
    c = Backend("c", "127.0.0.3", a.port)
    names.records["orders.test"] = [address("127.0.0.1"), address("127.0.0.2")]
    upstream = (f"dns: {{name: orders.test, port: {a.port}, refresh: {{min: 100ms}}}}, "
                "balance: roundRobin")
    with Gateway(gwctl, names, upstream) as gateway:
        client = gateway.client()
        bodies = {get(client)[1] for _ in range(10)}
        check(bodies == {"a", "b"}, f"both take part: {bodies}")
        check((a.accepted, b.accepted) == (1, 1), "one connection each")
        names.records["orders.test"] = [address("127.0.0.2"), address("127.0.0.3")]
        wait_until(lambda: get(client)[1] == "c", "the new one takes no part")
        bodies = {get(client)[1] for _ in range(10)}
        check(bodies == {"b", "c"}, f"both take part: {bodies}")
        wait_until(lambda: a.open == 0, "a connection to the one that has left stays open")
        check((b.accepted, b.open) == (1, 1), "the connection to the one that stays was not kept")
        check(c.accepted == 1, "one connection to the new one")


def follows_services(gwctl):
    names = Names()
    a = Backend("a", "127.0.0.1")
    b = Backend("b", "127.0.0.1")
    names.records["one.test"] = [address("127.0.0.1")]
    names.records["_http._tcp.orders.test"] = [service(1, 1, a.port, "one.test"),
                                               service(2, 9, b.port, "one.test")]
    upstream = "dns: {name: _http._tcp.orders.test, srv: true, refresh: {min: 100ms}}"
    with Gateway(gwctl, names, upstream) as gateway:
        askers = Askers(gateway, 2)
        askers.wait_for({"a"})
        askers.wait_for_more(100)
        check(b.requests == 0, "the backup serves while it is not needed")
        names.records["_http._tcp.orders.test"] = [service(1, 1, b.port, "one.test")]
        askers.wait_for({"b"})
        askers.stop()


def checks_follow(gwctl):
    """Active checks go to the targets of the day; a new one that is ill is not used."""
    names = Names()
    a = Backend("a", "127.0.0.1")
    b = Backend("b", "127.0.0.2", a.port)
    names.records["orders.test"] = [address("127.0.0.1")]
    upstream = (f"dns: {{name: orders.test, port: {a.port}, refresh: {{min: 100ms}}}}, "
                "health: {path: /healthz, interval: 100ms}")
    with Gateway(gwctl, names, upstream) as gateway:
        wait_until(lambda: a.requests > 2, "no checks")
        check(f"orders.test:{a.port}" in a.hosts, f"Host of checks: {a.hosts}")
        names.records["orders.test"] = [address("127.0.0.2")]
        wait_until(lambda: b.requests > 2, "the new one is not checked")
        asked_a = a.requests
        before = b.requests
        wait_until(lambda: b.requests > before + 3, "the new one is not checked")
        check(a.requests <= asked_a + 1, "the one that has left is still checked")
        names.records["orders.test"] = [address("127.0.0.2"), address("127.0.0.4")]
        wait_until(lambda: gateway.lines("upstream_health", f"127.0.0.4:{a.port}", "unhealthy"),
                   "nobody notices that nothing is there")
        client = gateway.client()
        check({get(client) for _ in range(20)} == {(200, "b")}, "the ill one is used")


def starts_without_a_name(gwctl):
    names = Names()
    a = Backend("a", "127.0.0.1")
    upstream = f"dns: {{name: orders.test, port: {a.port}, refresh: {{min: 100ms}}}}"
    with Gateway(gwctl, names, upstream) as gateway:
        check(gateway.seconds_to_start < 4, "an error at once holds the start up")
        client = gateway.client()
        check(get(client) == (503, "back soon"), "`unavailable`")
        check(len(gateway.lines(" dns ", "name=orders.test", "using=nothing")) == 1, "the log")
        names.records["orders.test"] = [address("127.0.0.1")]
        wait_until(lambda: get(client) == (200, "a"), "it resolves, and is not used")
        # It was written before, and is read by a thread of the test.
        wait_until(lambda: gateway.lines(" dns ", "state=resolved"), "the log")
        check(len(gateway.lines(" dns ", "state=resolved")) == 1, "the log")


def silence_does_not_prevent_the_start(gwctl):
    names = Names()
    names.records["orders.test"] = None
    with Gateway(gwctl, names, "targets: ['http://orders.test:80']") as gateway:
        check(gateway.seconds_to_start < 15, f"{gateway.seconds_to_start:.1f} s to start")
        check(get(gateway.client()) == (503, "back soon"), "`unavailable`")


def main():
    for test in [moves_dns, moves_host_of_target, keeps_connections_to_what_stays, follows_services,
                 checks_follow, starts_without_a_name, silence_does_not_prevent_the_start]:
        test(sys.argv[1])
        print(f"ok {test.__name__}", flush=True)


if __name__ == "__main__":
    main()
