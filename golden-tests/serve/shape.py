#!/usr/bin/env python3
"""Transformations, compositions and views over real sockets, with several backends.

  shape.py GWCTL

One backend is Python's server, whose answers name who has asked; another is `gwctl serve --mock`. Many
clients ask at the same time: what is composed for one never holds what belongs to another.
"""
import concurrent.futures
import gzip
import http.client
import http.server
import json
import pathlib
import random
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))
from gateway import SECONDS, Gateway  # noqa: E402

GWCTL = None

STOCK = """
openapi: 3.1.0
info: {title: stock, version: '1'}
paths:
  /items/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getItem
      responses:
        '200': {description: one, content: {application/json: {example: {id: 1, left: 3}}}}
"""

DOCUMENT = """
openapi: 3.1.0
info: {{title: shape, version: '1'}}
x-gw:
  upstreams:
    echo: {{targets: ['http://127.0.0.1:{echo}']}}
    stock: {{targets: ['http://127.0.0.1:{stock}']}}
    dead: {{targets: ['http://127.0.0.1:{dead}']}}
  clients:
    mobile: {{when: {{header: {{x-client: mobile, user-agent: {{not: {{prefix: Thing/}}}}}}}}}}
    iot: {{when: {{header: {{user-agent: {{prefix: Thing/}}}}}}}}
  defaults: {{upstream: echo, timeout: {{connect: 5s, try: 10s, total: 15s}}}}
paths:
  /user/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: getUser
      x-gw: {{views: {{mobile: {{pick: [path, who]}}, iot: {{pick: [who], rename: {{who: w}}}}}}}}
      responses: {{'200': {{description: ok}}}}
    post:
      operationId: postUser
      x-gw: {{request: {{body: {{omit: [admin], set: {{id: $request.path.id}}}}, query: {{remove: [debug]}}}}}}
      requestBody: {{content: {{application/json: {{}}}}}}
      responses: {{'200': {{description: ok}}}}
  /gone/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: gone
      x-gw: {{path: '/404/{{id}}', response: {{errors: {{'404': {{body: {{none: $request.path.id}}}}}}}}}}
      responses: {{'200': {{description: ok}}}}
  /all/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: getAll
      x-gw:
        compose:
          calls:
            a: {{operation: getUser, with: {{id: 'a-{{$request.path.id}}'}}, headers: {{x-who: $request.path.id}}}}
            b: {{upstream: echo, path: '/b/{{$request.path.id}}', headers: {{x-who: $request.path.id}}}}
            c: {{upstream: echo, path: '/c/{{$calls.a.body#/who}}', headers: {{x-who: '$calls.b.body#/who'}}}}
            item: {{upstream: stock, path: /items/1}}
            lost: {{upstream: dead, path: /, optional: true, fallback: none}}
            many: {{upstream: echo, path: '/many/{{$item}}', forEach: '$calls.b.body#/list', concurrency: 2, headers: {{x-who: $request.path.id}}}}
          body: {{a: $calls.a.body, b: $calls.b.body, c: $calls.c.body, left: '$calls.item.body#/left', lost: $calls.lost.body, many: $calls.many.body}}
      responses: {{'200': {{description: ok}}}}
"""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; some answers are large, some are in gzip."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        who = self.headers.get("x-who", "")
        answer = {"path": self.path, "who": who, "list": [who + "1", who + "2", who + "3"],
                  "body": body.decode(), "cookie": self.headers.get("cookie", ""),
                  "padding": who * random.randrange(2000)}
        data = json.dumps(answer).encode()
        self.send_response(404 if self.path.startswith("/404/") else 200)
        self.send_header("content-type", "application/json")
        if self.path.startswith("/user/zip"):
            data = gzip.compress(data)
            self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = handle_any

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


class Shape(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.echo = Server(("127.0.0.1", 0), Echo)
        threading.Thread(target=cls.echo.serve_forever, daemon=True).start()
        dead = Server(("127.0.0.1", 0), Echo)  # a port that nobody listens on
        port = dead.server_address[1]
        dead.server_close()
        cls.addClassCleanup(cls.echo.server_close)
        cls.addClassCleanup(cls.echo.shutdown)
        folders = [tempfile.TemporaryDirectory(), tempfile.TemporaryDirectory()]
        for folder in folders:
            cls.addClassCleanup(folder.cleanup)
        cls.stock = Gateway(GWCTL, folders[0].name, STOCK, "--mock")
        cls.addClassCleanup(cls.stock.stop)
        document = DOCUMENT.format(echo=cls.echo.server_address[1], stock=cls.stock.ports[0],
                                   dead=port)
        cls.gateway = Gateway(GWCTL, folders[1].name, document)
        cls.addClassCleanup(cls.gateway.stop)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.gateway.ports[0], timeout=SECONDS)

    def ask(self, path, method="GET", body=None, connection=None, **headers):
        own = connection or self.connect()
        own.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = own.getresponse()
        answer = response.status, json.loads(response.read()), response.headers
        if connection is None:
            own.close()
        return answer

    def test_views(self):
        _, everything, headers = self.ask("/user/7")
        self.assertEqual(everything["path"], "/user/7")
        self.assertIn("padding", everything)
        self.assertEqual(headers["vary"], "user-agent, x-client")
        _, mobile, _ = self.ask("/user/7", x_client="mobile", x_who="me")
        self.assertEqual(mobile, {"path": "/user/7", "who": "me"})
        _, thing, _ = self.ask("/user/7", user_agent="Thing/1.0", x_who="it")
        self.assertEqual(thing, {"w": "it"})

    def test_encoded_answers_are_read(self):
        _, mobile, headers = self.ask("/user/zip", x_client="mobile", x_who="me",
                                      accept_encoding="gzip")
        self.assertEqual(mobile, {"path": "/user/zip", "who": "me"})
        self.assertIsNone(headers["content-encoding"])

    def test_requests_are_changed(self):
        body = json.dumps({"name": "a", "admin": True})
        _, seen, _ = self.ask("/user/7?debug=1&x=%7e", "POST", body,
                              content_type="application/json")
        self.assertEqual(seen["path"], "/user/7?x=%7e")
        self.assertEqual(json.loads(seen["body"]), {"name": "a", "id": "7"})

    def test_errors_have_their_own_bodies(self):
        status, body, headers = self.ask("/gone/7")
        self.assertEqual((status, body), (404, {"none": "7"}))
        self.assertEqual(headers["content-type"], "application/problem+json")

    def check(self, who, answer):
        status, body, headers = answer
        self.assertEqual(status, 200)
        self.assertEqual(headers["gw-partial"], "lost")
        self.assertEqual(body["left"], 3)
        self.assertEqual(body["lost"], "none")
        self.assertEqual(body["a"]["path"], f"/user/a-{who}")
        self.assertEqual(body["b"]["path"], f"/b/{who}")
        self.assertEqual(body["c"]["path"], f"/c/{who}")
        self.assertEqual([one["path"] for one in body["many"]],
                         [f"/many/{who}{i}" for i in (1, 2, 3)])
        for part in (body["a"], body["b"], body["c"], *body["many"]):
            self.assertEqual(part["who"], who)
            self.assertEqual(part["cookie"], "")
            self.assertEqual(part["padding"].replace(who, ""), "")

    def test_compositions_do_not_mix(self):
        def client(number):
            connection = self.connect()
            for i in range(25):
                who = f"u{number}x{i}y"
                self.check(who, self.ask(f"/all/{who}", connection=connection, cookie="s=secret"))
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(client, number) for number in range(8)]:
                done.result()

    def test_clients_that_leave(self):
        for number in range(40):
            connection = self.connect()
            connection.request("GET", f"/all/gone{number}")
            connection.close()
        self.check("after", self.ask("/all/after"))


if __name__ == "__main__":
    GWCTL = sys.argv.pop(1)
    unittest.main(verbosity=1)
