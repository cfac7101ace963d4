"""Backends of soak.py: processes that are killed and come back on the same port.

What they answer tells what was asked and by whom, so that every answer can be judged by itself.
"""
import base64
import hashlib
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BETWEEN_EVENTS = 0.05


def accept_value(key):
    """Of a handshake of WebSocket (RFC 6455 section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def masked(payload, mask):
    if not payload:
        return payload
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def frame(opcode, payload, mask=None):
    """A message of one frame; clients mask theirs."""
    bit, size = 0x80 if mask else 0, len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, bit | size))
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, bit | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, size)
    return head + mask + masked(payload, mask) if mask else head + payload


def read_exactly(source, count):
    data = source.read(count)
    if len(data) < count:
        raise ConnectionError("ended within a frame" if data else "ended")
    return data


def read_frame(source):
    first, second = read_exactly(source, 2)
    size = second & 0x7F
    if size == 126:
        size, = struct.unpack("!H", read_exactly(source, 2))
    elif size == 127:
        size, = struct.unpack("!Q", read_exactly(source, 8))
    mask = read_exactly(source, 4) if second & 0x80 else None
    payload = read_exactly(source, size)
    return first & 0x0F, masked(payload, mask) if mask else payload


def item(number, who):
    return {"id": number, "who": who, "secret": f"s{number}", "text": "t" * 2000,
            "at": time.monotonic()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def answer(self, status, kind, body):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        kind, name = self.path.strip("/").split("/")
        if kind == "events":
            return self.events(name)
        if kind == "socket":
            return self.echo_messages()
        self.answer(200, "application/json", json.dumps(item(int(name), self.headers["X-Who"])).encode())

    def do_POST(self):
        body = self.body()
        if self.path == "/v1/traces":  # a collector of spans
            return self.answer(200, "application/json", b"{}")
        if self.path == "/echo":
            return self.answer(200, "application/octet-stream", body)
        self.answer(201, "application/json", json.dumps({"added": json.loads(body)["id"]}).encode())

    def body(self):
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def events(self, name):
        """Numbered, until the reader goes away."""
        self.send_response(200)
        for field in (("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")):
            self.send_header(*field)
        self.end_headers()
        number = 0
        while True:
            told = json.dumps({"name": name, "number": number, "process": os.getpid()})
            event = f"id: {number}\ndata: {told}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            number += 1
            time.sleep(BETWEEN_EVENTS)

    def echo_messages(self):
        """The first message says whose process it is; then each comes back."""
        self.send_response(101)
        for field in (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                      ("Sec-WebSocket-Accept",
                       accept_value(self.headers["Sec-WebSocket-Key"].encode()).decode())):
            self.send_header(*field)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(frame(TEXT, str(os.getpid()).encode()))
        self.wfile.flush()
        opcode = None
        while opcode != CLOSE:
            opcode, payload = read_frame(self.rfile)
            self.wfile.write(frame(PONG if opcode == PING else opcode, payload))
            self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_):
        pass  # clients that have gone away


class Backend:
    """A process of its own, on a port that it gets again."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as one:
            self.port = one.getsockname()[1]
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, __file__, str(self.port)],
                                        stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    print("ready", flush=True)
    server.serve_forever()
