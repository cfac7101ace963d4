#!/usr/bin/env python3
"""The gateway in front of a real server: nginx from Debian, over Unix sockets and over TLS.

  run.py GWCTL

Says `skipped` when nginx is not there. Everything lives in a temporary folder; ports are chosen by
the system. Nothing sleeps but the short waits for a server to come up, which have a deadline.
"""
import concurrent.futures
import gzip
import hashlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SECONDS = 20
GWCTL = None

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 0; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{
    listen unix:{folder}/plain.sock;
    listen unix:{folder}/tls.sock ssl;
    ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key;
    root {folder}/files;
    keepalive_requests {keepalive_requests};
    location / {{ }}
    location /upload/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location /counted {{ default_type text/plain; return 200 "$connection $connection_requests"; }}
    location /seen {{
      default_type text/plain;
      return 200 "$http_x_forwarded_for|$http_via|$host|$request_uri|$server_protocol";
    }}
    location /packed/ {{ gzip on; gzip_types application/octet-stream; gzip_min_length 1;
      gzip_http_version 1.1; gzip_proxied any; }}
    location = /missing {{ return 404; }}
    location = /moved {{ return 301 /elsewhere; }}
    location = /empty {{ return 204; }}
  }}
  server {{
    listen unix:{folder}/proxied.sock proxy_protocol;
    listen unix:{folder}/proxied-tls.sock ssl proxy_protocol;
    ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key;
    location / {{
      default_type text/plain;
      return 200 "$proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port|$connection";
    }}
  }}
}}
"""

GATEWAY = """
openapi: 3.1.0
info: {{title: nginx, version: '1'}}
x-gw:
  version: 1
  upstreams:
    plain: {{targets: ['unix:{folder}/plain.sock']}}
    secure: {{targets: ['https://127.0.0.1:{tls_port}'], tls: {{ca: '$file.{folder}/tls.crt', serverName: origin.example}}}}
    v1: {{targets: ['unix:{folder}/proxied.sock'], proxyProtocol: v1, health: /}}
    v2: {{targets: ['unix:{folder}/proxied.sock'], proxyProtocol: v2, health: /}}
    v2tls: {{targets: ['https://127.0.0.1:{proxied_port}'], proxyProtocol: v2, health: {{tcp: true}}, tls: {{ca: '$file.{folder}/tls.crt', serverName: origin.example}}}}
  defaults: {{timeout: {{connect: 2s, try: 10s, total: 60s, idle: 10s}}, maxBody: 1GiB}}
paths:
  /v1: {{x-gw: {{anyMethod: true, upstream: v1, path: /}}}}
  /v2: {{x-gw: {{anyMethod: true, upstream: v2, path: /}}}}
  /v2tls: {{x-gw: {{anyMethod: true, upstream: v2tls, path: /}}}}
  /tls/{{rest+}}: {{x-gw: {{anyMethod: true, upstream: secure, path: '/{{rest}}'}}}}
  /{{rest+}}: {{x-gw: {{anyMethod: true, upstream: plain}}}}
"""


def wait_for(check, what):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise SystemExit(f"{what} did not come up")


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", folder / "tls.key", "-out", folder / "tls.crt", "-days", "1", "-subj",
         "/CN=origin", "-addext", "subjectAltName=DNS:origin.example"],
        check=True, capture_output=True)


class Nginx:
    def __init__(self, folder, keepalive_requests=1000):
        self.folder = folder
        (folder / "nginx.conf").write_text(
            NGINX.format(folder=folder, keepalive_requests=keepalive_requests), encoding="utf-8")
        for name in ("plain.sock", "tls.sock", "proxied.sock", "proxied-tls.sock"):
            (folder / name).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: (folder / "plain.sock").exists() and (folder / "nginx.pid").exists(), "nginx")

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)


class Gateway:
    def __init__(self, folder, *arguments):
        self.process = subprocess.Popen(
            [GWCTL, "serve", *map(str, arguments), "--workers", "2", "--access-log", "off",
             "--grace", "1s"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=folder)
        self.ports = []
        lines = []
        for line in self.process.stderr:
            lines.append(line.decode("utf-8", "replace"))
            found = re.search(r"listening address=127\.0\.0\.1:(\d+)", lines[-1])
            if found:
                self.ports.append(int(found.group(1)))
                break
        if not self.ports:
            raise SystemExit("the gateway did not start:\n" + "".join(lines))
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        try:
            while self.process.stderr.read(4096):
                pass
        except ValueError:  # closed by stop()
            pass

    def stop(self):
        self.process.terminate()
        status = self.process.wait(SECONDS)
        self.process.stderr.close()
        return status


class BehindTheGateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        folder = cls.folder
        os.chmod(folder, 0o755)  # nginx's workers are another user when it is started by root
        for name in ("files", "files/packed", "files/upload"):
            (folder / name).mkdir()
            os.chmod(folder / name, 0o777)
        cls.small = bytes(range(256)) * 4
        cls.large = os.urandom(1 << 20) * 48
        (folder / "files/small").write_bytes(cls.small)
        (folder / "files/large").write_bytes(cls.large)
        cls.text = os.urandom(1 << 20).hex().encode()
        (folder / "files/packed/text").write_bytes(cls.text)
        make_certificate(folder)
        cls.nginx = Nginx(folder)
        # https wants a host and a port, and nginx cannot take a port of the system's choice.
        cls.relay = Relay(folder / "tls.sock")
        cls.proxied_relay = Relay(folder / "proxied-tls.sock")
        (folder / "gateway.yaml").write_text(
            GATEWAY.format(folder=folder, tls_port=cls.relay.port,
                           proxied_port=cls.proxied_relay.port), encoding="utf-8")
        cls.gateway = Gateway(folder, "gateway.yaml", "--listen", "127.0.0.1:0")
        cls.port = cls.gateway.ports[0]

    @classmethod
    def tearDownClass(cls):
        status = cls.gateway.stop()
        cls.relay.stop()
        cls.proxied_relay.stop()
        cls.nginx.stop()
        cls.temporary.cleanup()
        if status != 0:
            raise AssertionError(f"the gateway ended with {status}")

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer, answer.read()

    def test_files_arrive_as_they_are(self):
        for prefix in ("", "/tls"):
            for name, content in (("small", self.small), ("large", self.large)):
                answer, body = self.ask("GET", f"{prefix}/{name}")
                self.assertEqual(answer.status, 200)
                self.assertEqual(int(answer.getheader("content-length")), len(content))
                self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256(content).digest())
                self.assertIn("nginx", answer.getheader("server"))

    def test_head_conditional_and_range(self):
        answer, body = self.ask("HEAD", "/large")
        self.assertEqual((answer.status, body), (200, b""))
        self.assertEqual(int(answer.getheader("content-length")), len(self.large))
        tag = answer.getheader("etag")
        answer, body = self.ask("GET", "/large", headers={"If-None-Match": tag})
        self.assertEqual((answer.status, body), (304, b""))
        answer, body = self.ask("GET", "/large", headers={"Range": "bytes=1000-1999"})
        self.assertEqual((answer.status, body), (206, self.large[1000:2000]))

    def test_uploads_arrive_as_they_are(self):
        def pieces():
            for at in range(0, len(self.large), 100_000):
                yield self.large[at:at + 100_000]
        for name, body in (("length", self.large), ("chunked", pieces())):
            answer, _ = self.ask("PUT", f"/upload/{name}", body=body)
            self.assertIn(answer.status, (201, 204))
            stored = (self.folder / "files/upload" / name).read_bytes()
            self.assertEqual(hashlib.sha256(stored).digest(), hashlib.sha256(self.large).digest())

    def test_chunked_answers(self):
        answer, body = self.ask("GET", "/packed/text", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(answer.getheader("transfer-encoding"), "chunked")
        self.assertEqual(gzip.decompress(body), self.text)

    def test_statuses(self):
        for path, status in (("/missing", 404), ("/moved", 301), ("/empty", 204)):
            self.assertEqual(self.ask("GET", path)[0].status, status)

    def test_what_nginx_is_told(self):
        _, body = self.ask("GET", "/seen?a=%20b", headers={"Host": "shop.example:81"})
        forwarded, via, host, uri, protocol = body.decode().split("|")
        self.assertEqual((forwarded, via, host), ("127.0.0.1", "1.1 gwctl", "shop.example"))
        self.assertEqual((uri, protocol), ("/seen?a=%20b", "HTTP/1.1"))

    def test_proxy_headers_name_the_client(self):
        numbers = set()
        for path in ("/v1", "/v2", "/v2tls"):
            connection = self.connect()
            for _ in range(2):
                answer, body = self.ask("GET", path, connection=connection)
                self.assertEqual(answer.status, 200)
                client, client_port, server, server_port, number = body.decode().split("|")
                self.assertEqual((client, int(client_port)), connection.sock.getsockname())
                self.assertEqual((server, int(server_port)), ("127.0.0.1", self.port))
                numbers.add(number)
            connection.close()
        self.assertEqual(len(numbers), 6)  # each request has its own

    def test_connections_are_kept(self):
        connection = self.connect()
        seen = [self.ask("GET", "/counted", connection=connection)[1].split() for _ in range(20)]
        self.assertEqual(len({number for number, _ in seen}), 1)
        self.assertGreaterEqual(int(seen[-1][1]), 20)

    def test_expect_continue(self):
        answer = subprocess.run(
            ["curl", "-sS", "-m", str(SECONDS), "-o", os.devnull, "-w", "%{http_code}", "-H",
             "Expect: 100-continue", "-T", str(self.folder / "files/large"),
             f"http://127.0.0.1:{self.port}/upload/expected"], check=True, capture_output=True)
        self.assertIn(answer.stdout, (b"201", b"204"))

    def test_many_at_once(self):
        def visit(number):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            statuses = [self.ask("GET", "/small", connection=connection)[0].status for _ in range(40)]
            connection.close()
            return statuses
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for statuses in pool.map(visit, range(16)):
                self.assertEqual(set(statuses), {200})


class WhenConnectionsEnd(unittest.TestCase):
    """nginx ends connections by count and by reload; no request may be lost over it."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        os.chmod(self.folder, 0o755)
        for name in ("files", "files/upload"):
            (self.folder / name).mkdir()
            os.chmod(self.folder / name, 0o777)
        (self.folder / "files/small").write_bytes(b"small")
        make_certificate(self.folder)
        self.nginx = Nginx(self.folder, keepalive_requests=3)
        self.addCleanup(lambda: self.nginx.stop())
        (self.folder / "gateway.yaml").write_text(
            GATEWAY.format(folder=self.folder, tls_port=1, proxied_port=1), encoding="utf-8")
        gateway = Gateway(self.folder, "gateway.yaml", "--listen", "127.0.0.1:0")
        self.addCleanup(gateway.stop)
        self.port = gateway.ports[0]

    def statuses(self, count, method="GET", path="/small", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        seen = []
        for _ in range(count):
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
        connection.close()
        return seen

    def test_after_every_third_request(self):
        self.assertEqual(set(self.statuses(100)), {200})
        self.assertEqual(set(self.statuses(60, "PUT", "/upload/x", b"content")) - {201, 204}, set())
        # A POST is never sent twice, so none may meet a connection that has ended already.
        self.assertEqual(set(self.statuses(60, "POST", "/small", b"content")), {405})

    def test_over_reloads(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(self.statuses, 150) for _ in range(4)]
            for _ in range(5):
                self.nginx.reload()
            for one in running:
                self.assertEqual(set(one.result()), {200})

    def test_down_and_up_again(self):
        self.assertEqual(self.statuses(1), [200])
        self.nginx.stop()
        self.assertLessEqual(set(self.statuses(3)), {502, 503})
        self.nginx = Nginx(self.folder)
        self.assertEqual(self.statuses(3), [200] * 3)


class Relay:
    """Carries bytes from a port of the system's choice to a Unix socket."""

    def __init__(self, path):
        self.path = str(path)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.path)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    def carry(self, a, b):
        try:
            while piece := a.recv(65536):
                b.sendall(piece)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.listener.close()


if __name__ == "__main__":
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    if shutil.which("nginx") is None:
        print("skipped: nginx is not installed")
        raise SystemExit(0)
    GWCTL = str(pathlib.Path(sys.argv.pop()).resolve())
    unittest.main(verbosity=1, warnings="ignore")
