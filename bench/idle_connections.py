#!/usr/bin/env python3
"""Opens connections for bench/idle.sh, makes one request on each, and holds them while its standard
input is open.  idle_connections.py PORT COUNT plain|tls|http2

Prints "ready" once every request has been answered."""
import socket
import ssl
import struct
import sys

TIMEOUT = 20
REQUEST = b"GET /users/42 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError("closed before the answer had ended")
        data += piece
    return data


def ask_http1(connection):
    """One GET, whose answer has a Content-Length."""
    connection.sendall(REQUEST)
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionError("closed before an answer")
        answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.decode("latin-1"))
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            read_exactly(connection, int(line.split(b":")[1]) - len(body))


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(index, value):
    """A field whose name is in the static table (RFC 7541 section 6.2.2)."""
    return bytes([index, len(value)]) + value


def ask_http2(connection):
    """One GET as stream 1, with prior knowledge, until END_STREAM."""
    block = b"\x82\x86" + literal(4, b"/users/42") + literal(1, b"localhost")
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
                       + frame(1, 0x5, 1, block))
    while True:
        head = read_exactly(connection, 9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        payload = read_exactly(connection, length) if length else b""
        if kind == 4 and not flags & 1:
            connection.sendall(frame(4, 1, 0, b""))
        if kind in (3, 7):
            raise ConnectionError(f"frame {kind}: {payload!r}")
        if kind in (0, 1) and flags & 1:
            return


def main():
    port, count, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        if kind == "tls":
            connection = context.wrap_socket(connection)
        if kind == "http2":
            ask_http2(connection)
        else:
            ask_http1(connection)
        held.append(connection)
    print("ready", flush=True)
    sys.stdin.read()
    # The last word: none was closed meanwhile.
    gone = 0
    for connection in held:
        connection.setblocking(False)
        try:
            gone += connection.recv(1) == b""
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            gone += 1
    if gone:
        sys.exit(f"idle_connections: {gone} connections were closed meanwhile")


main()
