#!/usr/bin/env python3
"""A gateway under mixed traffic for a while, with reloads, and with backends that are killed and come
back: no wrong answer, and neither memory nor descriptors that grow.

  soak.py GWCTL [SECONDS]

15 seconds otherwise, for CI; 1800 for a release. HTTP/1.1 with and without TLS, HTTP/2 by Node and curl
(without Node that of curl alone), WebSocket and streams of events that live across reloads; callers with
tokens and keys, whose answers may be nobody else's; stored, changed, composed and encoded answers, and
refused ones. All are logged, and a tenth is traced. soak_traffic.py says of each what is right.

While one of two backends is away requests go to the other. Two kinds may fail then, and say so: requests
that cannot be sent again, and those that are under way to a backend when it is killed and have had the
head of its answer. A third backend stays: what lives there may not end at all.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402
import soak_traffic as traffic  # noqa: E402
from soak_backend import Backend  # noqa: E402

# What a sanitizer holds back of freed memory would count as growth.
os.environ["ASAN_OPTIONS"] = ":".join(
    [os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=4", "thread_local_quarantine_size_kb=16"]).lstrip(":")

WHOLE = 15
FEW, LIMITED = 5, 20  # per second, and as many at once
CALLERS = ("ann", "bob", "eve", "mallory", "expired", "forged")

GATEWAY = """
openapi: 3.1.0
info: {{title: soak, version: '{version}'}}
x-gw:
  version: 1
  public: for a test
  listeners:
    - {{address: '127.0.0.1:0'}}
    - {{address: '127.0.0.1:0', tls: {{cert: $file.{folder}/tls.crt, key: $file.{folder}/tls.key}}}}
  upstreams:
    items: {{targets: ['http://127.0.0.1:{one}', 'http://127.0.0.1:{two}'], outlier: {{consecutive: 3, eject: 500ms, maxEject: 500ms}}}}
    steady: {{targets: ['http://127.0.0.1:{three}']}}
  consumers: {consumers}
  observe: {{accessLog: {{to: /dev/null}}, tracing: {{endpoint: 'http://127.0.0.1:{three}/v1/traces', sample: 10%}}}}
  defaults:
    upstream: items
    timeout: {{connect: 2s, try: 10s, total: 30s}}
    request: {{headers: {{remove: [x-who]}}}}
    retry: {{times: 3, causes: [connect, reset, refused, 502, 503], budget: 100%}}
components:
  securitySchemes:
    token: {{type: http, scheme: bearer, x-gw: {{issuer: 'https://soak.test', audiences: [soak], algorithms: [RS256], jwks: {{keys: [{key}]}}, claims: {{tenant: {{type: string, required: true}}}}}}}}
    key: {{type: apiKey, in: header, name: X-Key}}
paths:
  /version: {{get: {{operationId: version, x-gw: {{respond: {{body: '{version}', headers: {{x-version: '{version}'}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /items/{{id}}:
    parameters: [{parameter}]
    get: {{operationId: plain, responses: {{'200': {{description: ok}}}}}}
  /stored/{{id}}:
    parameters: [{parameter}]
    get: {{operationId: stored, x-gw: {{path: '/items/{{$request.path.id}}', cache: {{ttl: 1s}}, compress: {{}}}}, responses: {{'200': {{description: ok}}}}}}
  /shown/{{id}}:
    parameters: [{parameter}]
    get: {{operationId: shown, x-gw: {{path: '/items/{{$request.path.id}}', response: {{body: {{omit: [secret, text, at]}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /pair/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: pair
      x-gw:
        compose:
          calls:
            one: {{operation: plain, with: {{id: $request.path.id}}}}
            two: {{operation: shown, with: {{id: $request.path.id}}}}
          body: {{one: $calls.one.body#/id, two: $calls.two.body}}
      responses: {{'200': {{description: ok}}}}
  /few:
    get: {{operationId: few, x-gw: {{respond: {{body: few}}, rateLimit: {{few: {{key: $client.ip, limit: {few}/s}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /items:
    post:
      operationId: add
      requestBody: {{required: true, content: {{application/json: {{schema: {{type: object, required: [id], properties: {{id: {{type: integer}}}}}}}}}}}}
      responses: {{'201': {{description: ok}}}}
  /echo:
    post: {{operationId: echo, requestBody: {{content: {{application/octet-stream: {{}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /mine/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: mine
      security: [{{token: [read]}}]
      x-gw: {{path: '/items/{{$request.path.id}}', request: {{headers: {{set: {{x-who: $jwt.sub}}}}}}, compress: {{}}}}
      responses: {{'200': {{description: ok}}}}
  /kept/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: kept
      security: [{{token: []}}]
      x-gw: {{path: '/items/{{$request.path.id}}', request: {{headers: {{set: {{x-who: $jwt.sub}}}}}}, cache: {{ttl: 1s}}, compress: {{}}}}
      responses: {{'200': {{description: ok}}}}
  /team/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: team
      security: [{{token: []}}]
      x-gw: {{path: '/items/{{$request.path.id}}', request: {{headers: {{set: {{x-who: $jwt.tenant}}}}}}, cache: {{ttl: 1s, shared: true}}, compress: {{}}}}
      responses: {{'200': {{description: ok}}}}
  /both/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: both
      security: [{{token: [read]}}]
      x-gw:
        compose:
          calls:
            own: {{operation: mine, with: {{id: $request.path.id}}}}
            kept: {{operation: kept, with: {{id: $request.path.id}}}}
          body: {{own: $calls.own.body#/who, kept: $calls.kept.body#/who, id: $calls.kept.body#/id}}
      responses: {{'200': {{description: ok}}}}
  /keyed/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: keyed
      security: [{{key: []}}]
      x-gw: {{path: '/items/{{$request.path.id}}', request: {{headers: {{set: {{x-who: $consumer.name}}}}}}, cache: {{ttl: 1s}}, compress: {{}}}}
      responses: {{'200': {{description: ok}}}}
  /limited/{{id}}:
    parameters: [{parameter}]
    get:
      operationId: limited
      security: [{{key: []}}]
      x-gw: {{path: '/items/{{$request.path.id}}', request: {{headers: {{set: {{x-who: $consumer.name}}}}}}, rateLimit: {{each: {{key: $consumer.name, limit: {limited}/s}}}}}}
      responses: {{'200': {{description: ok}}}}
  /events/{{name}}:
    parameters: [{name}]
    get: {{operationId: events, x-gw: {{compress: {{}}}}, responses: {{'200': {{description: ok, content: {{text/event-stream: {{}}}}}}}}}}
  /steady/events/{{name}}:
    parameters: [{name}]
    get: {{operationId: steadyEvents, x-gw: {{upstream: steady, path: '/events/{{$request.path.name}}', compress: {{}}}}, responses: {{'200': {{description: ok, content: {{text/event-stream: {{}}}}}}}}}}
  /socket/{{name}}:
    parameters: [{name}]
    get: {{operationId: socket, x-gw: {{upgrade: websocket}}, responses: {{'101': {{description: switched}}}}}}
  /steady/socket/{{name}}:
    parameters: [{name}]
    get: {{operationId: steadySocket, x-gw: {{upgrade: websocket, upstream: steady, path: '/socket/{{$request.path.name}}'}}, responses: {{'101': {{description: switched}}}}}}
"""
ID = "{name: id, in: path, required: true, schema: {type: integer}}"
NAME = "{name: name, in: path, required: true, schema: {type: string}}"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs by openssl, once for each caller."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "issuer.pem"
        self.openssl("genrsa", "-out", str(self.path), "2048")

    def openssl(self, *arguments, **named):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder,
                              timeout=run.SECONDS, **named).stdout

    def key(self):
        modulus = self.openssl("rsa", "-in", str(self.path), "-noout", "-modulus").split(b"=")[1].strip()
        return {"kty": "RSA", "kid": "soak", "alg": "RS256", "use": "sig", "e": "AQAB",
                "n": base64url(bytes.fromhex(modulus.decode()))}

    def token(self, name):
        claims = {"iss": "https://soak.test", "aud": "soak", "sub": name,
                  "scope": "write" if name == "mallory" else "read",
                  "tenant": traffic.Asker.TENANTS.get(name, "none"),
                  "exp": int(time.time()) + (-3600 if name == "expired" else 6 * 3600)}
        parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "soak"}, claims)]
        signature = self.openssl("dgst", "-sha256", "-sign", str(self.path), input=".".join(parts).encode())
        if name == "forged":
            signature = signature[:-1] + bytes((signature[-1] ^ 1,))
        return ".".join((*parts, base64url(signature)))


class Samples(threading.Thread):
    """Memory and descriptors, from time to time."""

    def __init__(self, pid, ending):
        super().__init__(daemon=True)
        self.folder, self.ending, self.taken = pathlib.Path(f"/proc/{pid}"), ending, []

    def run(self):
        while not self.ending.wait(min(1, WHOLE / 100)):
            status = (self.folder / "status").read_text()
            resident = int(status.split("VmRSS:")[1].split()[0])
            self.taken.append((resident, len(os.listdir(self.folder / "fd"))))

    def ends(self):
        """Medians of the first and of the last fifth: memory (KiB), descriptors."""
        fifth = max(1, len(self.taken) // 5)
        return [tuple(int(statistics.median(column)) for column in zip(*part))
                for part in (self.taken[:fifth], self.taken[-fifth:])]


class SoakTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.backends = [Backend() for _ in range(3)]
        for backend in self.backends:
            self.addCleanup(backend.kill)
        issuer = Issuer(self.folder)
        issuer.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-days", "2", "-subj", "/CN=soak.test", "-addext", "subjectAltName=IP:127.0.0.1",
                       "-keyout", "tls.key", "-out", "tls.crt")
        self.certificate = self.folder / "tls.crt"
        self.tokens = {name: issuer.token(name) for name in CALLERS}
        self.keys = {name: base64url(os.urandom(24)) for name in ("acme", "bolt", "quiet")}
        for version in (1, 2):
            self.compile(version, issuer.key())
        self.kills, self.score = traffic.Kills(), traffic.Score()
        self.judge = traffic.Judge(self.score, self.kills)
        before, threading.excepthook = threading.excepthook, self.blame_thread
        self.addCleanup(setattr, threading, "excepthook", before)

    def blame_thread(self, problem):
        """A client that falls silent is no good sign."""
        self.score.blame(f"{problem.thread.name}: {problem.exc_type.__name__} {problem.exc_value}")
        threading.__excepthook__(problem)

    def compile(self, version, key):
        consumers = {name: {"keys": ["sha256:" + hashlib.sha256(value.encode()).hexdigest()]}
                     for name, value in self.keys.items()}
        one, two, three = (backend.port for backend in self.backends)
        text = GATEWAY.format(version=version, one=one, two=two, three=three, folder=self.folder, few=FEW,
                              limited=LIMITED, parameter=ID, name=NAME, key=json.dumps(key),
                              consumers=json.dumps(consumers))
        (self.folder / f"{version}.yaml").write_text(text, encoding="utf-8")
        self.gwctl("compile", f"{version}.yaml", "-o", f"{version}.gwt", "-q")

    def gwctl(self, *arguments):
        done = subprocess.run([run.GWCTL, *arguments], cwd=self.folder, timeout=60, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)

    def serve(self):
        self.admin = f"unix:{self.folder / 'private' / 'admin.sock'}"
        serve = run.Serve(self.folder, "1.gwt", "--admin", self.admin, listen=None, access_log=None)
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address=")
        listening = [line for line in serve.lines if "listening" in line]
        self.plain, self.secure = (int(line.split("127.0.0.1:")[1].split()[0].strip('"'))
                                   for line in listening)
        return serve

    def asker(self, seed):
        return traffic.Asker(seed, self.tokens, self.keys)

    def clients(self):
        """Threads that ask, and what is closed behind them."""
        judge, plain, secure = self.judge, self.plain, self.secure
        context = traffic.trusting(self.certificate)
        connects = [lambda: traffic.Http1(plain), lambda: traffic.Http1(secure, context)] * 2
        made = [traffic.Client(judge, self.asker(seed), connect) for seed, connect in enumerate(connects)]
        curl = traffic.Curl(secure, self.certificate)
        draw = self.asker(100)
        made.append(traffic.Paced(judge, curl, 0.2, lambda: draw.ask_stored(draw.random.randrange(20))))
        quiet = self.asker(101)
        made.append(traffic.Paced(judge, traffic.Http1(plain), 0.25, lambda: quiet.ask_limited(7, "quiet")))
        for seed, path in enumerate(("/events", "/steady/events") * 2):
            made.append(traffic.Events1(judge, path, seed, secure if seed < 2 else plain,
                                        context if seed < 2 else None, "gzip" if seed % 3 else "identity"))
        for seed, path in enumerate(("/socket", "/steady/socket") * 2):
            made.append(traffic.Sockets(judge, path, seed, secure if seed < 2 else plain,
                                        context if seed < 2 else None))
        if not shutil.which("node"):
            print("skipped: HTTP/2 by Node, which is not installed")
            return made, []
        http2 = traffic.Http2(secure, self.certificate)
        made += [traffic.Client(judge, self.asker(200 + seed), lambda: http2, brotli=True) for seed in range(4)]
        made += [traffic.Events2(judge, path, 300, http2, "identity") for path in ("/events", "/steady/events")]
        return made, [http2]

    def disturb(self):
        """One round: another table, stored answers thrown away now and then, a backend that dies."""
        self.reloads += 1
        version = 1 + self.reloads % 2
        self.gwctl("reload", f"{version}.gwt", "--admin", self.admin, "-q")
        fresh = traffic.Http1(self.plain)
        self.judge.ask(fresh, traffic.Question("version after reload", "/version", lambda body: body == b"%d" % version))
        fresh.close()
        if self.reloads % 4 == 0:
            self.gwctl("purge", "--all", "--admin", self.admin, "-q")
        victim = self.backends[self.reloads % 2]
        self.kills.note(victim.process.pid)
        victim.kill()
        self.score.ending.wait(0.3)
        victim.start()
        self.score.ending.wait(1.2)  # its ejection ends before the other one goes

    def soak(self, samples, clients):
        begun = time.monotonic()
        for thread in (samples, *clients):
            thread.start()
        try:
            while time.monotonic() - begun < WHOLE and not self.score.ending.is_set():
                self.disturb()
        finally:
            self.score.ending.set()
            for thread in clients:
                thread.join(60)
        self.assertFalse([thread for thread in clients if thread.is_alive()])
        return time.monotonic() - begun

    def test_no_answer_is_wrong_and_nothing_grows(self):
        serve = self.serve()
        self.reloads = 0
        clients, transports = self.clients()
        samples = Samples(serve.process.pid, self.score.ending)
        try:
            seconds = self.soak(samples, clients)
        finally:
            for transport in transports:
                transport.close()
        early, late = samples.ends()
        print(f"soak: {seconds:.0f} s, {self.reloads} reloads and as many kills\n{self.score.table()}\n"
              f"  memory {early[0]} to {late[0]} KiB, descriptors {early[1]} to {late[1]}", flush=True)
        self.assertEqual(self.score.wrong, [])
        self.check_counts(seconds, clients)
        self.assertLess(late[0], early[0] * 1.1 + 8 * 1024)
        self.assertLess(late[1], early[1] + 32)
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def check_counts(self, seconds, clients):
        counts = self.score.counts
        limits = {"limited by address": FEW, **{f"limited {name}": LIMITED for name in traffic.Asker.LOUD}}
        for kind, limit in limits.items():
            self.assertGreater(counts[f"kind: {kind}"], 0)
            self.assertLessEqual(counts[f"kind: {kind}"], limit + limit * seconds, kind)
        answers = sum(count for name, count in counts.items() if name.endswith(": answers"))
        failed = sum(count for name, count in counts.items() if name.startswith("HTTP/") and "a kill" in name)
        print(f"soak: {answers} answers, {failed} requests that a kill has cost", flush=True)
        self.assertGreater(answers, 20 * seconds)
        # A few requests are under way to a backend that dies, and most of them are sent again.
        self.assertLessEqual(failed, 5 + 2 * self.reloads)
        for thread in clients:
            if isinstance(thread, traffic.Stream) and "steady" in thread.path:
                self.assertEqual(thread.opened, 1, thread.path)
                self.assertGreater(thread.moved, seconds, thread.path)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    if len(sys.argv) == 3:
        WHOLE = int(sys.argv.pop())
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
