#!/usr/bin/env python3
"""HTTP/2 end to end: curl, nghttp and h2load, the real gateway, a backend that tells what it got.

Certificates are made by openssl in a temporary folder. A client that is not installed is skipped,
with a message. Nothing sleeps: everything waits for a process to end, with a deadline.

usage: run.py GWCTL
"""
import hashlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

FOLDER = pathlib.Path(__file__).resolve().parent
SECONDS = 60
LARGE_BYTES = 24 * 1024 * 1024


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def answer(self):
        digest, length = hashlib.sha256(), 0
        for piece in self.body():
            digest.update(piece)
            length += len(piece)
        if self.path == "/large":
            self.send_response(200)
            self.send_header("Content-Length", str(LARGE_BYTES))
            self.end_headers()
            for _ in range(LARGE_BYTES // 65536):
                self.wfile.write(b"x" * 65536)
            return
        fields = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps({"method": self.command, "path": self.path, "bytes": length,
                           "digest": digest.hexdigest(), "fields": fields}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline() != b"\r\n":
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            yield piece

    do_GET = do_POST = do_PUT = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


def make_certificate(folder, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}.test", "-addext",
         f"subjectAltName=DNS:{name}.test", "-keyout", f"{folder}/{name}.key", "-out",
         f"{folder}/{name}.crt"], check=True, capture_output=True, timeout=SECONDS)


class Gateway:
    def __init__(self, gwctl, folder, upstream):
        path = folder / "gateway.yaml"
        text = (FOLDER / "gateway.yaml").read_text(encoding="utf-8")
        path.write_text(text.replace("UPSTREAM", upstream).replace("FOLDER", str(folder)),
                        encoding="utf-8")
        self.log_path = folder / "access.log"
        self.process = subprocess.Popen(
            [gwctl, "serve", str(path), "--workers", "2", "--access-log", str(self.log_path),
             "--grace", "5s"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.ports, lines = [], []
        for line in self.process.stderr:
            lines.append(line.decode("utf-8", "replace"))
            match = re.search(rb"listening.*address=127\.0\.0\.1:(\d+)", line)
            if match:
                self.ports.append(int(match.group(1)))
            if len(self.ports) == 5:
                break
        else:
            raise SystemExit("the gateway did not start:\n" + "".join(lines))
        self.tls, self.plain, self.tls_h1, self.plain_h1, self.redirect = self.ports
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Tests:
    def __init__(self, gateway, folder):
        self.gateway, self.folder, self.failures, self.count = gateway, folder, [], 0

    def check(self, name, good, what):
        self.count += 1
        if not good:
            self.failures.append(f"{name}: {what}")

    def curl(self, *arguments, port=None, host="a.test", path="/echo", scheme="https"):
        """Version, status, body, head and exit status of one transfer."""
        port = port or self.gateway.tls
        head = self.folder / "head"
        head.write_bytes(b"")
        done = subprocess.run(
            ["curl", "-s", "-m", "30", "-D", str(head), "-w", "\n%{http_version} %{response_code}",
             "--cacert", str(self.folder / "both.crt"), "--resolve", f"{host}:{port}:127.0.0.1",
             *arguments, f"{scheme}://{host}:{port}{path}"],
            capture_output=True, timeout=SECONDS, check=False)
        body, _, last = done.stdout.rpartition(b"\n")
        version, _, status = last.partition(b" ")
        return version.decode(), status.decode(), body, head.read_text("latin-1"), done.returncode

    def tls(self):
        version, status, body, head, _ = self.curl("--http2")
        self.check("curl over TLS", (version, status) == ("2", "200"), (version, status))
        seen = json.loads(body or "{}")
        fields = seen.get("fields", {})
        self.check("Via", fields.get("via") == "2.0 gwctl", fields)
        self.check("proto", fields.get("x-forwarded-proto") == "https", fields)
        self.check("Host", fields.get("host") == f"a.test:{self.gateway.tls}", fields)
        self.check("HSTS", "strict-transport-security: max-age=3600" in head, head)
        version, status, _, head, _ = self.curl("--http1.1")
        self.check("HTTP/1.1 on the same port", (version, status) == ("1.1", "200"),
                   (version, status))
        self.check("HSTS of HTTP/1.1", "Strict-Transport-Security: max-age=3600" in head, head)
        version, status, *_ = self.curl("--http2", host="b.test")
        self.check("the other certificate", (version, status) == ("2", "200"), (version, status))
        version, status, *_ = self.curl("--http2", "-H", "Host: b.test")
        self.check("another certificate's host", (version, status) == ("2", "421"),
                   (version, status))
        version, status, *_ = self.curl("--http2", port=self.gateway.tls_h1)
        self.check("http2: false over TLS", (version, status) == ("1.1", "200"), (version, status))

    def plain(self):
        prior = ["--http2-prior-knowledge"]
        version, status, body, _, _ = self.curl(*prior, port=self.gateway.plain, scheme="http")
        self.check("prior knowledge", (version, status) == ("2", "200"), (version, status))
        self.check("prior knowledge, proto",
                   json.loads(body or "{}").get("fields", {}).get("x-forwarded-proto") == "http",
                   body)
        version, status, body, _, _ = self.curl("--http2", port=self.gateway.plain, scheme="http")
        self.check("Upgrade: h2c is ignored", (version, status) == ("1.1", "200"),
                   (version, status))
        self.check("Upgrade is not forwarded", b"upgrade" not in body.lower(), body)
        version, status, _, _, code = self.curl(*prior, port=self.gateway.plain_h1, scheme="http")
        self.check("http2: false in plain text", code != 0 and status == "000", (code, status))
        version, status, _, head, _ = self.curl(*prior, port=self.gateway.redirect, scheme="http",
                                                path="/echo?a=1")
        self.check("redirectToHttps", (version, status) == ("2", "308"), (version, status))
        self.check("its location", "location: https://a.test/echo?a=1" in head, head)

    def messages(self):
        version, status, body, head, _ = self.curl("--http2", "-I")
        self.check("HEAD", (version, status) == ("2", "200") and "content-length" in head, head)
        _, status, body, head, _ = self.curl("--http2", path="/nothing")
        self.check("404", status == "404" and b"urn:gwctl:problem:not-found" in body, body)
        _, status, body, _, _ = self.curl("--http2", "--path-as-is", path="/a/../../echo")
        self.check("path above the root", status == "400", status)
        _, status, _, _, _ = self.curl("--http2", "-H", f"x-large: {'v' * 61440}")
        self.check("too large a head", status == "431", status)
        payload = self.folder / "payload"
        payload.write_bytes(bytes(range(256)) * 32768)  # 8 MiB
        wanted = hashlib.sha256(payload.read_bytes()).hexdigest()
        for name, more in (("upload", []), ("upload without length", ["-H", "Content-Length:"])):
            _, status, body, _, _ = self.curl("--http2", "-X", "POST", *more, "--data-binary",
                                              f"@{payload}")
            seen = json.loads(body or "{}")
            self.check(name, status == "200" and seen.get("digest") == wanted, (status, seen))
        _, status, body, _, _ = self.curl("--http2", "-H", "Expect: 100-continue", "--data-binary",
                                          f"@{payload}")
        self.check("upload with Expect", status == "200" and
                   json.loads(body or "{}").get("digest") == wanted, (status, body))
        _, status, body, _, _ = self.curl("--http2", path="/large")
        self.check("download", status == "200" and len(body) == LARGE_BYTES, (status, len(body)))

    def nghttp(self):
        if shutil.which("nghttp") is None:
            print("skipped: nghttp is not installed")
            return
        url = f"https://127.0.0.1:{self.gateway.tls}"
        # By address there is no SNI, and every host is served.
        done = subprocess.run(["nghttp", "-nv", "-m", "3", f"{url}/static", f"{url}/echo"],
                              capture_output=True, timeout=SECONDS, check=False)
        text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode("utf-8", "replace"))
        self.check("nghttp", text.count(":status: 200") == 6, text[-2000:])
        self.check("nghttp sees no error", "GOAWAY" not in text.split("send GOAWAY")[0], text[-2000:])

    def h2load(self):
        if shutil.which("h2load") is None:
            print("skipped: h2load is not installed")
            return
        runs = [("TLS", f"https://127.0.0.1:{self.gateway.tls}/static", "2000"),
                ("prior knowledge", f"http://127.0.0.1:{self.gateway.plain}/static", "2000"),
                ("proxied", f"http://127.0.0.1:{self.gateway.plain}/echo", "400")]
        for name, url, number in runs:
            done = subprocess.run(["h2load", "-n", number, "-c", "4", "-m", "20", url],
                                  capture_output=True, timeout=SECONDS, check=False)
            wanted = f"{number} done, {number} succeeded, 0 failed, 0 errored, 0 timeout"
            self.check(f"h2load, {name}", wanted.encode() in done.stdout, done.stdout[-800:])

    def log(self):
        lines = [json.loads(line) for line in self.gateway.log_path.read_text().splitlines()]
        broken = [line for line in lines if line.get("error") == "internal"]
        self.check("no broken exchange", not broken, broken[:2])
        self.check("access log", sum(line["status"] == 421 for line in lines) == 1,
                   len(lines))


def main():
    for tool in ("curl", "openssl"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            return
    server = Server(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for name in ("a", "b"):
            make_certificate(folder, name)
        both = [(folder / f"{name}.crt").read_text() for name in ("a", "b")]
        (folder / "both.crt").write_text("".join(both))
        gateway = Gateway(sys.argv[1], folder, f"127.0.0.1:{server.server_address[1]}")
        tests = Tests(gateway, folder)
        try:
            tests.tls()
            tests.plain()
            tests.messages()
            tests.nghttp()
            tests.h2load()
        finally:
            status = gateway.stop()
        tests.check("exit status", status == 0, status)
        tests.log()
    server.shutdown()
    for failure in tests.failures:
        print(failure)
    print(f"{tests.count} checks, {len(tests.failures)} failures")
    sys.exit(1 if tests.failures else 0)


if __name__ == "__main__":
    main()
