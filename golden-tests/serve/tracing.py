#!/usr/bin/env python3
"""Traces of a gateway as a collector gets them: OTLP over HTTP, in JSON, and W3C Trace Context as
backends get it.

  tracing.py GWCTL
"""
import http.client
import http.server
import json
import pathlib
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import run  # noqa: E402

DOCUMENT = """
openapi: 3.1.0
info: {{title: traces, version: '1'}}
x-gw:
  version: 1
  trustedProxies: {proxies}
  upstreams:
    users: {{targets: ['http://127.0.0.1:{backend}']}}
    named: {{targets: ['http://localhost:{backend}']}}
    judge: {{targets: ['http://127.0.0.1:{backend}']}}
    idp: {{targets: ['http://127.0.0.1:{backend}']}}
    flaky: {{targets: ['http://127.0.0.1:{closed}', 'http://127.0.0.1:{backend}'], balance: {{by: roundRobin}}}}
  defaults: {{upstream: users, timeout: {{connect: 3s, try: 20s, total: 20s}}}}
  observe:
    accessLog: {{query: {query}}}
    tracing:
      endpoint: http://127.0.0.1:{collector}/v1/traces
      service: shop
      sample: {sample}
      parent: {parent}
      headers: {{authorization: 'Bearer {{$env.COLLECTOR_TOKEN}}'}}
paths:
  /users/{{id}}:
    get:
      operationId: getUser
      parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
      x-gw: {{public: test}}
      responses: {{'200': {{description: ok}}}}
  /reset/{{token}}:
    get:
      operationId: reset
      parameters: [{{name: token, in: path, required: true, schema: {{type: string}}}}]
      x-gw: {{public: test}}
      responses: {{'200': {{description: ok}}}}
  /copied/{{secret}}:
    get:
      operationId: copied
      parameters: [{{name: secret, in: path, required: true, schema: {{type: string}}}}]
      x-gw: {{public: test, mirror: {{judge: 100%}}}}
      responses: {{'200': {{description: ok}}}}
  /named:
    get:
      operationId: named
      x-gw: {{public: test, upstream: named}}
      responses: {{'200': {{description: ok}}}}
  /flaky:
    get:
      operationId: flaky
      x-gw: {{public: test, upstream: flaky, retry: {{times: 2}}}}
      responses: {{'200': {{description: ok}}}}
  /both:
    get:
      operationId: both
      x-gw:
        public: test
        compose:
          calls:
            one: {{operation: getUser, with: {{id: 1}}}}
            two: {{operation: getUser, with: {{id: 2}}}}
          body: {{one: $calls.one.body, two: $calls.two.body}}
      responses: {{'200': {{description: ok}}}}
  /guarded:
    get:
      operationId: guarded
      security: [{{oldIdp: []}}]
      x-gw: {{authorizer: {{upstream: judge, path: /may, send: [tracestate]}}}}
      responses: {{'200': {{description: ok}}}}
  /modern:
    get:
      operationId: modern
      security: [{{idp: []}}]
      responses: {{'200': {{description: ok}}}}
components:
  securitySchemes:
    idp:
      type: http
      scheme: bearer
      x-gw: {{issuer: 'https://idp.example', jwks: 'http://127.0.0.1:{backend}/keys', audiences: [shop], algorithms: [ES256]}}
    oldIdp:
      type: http
      scheme: bearer
      x-gw: {{introspection: {{upstream: idp, path: /introspect, clientId: gw, clientSecret: '{{$env.COLLECTOR_TOKEN}}', cache: 0s}}, audiences: [shop]}}
"""
UNTRACED = DOCUMENT[:DOCUMENT.index("  observe:")] + DOCUMENT[DOCUMENT.index("paths:"):]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Server:
    """Hands every request to `answer(handler, body)`, on a thread of its own."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, kind, text = answer(self, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = serve

            def log_message(self, *_):
                pass
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # whoever leaves is part of a test
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


def attributes(span):
    """{key: value}, with the one value that OTLP's AnyValue has."""
    found = {}
    for pair in span["attributes"]:
        (kind, value), = pair["value"].items()
        found[pair["key"]] = int(value) if kind == "intValue" else value
    assert len(found) == len(span["attributes"]), "a key twice"
    return found


class TracingTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.parents, self.exports, self.statuses = [], [], []
        self.asked, self.keys = {}, []
        self.changed = threading.Condition()
        self.paused = threading.Event()  # while it is not set, the backend owes its answers
        self.paused.set()
        self.backend = Server(self.answer)
        self.collector = Server(self.collect)
        for server in (self.backend, self.collector):
            self.addCleanup(server.stop)
        closed = socket.create_server(("127.0.0.1", 0))
        self.closed = closed.getsockname()[1]
        closed.close()

    def answer(self, handler, _body):
        if handler.path == "/keys":
            with self.changed:
                self.keys.append(handler.headers.get_all("traceparent"))
            return 200, "application/json", b'{"keys": []}'
        if handler.path in ("/may", "/introspect"):
            with self.changed:
                self.asked[handler.path] = (handler.headers.get_all("traceparent"),
                                            handler.headers.get_all("tracestate"))
            return 200, "application/json", b'{"active": true, "aud": "shop", "sub": "ann"}'
        with self.changed:
            self.parents.append((handler.headers.get_all("traceparent"),
                                 handler.headers.get_all("tracestate")))
            self.changed.notify_all()
        self.paused.wait(run.SECONDS)
        return 200, "application/json", b'{"id": 7}'

    def collect(self, handler, body):
        with self.changed:
            status = self.statuses.pop(0) if self.statuses else 200
            self.exports.append((handler.path, dict(handler.headers), json.loads(body), status))
            self.changed.notify_all()
        return status, "application/json", b"{}"

    def start(self, sample="100%", parent="respect", query="names", document=DOCUMENT,
              proxies="['192.0.2.1']"):
        import os
        os.environ["COLLECTOR_TOKEN"] = "a-secret-of-the-collector"
        (self.folder / "gateway.yaml").write_text(
            document.format(backend=self.backend.port, collector=self.collector.port,
                            closed=self.closed, sample=sample, parent=parent, query=query,
                            proxies=proxies),
            encoding="utf-8")
        serve = run.Serve(self.folder, "gateway.yaml", "--admin", "off")
        self.addCleanup(self.end, serve)
        return serve

    def end(self, serve):
        if serve.process.poll() is None:
            serve.process.terminate()
        self.assertEqual(serve.end(), 0)

    def get(self, serve, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", serve.port, timeout=run.SECONDS)
        connection.request(method, path, headers=headers)
        self.client_port = connection.sock.getsockname()[1]
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def spans(self, count):
        """All that the collector has taken, once there are so many."""
        def taken():
            return [span for _, _, body, status in self.exports if status == 200
                    for resource in body["resourceSpans"]
                    for scope in resource["scopeSpans"] for span in scope["spans"]]
        with self.changed:
            self.assertTrue(self.changed.wait_for(lambda: len(taken()) >= count, run.SECONDS),
                            f"{len(taken())} of {count}")
            return taken()

    def check_shape(self, spans):
        """The payload as the JSON mapping of OTLP has it."""
        ids = set()
        for span in spans:
            self.assertRegex(span["traceId"], "^[0-9a-f]{32}$")
            self.assertRegex(span["spanId"], "^[0-9a-f]{16}$")
            self.assertIn(span["kind"], (1, 2, 3))
            begin, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
            self.assertLessEqual(begin, end)
            self.assertLess(abs(begin / 1e9 - time.time()), 60)
            self.assertNotIn(span["spanId"], ids)
            ids.add(span["spanId"])
        return ids

    def test_a_request_is_a_span_with_its_try_below(self):
        serve = self.start()
        self.assertEqual(self.get(serve, "/users/7?token=hidden", traceparent=PARENT,
                                  tracestate="rojo=1,congo=2")[0], 200)
        spans = self.spans(3)
        self.check_shape(spans)
        policy, = [span for span in spans if span["kind"] == 1]
        self.assertEqual((policy["name"], attributes(policy)["gw.waited"]), ("validate", False))
        path, headers, body, _ = self.exports[0]
        self.assertEqual(path, "/v1/traces")
        self.assertEqual(headers["authorization"], "Bearer a-secret-of-the-collector")
        resource = attributes(body["resourceSpans"][0]["resource"])
        self.assertEqual(resource["service.name"], "shop")
        server, = [span for span in spans if span["kind"] == 2]
        client, = [span for span in spans if span["kind"] == 3]
        self.assertEqual(server["traceId"], PARENT[3:35])
        self.assertEqual(server["parentSpanId"], PARENT[36:52])
        self.assertEqual(server["traceState"], "rojo=1,congo=2")
        self.assertEqual(server["name"], "GET /users/{id}")
        told = attributes(server)
        self.assertEqual((told["http.request.method"], told["http.route"], told["url.path"],
                          told["http.response.status_code"], told["gw.operation"]),
                         ("GET", "/users/{id}", "/users/7", 200, "getUser"))
        self.assertEqual(client["parentSpanId"], server["spanId"])
        self.assertEqual((told["url.query"], told["network.protocol.version"],
                          told["network.peer.address"], told["network.peer.port"]),
                         ("token=*", "1.1", "127.0.0.1", self.client_port))
        asked = attributes(client)
        self.assertEqual((asked["server.address"], asked["server.port"],
                          asked["network.peer.address"], asked["network.peer.port"],
                          asked["network.protocol.version"]),
                         ("127.0.0.1", self.backend.port) * 2 + ("1.1",))
        self.assertEqual(asked["url.full"],
                         f"http://127.0.0.1:{self.backend.port}/users/7?token=*")
        # The backend has been told of the try, not of us.
        self.assertEqual(self.parents, [([f"00-{PARENT[3:35]}-{client['spanId']}-01"],
                                         ["rojo=1,congo=2"])])
        text = json.dumps(self.exports[0][2])
        self.assertFalse("hidden" in text, "a value of the query")
        self.assertFalse("secret" in text)

    def test_a_target_by_name_has_the_address_that_was_connected_to(self):
        serve = self.start()
        for _ in range(2):  # a new connection, and one that was kept
            self.assertEqual(self.get(serve, "/named")[0], 200)
        tries = [attributes(span) for span in self.spans(4) if span["kind"] == 3]
        self.assertEqual([(told["server.address"], told["network.peer.address"],
                           told["network.peer.port"]) for told in tries],
                         [("localhost", "127.0.0.1", self.backend.port)] * 2)

    def test_scheme_and_server_are_what_a_trusted_proxy_says(self):
        said = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
        for proxies, told in (("['127.0.0.1']", ("https", "shop.example", None)),
                              ("['192.0.2.1']", ("http", "127.0.0.1", "the listener's"))):
            with self.subTest(proxies):
                self.exports.clear()
                serve = self.start(proxies=proxies)
                self.assertEqual(self.get(serve, "/users/7", **said)[0], 200)
                server, = [span for span in self.spans(3) if span["kind"] == 2]
                found = attributes(server)
                port = found.get("server.port")
                self.assertEqual((found["url.scheme"], found["server.address"],
                                  "the listener's" if port == serve.port else port), told)

    def test_spans_have_of_queries_what_the_log_has(self):
        for query, told in (("keep", "expand=all&to%6ben=*"), ("names", "expand=*&to%6ben=*"),
                            ("omit", None)):
            with self.subTest(query):
                self.exports.clear()
                serve = self.start(query=query)
                self.assertEqual(self.get(serve, "/users/7?expand=all&to%6ben=hidden")[0], 200)
                spans = {span["kind"]: attributes(span) for span in self.spans(3)}
                self.assertEqual(spans[2].get("url.query"), told)
                self.assertEqual(spans[3]["url.full"].partition("/users/7")[2],
                                 f"?{told}" if told else "")
                self.assertFalse("hidden" in json.dumps(self.exports[0][2]))

    def test_who_leaves_before_the_answer_has_ended_makes_the_span_an_error(self):
        serve = self.start()
        self.paused.clear()
        self.addCleanup(self.paused.set)
        with socket.create_connection(("127.0.0.1", serve.port)) as client:
            client.sendall(b"GET /users/7 HTTP/1.1\r\nHost: a\r\n\r\n")
            with self.changed:
                self.assertTrue(self.changed.wait_for(lambda: self.parents, run.SECONDS))
            # By a reset: an end alone may be half a close.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server, = [span for span in self.spans(3) if span["kind"] == 2]
        self.assertEqual(server["status"], {"code": 2})
        self.assertTrue(attributes(server)["error.type"])

    def test_a_method_that_nobody_knows_names_no_span(self):
        serve = self.start()
        self.assertEqual(self.get(serve, "/users/7", method="BREW")[0], 405)
        server, = self.spans(1)
        told = attributes(server)
        self.assertEqual(server["name"].split()[0], "HTTP")
        self.assertEqual((told["http.request.method"], told["http.request.method_original"],
                          told["server.address"], told["server.port"]),
                         ("_OTHER", "BREW", "127.0.0.1", serve.port))

    def test_a_secret_in_the_path_is_in_no_span(self):
        serve = self.start()
        self.assertEqual(self.get(serve, "/reset/hunter2")[0], 200)
        server, = [span for span in self.spans(2) if span["kind"] == 2]
        self.assertEqual(attributes(server)["url.path"], "/reset/*")
        client, = [span for span in self.spans(2) if span["kind"] == 3]
        self.assertTrue(attributes(client)["url.full"].endswith("/reset/*"))
        self.assertFalse(any("hunter2" in json.dumps(export[2]) for export in self.exports))

    def test_each_try_and_each_part_is_a_span(self):
        serve = self.start()
        for _ in range(4):
            self.assertEqual(self.get(serve, "/flaky")[0], 200)
        self.assertEqual(self.get(serve, "/both")[0], 200)
        spans = self.spans(4 + 4 + 1 + 1 + 2 + 2)
        by_id = {span["spanId"]: span for span in spans}
        failed = [span for span in spans if span["kind"] == 3 and "status" in span]
        self.assertTrue(failed)
        for span in failed:
            self.assertEqual(span["status"], {"code": 2})
            self.assertEqual(attributes(span)["error.type"], "connect-failed")
            again = [other for other in spans if other["kind"] == 3 and other is not span
                     and other["parentSpanId"] == span["parentSpanId"]]
            self.assertTrue(any(attributes(one).get("http.request.resend_count") for one in again))
        whole, = [span for span in spans if attributes(span).get("gw.operation") == "both"]
        parts = [span for span in spans if span.get("parentSpanId") == whole["spanId"]
                 and span["name"] == "part getUser"]
        self.assertEqual(len(parts), 2)
        for part in parts:
            self.assertEqual(part["traceId"], whole["traceId"])
            tries = [span for span in spans if span.get("parentSpanId") == part["spanId"]
                     and span["kind"] == 3]
            self.assertEqual(len(tries), 1)
            self.assertEqual(by_id[tries[0]["parentSpanId"]], part)

    def test_whoever_is_asked_beside_the_request_belongs_to_its_trace(self):
        serve = self.start()
        self.assertEqual(self.get(serve, "/guarded", authorization="Bearer opaque",
                                  traceparent=PARENT, tracestate="rojo=1")[0], 200)
        spans = self.spans(6)
        self.check_shape(spans)
        server, = [span for span in spans if span["kind"] == 2]
        beside = {attributes(span)["gw.purpose"]: span for span in spans
                  if "gw.purpose" in attributes(span)}
        self.assertEqual(set(beside), {"introspection", "authorizer"})
        for purpose, path, method, upstream in (("introspection", "/introspect", "POST", "idp"),
                                                ("authorizer", "/may", "GET", "judge")):
            span = beside[purpose]
            told = attributes(span)
            self.assertEqual((span["kind"], span["name"], span["parentSpanId"], span["traceId"]),
                             (3, method, server["spanId"], PARENT[3:35]))
            self.assertEqual((told["http.request.method"], told["http.response.status_code"],
                              told["server.address"], told["server.port"], told["gw.upstream"]),
                             (method, 200, "127.0.0.1", self.backend.port, upstream))
            self.assertEqual(self.asked[path],
                             ([f"00-{PARENT[3:35]}-{span['spanId']}-01"], ["rojo=1"]))
        self.assertFalse("opaque" in json.dumps(self.exports[0][2]))
        # Keys are fetched for all requests, and for none.
        self.assertTrue(self.keys)
        self.assertEqual(set(map(str, self.keys)), {"None"})

    def test_a_copy_of_a_request_belongs_to_its_trace(self):
        serve = self.start()
        self.assertEqual(self.get(serve, "/copied/hunter2?token=hunter2&q=1", traceparent=PARENT,
                                  tracestate="rojo=1")[0], 200)
        spans = self.spans(3)
        self.check_shape(spans)
        server, = [span for span in spans if span["kind"] == 2]
        clients = {attributes(span).get("gw.purpose"): span for span in spans
                   if span["kind"] == 3}
        self.assertEqual(set(clients), {None, "mirror"})
        copy = clients["mirror"]
        told = attributes(copy)
        self.assertEqual((copy["name"], copy["parentSpanId"], copy["traceId"]),
                         ("GET", server["spanId"], PARENT[3:35]))
        self.assertEqual((told["http.response.status_code"], told["gw.upstream"],
                          told["server.port"], told["network.protocol.version"]),
                         (200, "judge", self.backend.port, "1.1"))
        self.assertEqual(attributes(clients[None])["gw.upstream"], "users")
        # Each backend is told of its own span.
        self.assertEqual(sorted(self.parents), sorted(
            ([f"00-{PARENT[3:35]}-{span['spanId']}-01"], ["rojo=1"]) for span in clients.values()))
        self.assertFalse("hunter2" in json.dumps([export[2] for export in self.exports]))

    def test_whoever_is_asked_beside_a_request_that_is_not_recorded_is_told_so(self):
        serve = self.start(sample="0%")
        self.assertEqual(self.get(serve, "/guarded", authorization="Bearer opaque")[0], 200)
        trace = self.parents[0][0][0][3:35]
        for parents, state in self.asked.values():
            self.assertEqual((parents[0][3:35], parents[0][-3:], state), (trace, "-02", None))

    def test_a_trace_passes_through_a_gateway_that_makes_none(self):
        serve = self.start(document=UNTRACED)
        self.assertEqual(self.get(serve, "/guarded", authorization="Bearer opaque",
                                  traceparent=PARENT, tracestate="rojo=1")[0], 200)
        self.assertEqual(self.asked, {path: ([PARENT], ["rojo=1"])
                                      for path in ("/may", "/introspect")})

    def test_nothing_is_recorded_that_is_not_sampled(self):
        serve = self.start(sample="0%")
        self.get(serve, "/users/1")
        self.get(serve, "/users/2", traceparent=PARENT[:-1] + "0", tracestate="a=1")
        self.get(serve, "/users/3", traceparent="nonsense", tracestate="a=1")
        self.get(serve, "/users/4", traceparent=PARENT)
        spans = self.spans(2)
        self.assertEqual({span["traceId"] for span in spans}, {PARENT[3:35]})
        none, unsampled, broken, _ = self.parents
        self.assertTrue(none[0][0].endswith("-02"))
        self.assertTrue(unsampled[0][0].startswith(PARENT[:36]))
        self.assertTrue(unsampled[0][0].endswith("-00"))
        self.assertEqual(unsampled[1], ["a=1"])
        self.assertFalse(broken[0][0].startswith(PARENT[:36]))
        self.assertIsNone(broken[1])

    def test_callers_may_be_not_believed(self):
        serve = self.start(sample="100%", parent="ignore")
        self.get(serve, "/users/1", traceparent=PARENT, tracestate="a=1")
        for span in self.spans(2):
            self.assertNotEqual(span["traceId"], PARENT[3:35])
        self.assertIsNone(self.parents[0][1])

    def test_a_busy_collector_loses_nothing(self):
        self.statuses = [503]
        serve = self.start()
        self.get(serve, "/users/1")
        self.spans(2)
        self.assertEqual([status for _, _, _, status in self.exports], [503, 200])
        serve.await_line("span_export")

    def test_what_is_left_is_sent_at_the_end(self):
        serve = self.start()
        self.get(serve, "/users/1")
        serve.process.terminate()
        self.assertEqual(serve.end(), 0)
        self.assertEqual(sorted(span["name"] for span in self.spans(2)),
                         ["GET", "GET /users/{id}", "validate"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
