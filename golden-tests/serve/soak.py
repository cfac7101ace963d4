#!/usr/bin/env python3
"""A gateway under mixed traffic for a while, with reloads, and with backends that are killed and come
back: no wrong answer, and neither memory nor descriptors that grow.

  soak.py GWCTL [SECONDS]

15 seconds otherwise, for CI; 1800 for a release. Every answer is compared with what its path asks for.
While one of two backends is away requests go to the other. Two kinds may fail then, and say so: requests
that cannot be sent again, and those whose backend was killed between the head and the body of its answer
(502; a few of a hundred kills at the most).
"""
import http.client
import http.server
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

WHOLE = 15
CLIENTS = 4

GATEWAY = """
openapi: 3.1.0
info: {{title: soak, version: '{version}'}}
x-gw:
  version: 1
  public: for a test
  upstreams:
    items: {{targets: ['http://127.0.0.1:{one}', 'http://127.0.0.1:{two}'], outlier: {{consecutive: 3, eject: 500ms, maxEject: 500ms}}}}
  defaults:
    upstream: items
    timeout: {{connect: 2s, try: 10s, total: 30s}}
    retry: {{times: 3, causes: [connect, reset, refused, 502, 503], budget: 100%}}
paths:
  /version: {{get: {{operationId: version, x-gw: {{respond: {{body: '{version}'}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /items/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    get: {{operationId: plain, responses: {{'200': {{description: ok}}}}}}
  /stored/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    get: {{operationId: stored, x-gw: {{path: '/items/{{$request.path.id}}', cache: {{ttl: 1s}}, compress: {{}}}}, responses: {{'200': {{description: ok}}}}}}
  /shown/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    get: {{operationId: shown, x-gw: {{path: '/items/{{$request.path.id}}', response: {{body: {{omit: [secret, text]}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /pair/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
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
    get: {{operationId: few, x-gw: {{respond: {{body: few}}, rateLimit: {{few: {{key: $client.ip, limit: 5/s}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /items:
    post:
      operationId: add
      requestBody: {{required: true, content: {{application/json: {{schema: {{type: object, required: [id], properties: {{id: {{type: integer}}}}}}}}}}}}
      responses: {{'201': {{description: ok}}}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Handler(http.server.BaseHTTPRequestHandler):
    """Of the backends: an item for each number, and items that are added."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, kind, body):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        number = int(self.path.rsplit("/", 1)[1])
        item = {"id": number, "secret": f"s{number}", "text": "t" * 2000}
        self.answer(200, "application/json", json.dumps(item).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, "text/plain", b"added")

    def log_message(self, *_):
        pass


def serve_items(port):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


class Backend:
    """A process of its own, on a port that it gets again."""

    def __init__(self):
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, __file__, "--items", str(self.port)],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Client(threading.Thread):
    def __init__(self, port, seed, ending):
        super().__init__(daemon=True)
        self.port, self.random, self.ending = port, random.Random(seed), ending
        self.answers, self.refused, self.unsure, self.cut, self.wrong = 0, 0, 0, 0, []

    def run(self):
        connection = None
        while not self.ending.is_set() and len(self.wrong) < 10:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.ask(connection)
            except (OSError, ValueError, http.client.HTTPException) as problem:
                self.wrong.append(f"no answer: {problem!r}")
                connection.close()
                connection = None
            if connection is not None and self.random.random() < 0.02:
                connection.close()
                connection = None

    def ask(self, connection):
        number = self.random.randrange(1000)
        kind = self.random.choice(("items", "items", "stored", "shown", "pair", "version", "few",
                                   "bad", "nowhere", "post"))
        if kind == "post":
            connection.request("POST", "/items", body=json.dumps({"id": number}),
                               headers={"content-type": "application/json"})
        elif kind == "bad":
            connection.request("POST", "/items", body=json.dumps({"id": str(number)}),
                               headers={"content-type": "application/json"})
        else:
            path = f"/{kind}" if kind in ("version", "few", "nowhere") else f"/{kind}/{number}"
            connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        self.judge(kind, number, answer.status, body)
        self.answers += 1

    def judge(self, kind, number, status, body):
        expected = {"bad": 400, "nowhere": 404, "post": 201}.get(kind, 200)
        if kind == "few" and status == 429:
            self.refused += 1
            return
        # A POST may have had its effect when the backend was killed: it is not sent again.
        if kind == "post" and status in (502, 503):
            self.unsure += 1
            return
        if kind in ("items", "stored", "shown", "pair") and status == 502:
            self.cut += 1
            return
        if status != expected:
            self.wrong.append(f"{kind} {number}: {status} {body[:200]}")
            return
        right = True
        if kind in ("items", "stored"):
            told = json.loads(body)
            right = (told["id"], told["secret"], len(told["text"])) == (number, f"s{number}", 2000)
        elif kind == "shown":
            right = json.loads(body) == {"id": number}
        elif kind == "pair":
            right = json.loads(body) == {"one": number, "two": {"id": number}}
        elif kind == "version":
            right = body in (b"1", b"2")
        if not right:
            self.wrong.append(f"{kind} {number}: {body[:200]}")


class SoakTest(unittest.TestCase):
    def usage(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0])
        return resident, len(os.listdir(f"/proc/{pid}/fd"))

    def test_no_answer_is_wrong_and_nothing_grows(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = pathlib.Path(temporary.name)
        backends = [Backend(), Backend()]
        for backend in backends:
            self.addCleanup(backend.kill)
        for version in (1, 2):
            (folder / f"{version}.yaml").write_text(
                GATEWAY.format(version=version, one=backends[0].port, two=backends[1].port),
                encoding="utf-8")
            subprocess.run([run.GWCTL, "compile", f"{version}.yaml", "-o", f"{version}.gwt", "-q"],
                           cwd=folder, check=True, timeout=run.SECONDS, capture_output=True)
        admin = f"unix:{folder / 'private' / 'admin.sock'}"
        serve = run.Serve(folder, "1.gwt", "--admin", admin)
        self.addCleanup(serve.process.kill)
        serve.await_line("admin address=")
        ending = threading.Event()
        clients = [Client(serve.port, seed, ending) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        begun, early, kills, reloads = time.monotonic(), None, 0, 0
        try:
            while (passed := time.monotonic() - begun) < WHOLE and not any(c.wrong for c in clients):
                reloads += 1
                subprocess.run([run.GWCTL, "reload", f"{1 + reloads % 2}.gwt", "--admin", admin, "-q"],
                               cwd=folder, check=True, timeout=run.SECONDS,
                               stdout=subprocess.DEVNULL)
                victim = backends[kills % 2]
                kills += 1
                victim.kill()
                ending.wait(0.3)
                victim.start()
                ending.wait(1.2)  # its ejection ends before the other one goes
                if early is None and passed > WHOLE / 4:
                    early = self.usage(serve.process.pid)
        finally:
            ending.set()
            for client in clients:
                client.join(60)
        late = self.usage(serve.process.pid)
        wrong = [text for client in clients for text in client.wrong]
        answers = sum(client.answers for client in clients)
        print(f"soak: {answers} answers in {WHOLE} s, {reloads} reloads, {kills} kills, "
              f"{sum(c.refused for c in clients)} refused by the limit, "
              f"{sum(c.unsure for c in clients)} requests that could not be sent again, "
              f"{sum(c.cut for c in clients)} whose backend died within its answer, "
              f"memory {early[0]} to {late[0]} KiB, descriptors {early[1]} to {late[1]}")
        self.assertEqual(wrong, [])
        self.assertLessEqual(sum(client.cut for client in clients), 1 + kills / 25)
        self.assertGreater(answers, 100 * WHOLE / 15)
        self.assertLess(late[0], early[0] * 1.1 + 8 * 1024)
        self.assertLess(late[1], early[1] + 32)
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--items"]:
        serve_items(int(sys.argv[2]))
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    if len(sys.argv) == 3:
        WHOLE = int(sys.argv.pop())
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
