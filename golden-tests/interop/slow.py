#!/usr/bin/env python3
"""Clients that are slow on purpose (slowhttptest) keep nobody else from being served, are cut off,
and leave nothing behind.

  slow.py GWCTL

Slow heads, slow bodies and slow reading at the same time, for a little longer than a head may take.
Says `skipped` when slowhttptest is not there.
"""
import http.client
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from gateway import SECONDS, SKIPPED, Gateway

GWCTL = None
CONNECTIONS = 150  # of each kind
HEAD_SECONDS = 10  # what a head may take
TEST_SECONDS = 12
LARGE = b"x" * (4 << 20)

DOCUMENT = """
openapi: 3.1.0
info: {{title: Slow clients, version: 1.0.0}}
x-gw:
  version: 1
  upstreams: {{origin: {{targets: ['http://127.0.0.1:{port}']}}}}
  defaults: {{upstream: origin, timeout: {{total: 60s}}}}
paths:
  /local: {{x-gw: {{respond: {{status: 200, body: hello}}}}}}
  /large: {{get: {{operationId: large, responses: {{'200': {{description: ok}}}}}}}}
  /small:
    x-gw: {{anyMethod: {{operationId: small}}}}
"""


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = LARGE if self.path == "/large" else b"small"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class OriginServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_kib(pid, kind="VmRSS"):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+)", status).group(1))


def is_instrumented(pid):
    """Sanitizers reserve terabytes, and hold back for a while what is freed."""
    return memory_kib(pid, "VmSize") > 1 << 30


class SlowClients(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        origin = OriginServer(("127.0.0.1", 0), Origin)
        self.addCleanup(origin.server_close)
        self.addCleanup(origin.shutdown)
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        self.gateway = Gateway(GWCTL, pathlib.Path(temporary.name),
                               DOCUMENT.format(port=origin.server_address[1]))
        self.addCleanup(self.gateway.stop)
        self.port = self.gateway.ports[0]
        self.pid = self.gateway.process.pid

    def start(self, *arguments, path, seconds=TEST_SECONDS):
        process = subprocess.Popen(
            ["slowhttptest", *arguments, "-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-l",
             str(seconds), "-p", "3", "-u", f"http://127.0.0.1:{self.port}{path}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def visit(self):
        """The longest time that one of a client's requests has taken."""
        longest = 0
        for method, path, body in (("GET", "/local", None), ("GET", "/small", None),
                                   ("POST", "/small", b"some")):
            begun = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 200)
            connection.close()
            longest = max(longest, time.monotonic() - begun)
        return longest

    def test_others_are_served_and_nothing_stays(self):
        for _ in range(50):
            self.visit()
        files, memory = open_files(self.pid), memory_kib(self.pid)
        tools = {
            # Ends by itself when all are cut off. On a busy machine it takes a while to connect.
            "heads": self.start("-H", "-i", "1", path="/local", seconds=HEAD_SECONDS + SECONDS),
            "bodies": self.start("-B", "-i", "1", "-s", "8192", path="/small"),
            "reading": self.start("-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "2",
                                  path="/large"),
        }
        output = {}
        readers = [threading.Thread(target=lambda name, tool: output.update(
            {name: tool.stdout.read().decode("utf-8", "replace")}), args=item)
            for item in tools.items()]
        for reader in readers:
            reader.start()
        visits, most_files, most_memory, longest = 0, 0, 0, 0
        while any(tool.poll() is None for tool in tools.values()):
            longest = max(longest, self.visit())
            visits += 1
            most_files = max(most_files, open_files(self.pid))
            most_memory = max(most_memory, memory_kib(self.pid))
        for reader in readers:
            reader.join(SECONDS)
        print(f"{visits} visits, the longest {longest:.3f} s; {files} to {most_files} open files, "
              f"{memory} to {most_memory} KiB")
        self.assertGreater(visits, 20)
        self.assertLess(longest, SECONDS / 2)  # of a machine that may be busy with other things
        self.assertGreater(most_files, files + 2 * CONNECTIONS, "the slow clients were there")
        output = {name: re.sub(r"\x1b\[[0-9;]*[mHJ]", "", text) for name, text in output.items()}
        for name, text in output.items():
            self.assertRegex(text, r"service available: *YES", name)
            self.assertNotRegex(text, r"service available: *NO", name)
        # Slow heads are cut off, whatever trickles in meanwhile.
        self.assertIn("No open connections left", output["heads"])
        files += 20  # connections to the origin that are kept for the next request
        until = time.monotonic() + SECONDS
        while open_files(self.pid) > files and time.monotonic() < until:
            self.visit()
        self.assertLessEqual(open_files(self.pid), files)
        if is_instrumented(self.pid):
            return
        # A slow client holds buffers of a few KiB, and what was freed may stay with the allocator.
        self.assertLess(most_memory - memory, 3 * CONNECTIONS * 64)
        self.assertLess(memory_kib(self.pid) - memory, 3 * CONNECTIONS * 32)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    if shutil.which("slowhttptest") is None:
        print("skipped: slowhttptest is not installed")
        raise SystemExit(SKIPPED)
    GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=1, warnings="ignore")
