"""The server behind the gateway: records all it gets, reads it strictly, answers as it is told.

One thread with a selector per backend. Whatever the gateway sends must be an HTTP/1.1 request in
its plainest form; anything else is kept as a violation, which fails the case.
"""
import re
import selectors
import socket
import struct
import threading

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (/[!-~]*|\*) HTTP/1\.1\Z")
FIELD = re.compile(rb"(" + TOKEN + rb"): ?([\t\x20-\x7e\x80-\xff]*)\Z")
PROBE = b"/any/probe"


class Violation(Exception):
    pass


class Request:
    def __init__(self, method, target, fields):
        self.method, self.target, self.fields = method, target, fields
        self.body, self.trailers, self.raw, self.complete = b"", [], b"", False

    def is_probe(self):
        return self.target.startswith(PROBE)


def read_fields(lines):
    fields = []
    for line in lines:
        match = FIELD.match(line)
        if not match:
            raise Violation(f"field line {line!r}")
        fields.append((match.group(1).lower(), match.group(2).strip(b" \t")))
    return fields


class Reader:
    """Takes requests out of the bytes of one connection."""

    def __init__(self):
        self.buffer, self.request, self.left, self.state = b"", None, 0, "head"

    def feed(self, data):
        """Yields each request twice: when its head is there, and when it is whole."""
        self.buffer += data
        while True:
            step = getattr(self, "read_" + self.state)()
            if step is None:
                return
            if step:
                yield step

    def take(self, count):
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        self.request.raw += taken
        return taken

    def finish(self):
        self.request.complete = True
        self.state = "head"
        return self.request

    def read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self.buffer[:end].split(b"\r\n")
        match = REQUEST_LINE.match(lines[0])
        if not match:
            raise Violation(f"request line {lines[0]!r}")
        fields = read_fields(lines[1:])
        values = lambda name: [v for n, v in fields if n == name]
        lengths, codings = values(b"content-length"), values(b"transfer-encoding")
        if len(values(b"host")) != 1 or len(lengths) + len(codings) > 1:
            raise Violation(f"Host, Content-Length or Transfer-Encoding: {lines!r}")
        self.request = Request(match.group(1), match.group(2), fields)
        self.take(end + 4)
        self.state = "whole"
        if codings:
            if codings[0] != b"chunked":
                raise Violation(f"transfer coding {codings[0]!r}")
            self.state = "size"
        if lengths:
            if not re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]):
                raise Violation(f"length {lengths[0]!r}")
            self.left, self.state = int(lengths[0]), "length"
        return self.request

    def read_whole(self):
        return self.finish()

    def read_length(self):
        if not self.left:
            return self.finish()
        if not self.buffer:
            return None
        piece = self.take(min(self.left, len(self.buffer)))
        self.request.body += piece
        self.left -= len(piece)
        return False

    def read_line(self):
        end = self.buffer.find(b"\r\n")
        return None if end < 0 else self.take(end + 2)[:-2]

    def read_size(self):
        line = self.read_line()
        if line is None:
            return None
        if not re.fullmatch(rb"[0-9a-f]{1,15}", line):
            raise Violation(f"chunk size {line!r}")
        self.left = int(line, 16)
        self.state = "data" if self.left else "trailer"
        return False

    def read_data(self):
        if len(self.buffer) < self.left + 2:
            return None
        piece = self.take(self.left + 2)
        if piece[-2:] != b"\r\n":
            raise Violation("chunk data without CRLF")
        self.request.body += piece[:-2]
        self.state = "size"
        return False

    def read_trailer(self):
        line = self.read_line()
        if line is None:
            return None
        if line:
            self.request.trailers += read_fields([line])
            return False
        return self.finish()


class Answer:
    """What a case has the backend do."""

    def __init__(self, data=None, then="keep", early=False, trickle=False):
        self.data, self.then, self.early, self.trickle = data, then, early, trickle


class Connection:
    def __init__(self, peer):
        self.socket, self.reader, self.out, self.then = peer, Reader(), b"", "keep"
        self.answered, self.trickle = None, False


class Backend:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.waker, self.wakee = socket.socketpair()
        self.wakee.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.selector.register(self.wakee, selectors.EVENT_READ, None)
        self.lock = threading.Lock()
        self.barrier, self.stopping = None, False
        self.answer, self.requests, self.violations, self.raw = Answer(), [], [], b""
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    # Called by the thread that runs the cases.

    def begin(self, answer):
        with self.lock:
            self.answer, self.requests, self.violations, self.raw = answer, [], [], b""

    def settle(self, seconds):
        """Waits until everything that has arrived so far was looked at."""
        event = threading.Event()
        with self.lock:
            self.barrier = event
        self.waker.send(b".")
        if not event.wait(seconds):
            raise AssertionError("the backend does not come to rest")

    def stop(self):
        self.stopping = True
        self.waker.send(b".")
        self.thread.join()

    # The backend's own thread.

    def run(self):
        while not self.stopping:
            ready = self.selector.select(0 if self.barrier else None)
            busy = [key for key, _ in ready if key.fileobj is not self.wakee]
            if len(busy) < len(ready):
                self.wakee.recv(4096)
            elif not ready:
                with self.lock:
                    event, self.barrier = self.barrier, None
                event.set()
            for key in busy:
                if key.fileobj is self.listener:
                    self.accept()
                else:
                    self.work(key.data)
        self.selector.close()

    def accept(self):
        try:
            peer, _ = self.listener.accept()
        except BlockingIOError:
            return
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(peer, selectors.EVENT_READ, Connection(peer))

    def work(self, connection):
        if connection.socket.fileno() < 0:
            return
        if connection.out and not self.write(connection):
            return
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close(connection)
            return
        with self.lock:
            try:
                for request in connection.reader.feed(data):
                    self.take(connection, request)
            except Violation as violation:
                self.violations.append(str(violation))
                connection.then = "close"
        self.write(connection)

    def take(self, connection, request):
        if request.is_probe():
            if request.complete:
                connection.out += plain_answer(request)
            return
        if not request.complete:
            self.requests.append(request)
        if connection.answered is request or (not request.complete and not self.answer.early):
            return
        connection.answered = request
        if self.answer.data is None:
            connection.out += plain_answer(request)
        else:
            connection.out += self.answer.data
        connection.then, connection.trickle = self.answer.then, self.answer.trickle

    # False: the connection is closed.
    def write(self, connection):
        try:
            while connection.out:
                piece = connection.out[:1] if connection.trickle else connection.out
                sent = connection.socket.send(piece)
                connection.out = connection.out[sent:]
        except BlockingIOError:
            self.selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE,
                                 connection)
            return True
        except OSError:
            connection.then = "close"
        self.selector.modify(connection.socket, selectors.EVENT_READ, connection)
        if connection.then == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        if connection.then in ("close", "reset"):
            self.close(connection)
            return False
        return True

    def close(self, connection):
        self.selector.unregister(connection.socket)
        connection.socket.close()


def plain_answer(request):
    body = b"%s %s %d" % (request.method, request.target, len(request.body))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head if request.method == b"HEAD" else head + body
