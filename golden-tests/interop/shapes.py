#!/usr/bin/env python3
"""The shape of data, clause by clause, over sockets: one gateway before `gwctl serve --mock` twice,
nginx and a Node server.

  shapes.py GWCTL

Says `skipped` for what needs nginx where that is not installed, and for all of it without Node. What is
shown elsewhere is not shown here again; the clauses, and where each is seen:

  headers set, added, removed, renamed, copied  test_heads_are_changed
  query and path rewrite                        test_paths_and_queries_are_changed
  request bodies, JSON <-> form                 test_request_bodies_are_changed
  response bodies, JSON -> form                 test_answers_are_changed
  status mapping, custom error bodies           test_statuses_and_errors
  a body beyond the bound                       test_bodies_beyond_the_bound
  compose: three kinds, when, forEach           test_a_composition_of_all_backends
  fallback, partial marker and status           test_what_is_missing_and_optional
  required part missing: 502; late: 504; pass   test_what_is_missing_and_required
  compositions never mix                        ../serve/shape.py
  views for mobile, iot, web; Vary              test_views_of_three_classes
  views and the cache                           test_views_are_kept_apart
  hit, miss; HEAD and ranges from the cache     test_hits_heads_and_ranges
  revalidation by ETag, 304 both ways           test_nginx_is_asked_again
  stale-while-revalidate                        test_an_old_answer_meanwhile
  stale-if-error                                test_what_a_backend_left_behind
  negative caching                              test_errors_are_kept
  coalescing                                    test_a_herd_asks_once
  purge, invalidation by unsafe methods         test_purge_and_invalidation; ../serve/admin.py
  identity, `no-store`, `private`, models       runtime/engine/cache_*_test.cc
  gzip, br, zstd; encoded variants kept         test_codings; ../serve/compress.py
  upstream's own encoding; decoded for changes  test_what_nginx_has_encoded
  requests decoded, bombs refused               test_encoded_requests
  flush of streams                              ../serve/compress.py
"""
import concurrent.futures
import gzip
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

from gateway import SECONDS, SKIPPED, Gateway

GWCTL = None
os.environ["PATH"] += os.pathsep + "/usr/sbin"
NODE, NGINX_PROGRAM = shutil.which("node"), shutil.which("nginx")

USERS = """
openapi: 3.1.0
info: {title: users, version: '1'}
paths:
  /users/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      operationId: getUser
      responses:
        '200': {description: one, content: {application/json: {example: {id: 7, name: Ada, mail: ada@shop.example, city: London}}}}
        '404': {description: none, content: {application/problem+json: {example: {title: no such user, status: 404}}}}
"""

STOCK = """
openapi: 3.1.0
info: {title: stock, version: '1'}
paths:
  /left/{item}:
    parameters: [{name: item, in: path, required: true, schema: {type: string}}]
    get: {operationId: getLeft, responses: {'200': {description: one, content: {application/json: {example: {left: 3}}}}}}
"""

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; types {{ application/json json; }} default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen unix:{folder}/nginx.sock;
    root {folder}/files;
    location / {{ }}
    location /old/ {{ add_header Cache-Control max-age=60; add_header Age 120; }}
    location /packed/ {{ gzip on; gzip_types application/json; gzip_min_length 1; gzip_http_version 1.1; gzip_proxied any; }}
  }}
}}
"""

DOCUMENT = """
openapi: 3.1.0
info: {{title: shapes, version: '1'}}
x-gw:
  upstreams:
    node: {{targets: ['http://127.0.0.1:{node}']}}
    lost: {{targets: ['http://127.0.0.1:{lost}']}}
    nginx: {{targets: ['unix:{folder}/nginx.sock']}}
    users: {{targets: ['http://127.0.0.1:{users}']}}
    stock: {{targets: ['http://127.0.0.1:{stock}']}}
  clients:
    mobile: {{when: {{header: {{x-client: mobile}}}}}}
    iot: {{when: {{header: {{x-client: iot}}}}}}
    web: {{}}
  defaults: {{upstream: node, timeout: {{connect: 5s, try: 10s, total: 15s}}, retry: 0}}
paths:
  /heads:
    get:
      operationId: heads
      x-gw:
        path: /echo
        request: {{headers: {{set: {{x-set: '{{$method}} {{$request.path}}'}}, add: {{x-many: c}}, remove: [x-debug], rename: {{x-old: x-new}}, copy: {{x-id: x-trace}}, default: {{x-kind: plain}}}}}}
        response: {{headers: {{set: {{x-status: $response.status}}, remove: [date], rename: {{content-language: x-language}}, copy: {{content-type: x-type}}}}}}
      responses: {{'200': {{description: ok}}}}
  /shop/{{kind}}/{{id}}:
    parameters:
      - {{name: kind, in: path, required: true, schema: {{type: string}}}}
      - {{name: id, in: path, required: true, schema: {{type: string}}}}
    get:
      operationId: paths
      x-gw:
        path: /echo/v2/{{id}}/of/{{kind}}
        request: {{query: {{set: {{who: $client.class}}, remove: [debug], rename: {{q: search}}, default: {{limit: '20'}}, copy: {{search: also}}}}}}
      responses: {{'200': {{description: ok}}}}
  /orders/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    post:
      operationId: order
      x-gw: {{path: /echo, request: {{body: {{omit: [admin], rename: {{item: article}}, move: {{city: address/city}}, set: {{id: $request.path.id, by: '{{$request.body#/name}}!'}}, maxSize: 64KiB}}}}}}
      requestBody: {{content: {{application/json: {{}}}}}}
      responses: {{'200': {{description: ok}}}}
    put:
      operationId: orderAsForm
      x-gw: {{path: /echo, request: {{body: {{pick: [name, item], format: form}}}}}}
      requestBody: {{content: {{application/json: {{}}}}}}
      responses: {{'200': {{description: ok}}}}
    patch:
      operationId: orderFromForm
      x-gw: {{path: /echo, request: {{body: {{set: {{id: $request.path.id}}, format: json}}}}}}
      requestBody: {{content: {{application/x-www-form-urlencoded: {{}}}}}}
      responses: {{'200': {{description: ok}}}}
  /pass/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    post:
      operationId: passed
      x-gw: {{path: /echo, request: {{body: {{omit: [admin], maxSize: 1KiB, tooLarge: pass}}}}}}
      requestBody: {{content: {{application/json: {{}}}}}}
      responses: {{'200': {{description: ok}}}}
  /answer/shaped: {{get: {{operationId: shaped, x-gw: {{path: /form, response: {{body: {{flatten: [deep], first: [list], rename: {{a: first}}, wrap: data}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /answer/form: {{get: {{operationId: asForm, x-gw: {{path: /form, response: {{body: {{pick: [a, b], format: form}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /answer/template: {{get: {{operationId: template, x-gw: {{path: /form, response: {{body: {{template: {{was: '$response.body#/b', class: $client.class, from: '$response.header.x-origin', none: '$response.body#/zz'}}}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /answer/names: {{get: {{operationId: names, x-gw: {{path: /list, response: {{body: {{limit: {{'': 3}}, map: {{'': name}}}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /failed/{{how}}:
    parameters: [{{name: how, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: failed
      x-gw:
        path: /{{how}}
        response:
          status: {{'418': 409, 5xx: 502}}
          errors: {{'409': {{body: {{sorry: '$response.body#/detail', status: $response.status}}}}, 5xx: {{body: {{title: not today}}}}}}
      responses: {{'200': {{description: ok}}}}
  /lost: {{get: {{operationId: lost, x-gw: {{upstream: lost, response: {{errors: {{default: {{body: {{lost: $request.path}}}}}}}}}}, responses: {{'200': {{description: ok}}}}}}}}

  /users/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    get:
      operationId: getUser
      x-gw:
        upstream: users
        request: {{headers: {{default: {{prefer: code=200}}}}}}
        views:
          mobile: {{omit: [mail]}}
          iot: {{response: {{body: {{template: {{n: '$response.body#/name'}}}}}}}}
      responses: {{'200': {{description: ok}}}}
  /all/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
    get:
      operationId: getAll
      x-gw:
        compose:
          calls:
            user: {{operation: getUser, with: {{id: $request.path.id}}}}
            orders: {{upstream: nginx, path: /orders.json}}
            seen: {{upstream: node, path: '/echo/{{$calls.user.body#/name}}', method: POST, body: {{for: '$calls.user.body#/id'}}, headers: {{x-tenant: $request.header.x-tenant}}}}
            left: {{upstream: stock, path: '/left/{{$item#/item}}', forEach: $calls.orders.body, concurrency: 2}}
            extra: {{upstream: node, path: /echo/extra, when: {{header: {{x-extra: {{present: true}}}}}}}}
          body: {{user: $calls.user.body, orders: $calls.orders.body, seen: $calls.seen.body, left: $calls.left.body, extra: '$calls.extra.body#/url'}}
        views:
          iot: {{compose: {{calls: {{user: {{operation: getUser, with: {{id: $request.path.id}}}}}}, body: {{name: '$calls.user.body#/name'}}}}}}
      responses: {{'200': {{description: ok}}}}
  /some:
    get:
      operationId: some
      x-gw:
        compose:
          calls:
            here: {{upstream: node, path: /echo/here}}
            gone: {{upstream: lost, path: /, optional: true, fallback: {{nothing: true}}}}
            late: {{upstream: node, path: /hang, optional: true, timeout: 100ms}}
            bad: {{upstream: node, path: /broken, optional: true, fallback: []}}
          body: {{here: '$calls.here.body#/url', gone: $calls.gone.body, late: $calls.late.body, bad: $calls.bad.body}}
          partialStatus: 203
      responses: {{'200': {{description: ok}}}}
  /needs/{{how}}:
    parameters: [{{name: how, in: path, required: true, schema: {{type: string}}}}]
    get:
      operationId: needs
      x-gw:
        compose:
          calls:
            fine: {{upstream: node, path: /echo/fine}}
            needed: {{upstream: node, path: '/{{$request.path.how}}', timeout: 200ms, pass: ['404']}}
          body: {{fine: $calls.fine.body, needed: $calls.needed.body}}
      responses: {{'200': {{description: ok}}}}
  /needs-lost: {{get: {{operationId: needsLost, x-gw: {{compose: {{calls: {{gone: {{upstream: lost, path: /}}}}, body: $calls.gone.body}}}}, responses: {{'200': {{description: ok}}}}}}}}

  /kept/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get: {{operationId: kept, x-gw: {{cache: {{tags: ['kept-{{$request.path.id}}']}}}}, responses: {{'200': {{description: ok}}}}}}
    put: {{operationId: change, x-gw: {{path: /echo}}, responses: {{'200': {{description: ok}}}}}}
  /viewed/{{id}}:
    parameters: [{{name: id, in: path, required: true, schema: {{type: string}}}}]
    get: {{operationId: viewed, x-gw: {{path: '/kept/view-{{id}}', cache: {{}}, views: {{mobile: {{pick: [count]}}, iot: {{rename: {{count: n}}, omit: [padding], cache: {{ttl: 1m}}}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /old/{{file}}:
    parameters: [{{name: file, in: path, required: true, schema: {{type: string}}}}]
    get: {{operationId: old, x-gw: {{upstream: nginx, cache: {{}}}}, responses: {{'200': {{description: ok}}}}}}
  /meanwhile: {{get: {{operationId: meanwhile, x-gw: {{path: /old/meanwhile, cache: {{staleWhileRevalidate: 10m}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /left-behind: {{get: {{operationId: leftBehind, x-gw: {{upstream: lost, path: /old, cache: {{staleIfError: 10m}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /none: {{get: {{operationId: none, x-gw: {{cache: {{negative: {{'404': 10m}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /none-at-all: {{get: {{operationId: noneAtAll, x-gw: {{path: /none/at-all, cache: {{}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /held: {{get: {{operationId: held, x-gw: {{cache: {{}}}}, responses: {{'200': {{description: ok}}}}}}}}

  /list: {{get: {{operationId: list, x-gw: {{compress: {{}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /coded: {{get: {{operationId: coded, x-gw: {{path: /kept/coded, compress: {{}}, cache: {{}}}}, responses: {{'200': {{description: ok}}}}}}}}
  /packed/{{file}}:
    parameters: [{{name: file, in: path, required: true, schema: {{type: string}}}}]
    get: {{operationId: packed, x-gw: {{upstream: nginx, compress: {{}}}}, responses: {{'200': {{description: ok}}}}}}
  /unpacked/{{file}}:
    parameters: [{{name: file, in: path, required: true, schema: {{type: string}}}}]
    get: {{operationId: unpacked, x-gw: {{upstream: nginx, path: '/packed/{{file}}', compress: {{}}, response: {{body: {{pick: ['*/item']}}}}}}, responses: {{'200': {{description: ok}}}}}}
  /upload: {{post: {{operationId: upload, x-gw: {{path: /echo/upload, decompressRequests: true}}, requestBody: {{content: {{application/json: {{}}}}}}, responses: {{'200': {{description: ok}}}}}}}}
"""

ORDERS = [{"item": "tea", "state": "new"}, {"item": "cup", "state": "paid"}, {"item": "pot", "state": "new"}]


class Node:
    """origin.js as a process of its own."""

    def __init__(self):
        script = pathlib.Path(__file__).parent / "origin.js"
        self.process = subprocess.Popen([NODE, str(script)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request("GET", path)
        body = json.loads(connection.getresponse().read())
        connection.close()
        return body

    def count(self, path):
        return self.ask("/seen").get(path, 0)

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)
        self.process.stdin.close()
        self.process.stdout.close()


class Nginx:
    def __init__(self, folder):
        os.chmod(folder, 0o755)  # its workers are another user when root starts it
        for name in ("files", "files/old", "files/packed"):
            (folder / name).mkdir()
        orders = json.dumps(ORDERS)
        (folder / "files/orders.json").write_text(orders)
        (folder / "files/old/orders.json").write_text(orders)
        (folder / "files/packed/orders.json").write_text(json.dumps(ORDERS * 100))
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder))
        self.process = subprocess.Popen(
            [NGINX_PROGRAM, "-p", str(folder), "-c", str(config)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + SECONDS
        while not ((folder / "nginx.sock").exists() and (folder / "nginx.pid").exists()):
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit("nginx did not start: " + (folder / "error.log").read_text())
            time.sleep(0.01)

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def cache(self):
        return self.headers["cache-status"] or ""


def needs_nginx(test):
    return unittest.skipUnless(NGINX_PROGRAM, "skipped: nginx is not installed")(test)


class Shapes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name)
        cls.node, cls.lost = Node(), Node()
        cls.addClassCleanup(cls.node.stop)
        cls.addClassCleanup(cls.lost.stop)
        ports = {"node": cls.node.port, "lost": cls.lost.port}
        for name, document in (("users", USERS), ("stock", STOCK)):
            (cls.folder / name).mkdir()
            mock = Gateway(GWCTL, cls.folder / name, document, "--mock")
            cls.addClassCleanup(mock.stop)
            ports[name] = mock.ports[0]
        if NGINX_PROGRAM:
            cls.addClassCleanup(Nginx(cls.folder).stop)
        else:
            print("skipped: nginx is not installed")
        cls.admin = f"unix:{cls.folder}/admin/socket"
        cls.gateway = Gateway(GWCTL, cls.folder, DOCUMENT.format(folder=cls.folder, **ports),
                              "--admin", cls.admin)
        cls.addClassCleanup(cls.gateway.stop)
        cls.port = cls.gateway.ports[0]
        # Its answer is kept, and it is there no more: ended by its id.
        cls.before = cls.fetch("/left-behind")
        cls.lost.process.kill()
        cls.lost.process.wait(SECONDS)

    @classmethod
    def fetch(cls, path, method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", cls.port, timeout=SECONDS)
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def send(self, path, method, value, **headers):
        answer = self.fetch(path, method, json.dumps(value), content_type="application/json", **headers)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json()

    # --- transformation

    def test_heads_are_changed(self):
        answer = self.fetch("/heads", x_debug="1", x_old="o", x_id="7", x_many="a, b")
        seen = answer.json()["headers"]
        self.assertEqual(seen["x-set"], "GET /heads")
        self.assertEqual(seen["x-many"], "a, b, c")
        self.assertNotIn("x-debug", seen)
        self.assertNotIn("x-old", seen)
        self.assertEqual((seen["x-new"], seen["x-id"], seen["x-trace"]), ("o", "7", "7"))
        self.assertEqual(seen["x-kind"], "plain")
        self.assertEqual(answer.headers["x-status"], "200")
        self.assertEqual(answer.headers["x-type"], "application/json")
        seen = self.fetch("/heads", x_kind="own").json()["headers"]
        self.assertEqual(seen["x-kind"], "own")

    def test_paths_and_queries_are_changed(self):
        seen = self.fetch("/shop/tea/%C3%A4%2B1?q=a%20b&debug=1&keep=%7e", x_client="iot").json()
        path, _, query = seen["url"].partition("?")
        self.assertEqual(urllib.parse.unquote(path), "/echo/v2/ä+1/of/tea")
        self.assertEqual(urllib.parse.parse_qs(query), {
            "search": ["a b"], "also": ["a b"], "keep": ["~"], "limit": ["20"], "who": ["iot"]})
        self.assertIn("keep=%7e", query)  # what nobody names keeps its spelling

    def test_request_bodies_are_changed(self):
        order = {"name": "Ada", "item": "tea", "city": "London", "admin": True, "n": 1.50}
        seen = self.send("/orders/7", "POST", order)
        self.assertEqual(seen["body"], {"name": "Ada", "article": "tea", "address": {"city": "London"},
                                        "n": 1.5, "id": 7, "by": "Ada!"})
        seen = self.send("/orders/7", "PUT", {"name": "A & B", "item": "ä", "admin": True})
        self.assertEqual(seen["type"], "application/x-www-form-urlencoded")
        self.assertEqual(seen["body"], {"name": "A & B", "item": "ä"})
        answer = self.fetch("/orders/7", "PATCH", "name=A+%26+B&item=%C3%A4",
                            content_type="application/x-www-form-urlencoded")
        self.assertEqual(answer.json()["type"], "application/json")
        self.assertEqual(answer.json()["body"], {"name": "A & B", "item": "ä", "id": 7})

    def test_answers_are_changed(self):
        self.assertEqual(self.fetch("/answer/shaped").json(),
                         {"data": {"first": "1 2", "b": "c&d", "x": 1, "list": 1}})
        answer = self.fetch("/answer/form")
        self.assertEqual(answer.headers["content-type"], "application/x-www-form-urlencoded")
        self.assertEqual(urllib.parse.parse_qs(answer.body.decode()), {"a": ["1 2"], "b": ["c&d"]})
        self.assertEqual(self.fetch("/answer/template", x_client="mobile").json(),
                         {"was": "c&d", "class": "mobile", "from": "node"})
        answer = self.fetch("/answer/names")
        self.assertEqual(answer.json(), ["item 0", "item 1", "item 2"])
        self.assertEqual(answer.headers["etag"], 'W/"list"')

    def test_statuses_and_errors(self):
        answer = self.fetch("/failed/teapot")
        self.assertEqual((answer.status, answer.json()), (409, {"sorry": "inside", "status": 409}))
        answer = self.fetch("/failed/broken")
        self.assertEqual((answer.status, answer.json()), (502, {"title": "not today"}))
        self.assertEqual(self.fetch("/failed/echo").status, 200)
        answer = self.fetch("/lost")
        self.assertIn(answer.status, (502, 503))
        self.assertEqual(answer.json(), {"lost": "/lost"})

    def test_bodies_beyond_the_bound(self):
        large = {"admin": True, "text": "x" * 100_000}
        answer = self.fetch("/orders/7", "POST", json.dumps(large), content_type="application/json")
        self.assertEqual(answer.status, 413)
        self.assertEqual(self.send("/pass/7", "POST", large)["body"], large)
        self.assertEqual(self.send("/pass/7", "POST", {"admin": True, "a": 1})["body"], {"a": 1})

    # --- composition

    @needs_nginx
    def test_a_composition_of_all_backends(self):
        answer = self.fetch("/all/7", x_tenant="acme", cookie="secret=1", x_extra="1")
        self.assertEqual(answer.status, 200, answer.body)
        body = answer.json()
        self.assertEqual(body["user"]["name"], "Ada")
        self.assertEqual(body["orders"], ORDERS)
        self.assertEqual(body["left"], [{"left": 3}] * 3)
        self.assertEqual((body["seen"]["method"], body["seen"]["url"]), ("POST", "/echo/Ada"))
        self.assertEqual(body["seen"]["body"], {"for": 7})
        self.assertEqual(body["seen"]["headers"]["x-tenant"], "acme")
        self.assertNotIn("cookie", body["seen"]["headers"])
        self.assertEqual(body["extra"], "/echo/extra")
        self.assertIsNone(answer.headers["gw-partial"])
        before = self.node.count("/echo/extra")
        self.assertNotIn("extra", self.fetch("/all/7").json())
        self.assertEqual(self.node.count("/echo/extra"), before)

    def test_what_is_missing_and_optional(self):
        answer = self.fetch("/some")
        self.assertEqual(answer.status, 203)
        self.assertEqual(answer.json(), {"here": "/echo/here", "gone": {"nothing": True}, "bad": []})
        missing = {name.strip() for name in answer.headers["gw-partial"].split(",")}
        self.assertEqual(missing, {"gone", "late", "bad"})

    def test_what_is_missing_and_required(self):
        for path, status, part in (("/needs/broken", 502, "needed"), ("/needs/hang", 504, "needed"),
                                   ("/needs-lost", 502, "gone")):
            with self.subTest(path=path):
                answer = self.fetch(path)
                self.assertEqual((answer.status, answer.json()["part"]), (status, part))
                self.assertEqual(answer.headers["content-type"], "application/problem+json")
        answer = self.fetch("/needs/none")
        self.assertEqual((answer.status, answer.json()["title"]), (404, "none"))
        self.assertEqual(self.fetch("/needs/form").status, 200)

    # --- views

    def test_views_of_three_classes(self):
        web, mobile, iot = (self.fetch("/users/7", x_client=name) for name in ("web", "mobile", "iot"))
        self.assertEqual(web.json(), {"id": 7, "name": "Ada", "mail": "ada@shop.example", "city": "London"})
        self.assertEqual(mobile.json(), {"id": 7, "name": "Ada", "city": "London"})
        self.assertEqual(iot.json(), {"n": "Ada"})
        for answer in (web, mobile, iot):
            self.assertEqual(answer.headers["vary"], "x-client")
        composed = self.fetch("/all/7", x_client="iot")
        self.assertEqual((composed.json(), composed.headers["vary"]), ({"name": "Ada"}, "x-client"))

    def test_views_are_kept_apart(self):
        web = self.fetch("/viewed/a")
        mobile = self.fetch("/viewed/a", x_client="mobile")
        iot = self.fetch("/viewed/a", x_client="iot")
        self.assertEqual(set(web.json()), {"count", "padding"})
        self.assertEqual(set(mobile.json()), {"count"})
        self.assertEqual(set(iot.json()), {"n"})
        for first, name in ((web, "web"), (mobile, "mobile"), (iot, "iot")):
            again = self.fetch("/viewed/a", x_client=name)
            self.assertIn("; hit", again.cache())
            self.assertEqual(again.body, first.body)
            self.assertIn("x-client", again.headers["vary"])

    # --- cache

    def test_hits_heads_and_ranges(self):
        first = self.fetch("/kept/a")
        self.assertIn("fwd=uri-miss", first.cache())
        self.assertIn("stored", first.cache())
        again = self.fetch("/kept/a")
        self.assertIn("; hit", again.cache())
        self.assertEqual(again.body, first.body)
        self.assertIsNotNone(again.headers["age"])
        head = self.fetch("/kept/a", "HEAD")
        self.assertIn("; hit", head.cache())
        self.assertEqual((head.body, head.headers["content-length"]), (b"", str(len(first.body))))
        part = self.fetch("/kept/a", range="bytes=10-19")
        self.assertEqual((part.status, part.body), (206, first.body[10:20]))
        self.assertEqual(part.headers["content-range"], f"bytes 10-19/{len(first.body)}")
        same = self.fetch("/kept/a", if_none_match='"kept"')
        self.assertEqual((same.status, same.body), (304, b""))
        self.assertEqual(self.node.count("/kept/a"), 1)
        self.fetch("/kept/b")
        self.assertEqual(self.node.count("/kept/b"), 1)

    @needs_nginx
    def test_nginx_is_asked_again(self):
        first = self.fetch("/old/orders.json")
        self.assertIn("stored", first.cache())
        again = self.fetch("/old/orders.json")
        self.assertIn("fwd=stale", again.cache())
        self.assertIn("fwd-status=304", again.cache())
        self.assertEqual((again.status, again.json()), (200, ORDERS))
        tag = again.headers["etag"]
        self.assertEqual(self.fetch("/old/orders.json", if_none_match=tag).status, 304)
        # Another file has another ETag.
        (self.folder / "files/old/orders.json").write_text("[]  ")
        changed = self.fetch("/old/orders.json")
        self.assertIn("fwd-status=200", changed.cache())
        self.assertEqual(changed.json(), [])

    def test_an_old_answer_meanwhile(self):
        first, again = self.fetch("/meanwhile"), self.fetch("/meanwhile")
        self.assertEqual((first.json(), again.json()), ({"count": 1}, {"count": 1}))
        self.assertIn("; hit; ttl=-", again.cache())
        until = time.monotonic() + SECONDS
        while self.node.count("/old/meanwhile") < 2:  # a new one is fetched beside it
            self.assertLess(time.monotonic(), until)

    def test_what_a_backend_left_behind(self):
        self.assertEqual(self.before.status, 200)
        answer = self.fetch("/left-behind")
        self.assertEqual((answer.status, answer.body), (200, self.before.body))
        self.assertGreaterEqual(int(answer.headers["age"]), 120)

    def test_errors_are_kept(self):
        first, again = self.fetch("/none"), self.fetch("/none")
        self.assertEqual((first.status, again.status), (404, 404))
        self.assertIn("; hit", again.cache())
        self.assertEqual(self.node.count("/none"), 1)
        self.fetch("/none-at-all")
        self.fetch("/none-at-all")
        self.assertEqual(self.node.count("/none/at-all"), 2)

    def test_a_herd_asks_once(self):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.node.ask, "/asked")
            herd = []
            for _ in range(32):
                herd.append(socket.create_connection(("127.0.0.1", self.port), SECONDS))
                herd[-1].sendall(b"GET /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            asked.result(SECONDS)
        self.node.ask("/release")
        for client in herd:
            with client, client.makefile("rb") as stream:
                answer = stream.read()
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
            self.assertTrue(answer.endswith(b'{"count":1}'), answer)
        self.assertEqual(self.node.count("/held"), 1)

    def purge(self, *what):
        subprocess.run([GWCTL, "purge", *what, "--admin", self.admin], check=True, timeout=SECONDS,
                       capture_output=True)

    def test_purge_and_invalidation(self):
        def count(name):
            return self.fetch(f"/kept/{name}").json()["count"]
        self.assertEqual((count("p"), count("p"), count("q")), (1, 1, 1))
        self.purge("--tag", "kept-p")
        self.assertEqual((count("p"), count("q")), (2, 1))
        self.purge("--tag", "kept")  # Surrogate-Key
        self.assertEqual((count("p"), count("q")), (3, 2))
        self.assertEqual(self.fetch("/kept/p", "PUT").status, 200)
        self.assertEqual((count("p"), count("q")), (4, 2))

    # --- compression

    def curl(self, path, *options):
        head = self.folder / "head"
        done = subprocess.run(
            ["curl", "-sS", "-m", str(SECONDS), "-D", head, *options, f"http://127.0.0.1:{self.port}{path}"],
            capture_output=True, check=True)
        lines = head.read_text(encoding="latin-1").strip().splitlines()
        return dict(line.lower().split(": ", 1) for line in lines if ": " in line), done.stdout

    def test_codings(self):
        plain = self.fetch("/list").body
        features = subprocess.run(["curl", "--version"], capture_output=True, check=True, text=True).stdout
        for coding, feature in (("gzip", "libz"), ("br", "brotli"), ("zstd", "zstd")):
            if feature not in features.split("Features:")[1]:
                print(f"skipped: curl without {feature}")
                continue
            asks = ("--compressed", "-H", f"Accept-Encoding: {coding}")
            fields, body = self.curl("/list", *asks)
            self.assertEqual((fields["content-encoding"], fields["etag"]), (coding, 'w/"list"'))
            self.assertIn("accept-encoding", fields["vary"])
            self.assertEqual(body, plain)
            first, body = self.curl("/coded", *asks)
            again, same = self.curl("/coded", *asks)
            self.assertEqual((again["content-encoding"], same), (coding, body))
            self.assertIn("; hit", again["cache-status"])
            self.assertEqual(first["content-encoding"], coding)
        self.assertEqual(self.node.count("/kept/coded"), 1)

    @needs_nginx
    def test_what_nginx_has_encoded(self):
        answer = self.fetch("/packed/orders.json", accept_encoding="gzip")
        self.assertEqual(answer.headers["content-encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(answer.body)), ORDERS * 100)
        items = [{"item": order["item"]} for order in ORDERS] * 100
        answer = self.fetch("/unpacked/orders.json", accept_encoding="gzip")
        self.assertEqual(json.loads(gzip.decompress(answer.body)), items)
        answer = self.fetch("/unpacked/orders.json", accept_encoding="identity")
        self.assertEqual((answer.headers["content-encoding"], answer.json()), (None, items))

    def test_encoded_requests(self):
        def upload(body, coding):
            return self.fetch("/upload", "POST", body, content_encoding=coding,
                              content_type="application/json")
        value = {"list": list(range(5000))}
        seen = upload(gzip.compress(json.dumps(value).encode()), "gzip").json()
        self.assertEqual(seen["body"], value)
        self.assertNotIn("content-encoding", seen["headers"])
        before = self.node.count("/echo/upload")
        self.assertEqual(upload(gzip.compress(b'"' + b"a" * (50 << 20) + b'"'), "gzip").status, 413)
        self.assertEqual(upload(b"{}", "deflate").status, 415)
        self.assertEqual(self.node.count("/echo/upload"), before)


if __name__ == "__main__":
    os.environ.setdefault("GWCTL_ADMIN", "off")
    if NODE is None:
        print("skipped: node is not installed")
        raise SystemExit(SKIPPED)
    GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1, warnings="ignore")
