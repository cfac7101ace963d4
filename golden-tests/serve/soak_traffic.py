"""Traffic of soak.py: questions with what is right about their answers, and those who ask them.

A question knows by itself which answer is right. One may fail only while a backend dies: GET when a
backend is killed while it is under way, POST when that has just happened (it is not sent again).
"""
import base64
import collections
import dataclasses
import gzip
import http.client
import json
import os
import pathlib
import queue
import random
import re
import socket
import ssl
import subprocess
import threading
import time
import zlib

import soak_backend

SECONDS = 30
NUMBERS = 300
# An answer may be as old as its `ttl` says, and wait as long as a busy machine takes.
OLDEST = 1 + 15
AFTER_KILL = 1.0


class Lost(Exception):
    """No answer came."""


class Cut(Exception):
    """The answer broke off."""


class Kills:
    """Who was killed, and when: noted before it happens."""

    def __init__(self):
        self.lock, self.moments, self.dead = threading.Lock(), [], set()

    def note(self, process):
        with self.lock:
            self.moments.append(time.monotonic())
            self.dead.add(process)

    def between(self, begun, ended):
        with self.lock:
            return any(begun <= moment <= ended for moment in reversed(self.moments))

    def took(self, process):
        with self.lock:
            return process in self.dead


class Score:
    """What all clients have met, by kind of traffic."""

    def __init__(self):
        self.lock, self.counts, self.wrong = threading.Lock(), collections.Counter(), []
        self.ending = threading.Event()

    def count(self, *names):
        with self.lock:
            self.counts.update(names)

    def blame(self, text):
        with self.lock:
            self.wrong.append(text)
        if len(self.wrong) >= 10:
            self.ending.set()

    def table(self):
        with self.lock:
            return "\n".join(f"  {name:32} {count:9}" for name, count in sorted(self.counts.items()))


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    body: bytes


@dataclasses.dataclass
class Question:
    kind: str
    path: str
    right: object  # of the decoded body
    method: str = "GET"
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = None
    status: int = 200
    limited: bool = False  # 429 is an answer, too

    def told(self):
        return f"{self.kind} {self.method} {self.path} {sorted(self.headers)}"


def is_item(number, who=None, stored=False):
    asked = time.monotonic()

    def right(body):
        told = json.loads(body)
        fresh = told.pop("at") >= asked - (OLDEST if stored else 0)
        return fresh and told == {"id": number, "who": who, "secret": f"s{number}", "text": "t" * 2000}
    return right


def is_json(value):
    return lambda body: json.loads(body) == value


def is_problem(body):
    return json.loads(body)["status"] >= 400


class Asker:
    """Draws questions. `tokens` by name of the caller, `keys` by name of the consumer."""

    TENANTS = {"ann": "north", "bob": "north", "eve": "south"}
    LOUD = ("acme", "bolt")

    def __init__(self, seed, tokens, keys):
        self.random, self.tokens, self.keys = random.Random(seed), tokens, keys
        self.kinds = [getattr(self, name) for name in dir(self) if name.startswith("ask_")]

    def question(self):
        asked = self.random.choice(self.kinds)(self.random.randrange(NUMBERS))
        asked.headers["accept-encoding"] = self.random.choice(("identity", "gzip"))
        if self.random.random() < 0.3:
            asked.headers["x-who"] = "somebody"  # which says nothing about who it is
        return asked

    def bearer(self):
        name = self.random.choice(tuple(self.TENANTS))
        return name, {"authorization": f"Bearer {self.tokens[name]}"}

    def ask_plain(self, number):
        return Question("plain", f"/items/{number}", is_item(number))

    def ask_stored(self, number):
        return Question("stored", f"/stored/{number % 20}", is_item(number % 20, stored=True))

    def ask_shown(self, number):
        return Question("changed", f"/shown/{number}", is_json({"id": number, "who": None}))

    def ask_pair(self, number):
        return Question("composed", f"/pair/{number}",
                        is_json({"one": number, "two": {"id": number, "who": None}}))

    def ask_version(self, _):
        return Question("version", "/version", lambda body: body in (b"1", b"2"))

    def ask_few(self, _):
        return Question("limited by address", "/few", lambda body: body == b"few", limited=True)

    def ask_nowhere(self, number):
        return Question("no route", f"/nowhere/{number}", is_problem, status=404)

    def ask_post(self, number):
        return Question("POST", "/items", is_json({"added": number}), "POST",
                        {"content-type": "application/json"}, json.dumps({"id": number}).encode(), 201)

    def ask_bad(self, number):
        return Question("POST refused", "/items", is_problem, "POST",
                        {"content-type": "application/json"},
                        json.dumps({"id": str(number)}).encode(), 400)

    def ask_echo(self, _):
        body = os.urandom(self.random.choice((0, 1, 500, 20_000, 200_000)))
        return Question("POST echoed", "/echo", lambda got: got == body, "POST",
                        {"content-type": "application/octet-stream"}, body)

    def ask_mine(self, number):
        name, headers = self.bearer()
        return Question("token", f"/mine/{number}", is_item(number, name), headers=headers)

    def ask_kept(self, number):
        name, headers = self.bearer()
        number %= 5
        return Question("token, stored", f"/kept/{number}", is_item(number, name, True), headers=headers)

    def ask_team(self, number):
        name, headers = self.bearer()
        number %= 5
        return Question("token, stored by tenant", f"/team/{number}",
                        is_item(number, self.TENANTS[name], True), headers=headers)

    def ask_both(self, number):
        name, headers = self.bearer()
        number %= 5
        return Question("token, composed", f"/both/{number}",
                        is_json({"own": name, "kept": name, "id": number}), headers=headers)

    def ask_forged(self, number):
        token = self.random.choice((self.tokens["expired"], self.tokens["forged"], "none"))
        return Question("token refused", f"/kept/{number % 5}", is_problem, status=401,
                        headers={"authorization": f"Bearer {token}"})

    def ask_unscoped(self, number):
        return Question("scope refused", f"/mine/{number}", is_problem, status=403,
                        headers={"authorization": f"Bearer {self.tokens['mallory']}"})

    def ask_keyed(self, number):
        name = self.random.choice(self.LOUD)
        number %= 5
        return Question("key, stored", f"/keyed/{number}", is_item(number, name, True),
                        headers={"x-key": self.keys[name]})

    def ask_wrong_key(self, number):
        return Question("key refused", f"/keyed/{number % 5}", is_problem, status=401,
                        headers={"x-key": self.random.choice((self.keys["acme"][:-1], "x"))})

    def ask_limited(self, number, name=None):
        name = name or self.random.choice(self.LOUD)
        return Question(f"limited {name}", f"/limited/{number}", is_item(number, name),
                        headers={"x-key": self.keys[name]}, limited=name in self.LOUD)


class Judge:
    """Asks over one transport, and compares."""

    def __init__(self, score, kills):
        self.score, self.kills = score, kills

    def ask(self, transport, question):
        begun = time.monotonic()
        try:
            answer = transport.ask(question)
        except Cut as problem:
            if self.excused(question, begun):
                return self.score.count(f"{transport.NAME}: cut off by a kill")
            return self.score.blame(f"{transport.NAME} {question.told()}: cut off, {problem}")
        except Lost as problem:
            return self.score.blame(f"{transport.NAME} {question.told()}: no answer, {problem}")
        if answer.status == 429 and question.limited and "retry-after" in answer.headers:
            return self.score.count(f"{transport.NAME}: refused by a limit")
        if answer.status in (502, 503) and question.status < 300 and self.excused(question, begun):
            return self.score.count(f"{transport.NAME}: failed by a kill, {question.method}")
        self.compare(transport, question, answer)

    def excused(self, question, begun):
        early = 0 if question.method == "GET" else AFTER_KILL
        return self.kills.between(begun - early, time.monotonic())

    def compare(self, transport, question, answer):
        coding = answer.headers.get("content-encoding")
        try:
            encoded = coding is not None and coding not in transport.DECODES
            body = gzip.decompress(answer.body) if encoded else answer.body
            right = answer.status == question.status and question.right(body)
            if question.kind == "version":
                right = right and answer.headers.get("x-version") == body.decode()
        except (ValueError, KeyError, EOFError, zlib.error) as problem:
            right, body = False, f"{problem!r} {answer.body[:200]}"
        if not right:
            return self.score.blame(f"{transport.NAME} {question.told()}: {answer.status} "
                                    f"{answer.headers} {body[:300]}")
        self.score.count(f"{transport.NAME}: answers", f"kind: {question.kind}")
        if coding:
            self.score.count(f"coding: {coding}")


class Http1:
    """A connection, over TLS with `context`."""

    DECODES = ()

    def __init__(self, port, context=None):
        self.NAME = "HTTP/1.1 over TLS" if context else "HTTP/1.1"
        kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
        named = {"context": context} if context else {}
        self.connection = kind("127.0.0.1", port, timeout=SECONDS, **named)
        self.asked, self.answered = 0, time.monotonic()

    def ask(self, question):
        body, begun = question.body, time.monotonic()
        self.asked += 1
        if body is not None and len(body) % 1000 == 0:  # some without a length
            body = iter([body[:7], body[7:]]) if body else iter([])
        try:
            self.connection.request(question.method, question.path, body, question.headers,
                                    encode_chunked=body is not question.body)
            answer = self.connection.getresponse()
        except (OSError, ValueError, http.client.HTTPException) as problem:
            self.close()
            silent = begun - self.answered
            raise Lost(f"{problem!r} after {time.monotonic() - begun:.3f} s, to request {self.asked} of its "
                       f"connection, which had been silent for {silent:.3f} s") from problem
        try:
            body = answer.read()
            self.answered = time.monotonic()
        except (OSError, ValueError, http.client.HTTPException) as problem:
            self.close()
            raise Cut(repr(problem)) from problem
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def close(self):
        self.connection.close()


class Http2:
    """Requests of all threads over the sessions of one process of Node."""

    NAME, DECODES = "HTTP/2", ("br",)

    def __init__(self, port, certificate):
        script = pathlib.Path(__file__).parent / "soak_http2.js"
        self.process = subprocess.Popen(["node", str(script), str(port), str(certificate)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock, self.asked, self.waiting = threading.Lock(), 0, {}
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            with self.lock:
                waiting = self.waiting.get(told["id"])
            if waiting:
                waiting.put(told)

    def tell(self, order):
        with self.lock:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def begin(self, question):
        """Number, and the queue of what comes."""
        told = queue.Queue()
        with self.lock:
            self.asked += 1
            number = self.asked
            self.waiting[number] = told
        body = None if question.body is None else base64.b64encode(question.body).decode()
        self.tell({"id": number, "method": question.method, "path": question.path,
                   "headers": question.headers, "body": body})
        return number, told

    def finish(self, number):
        with self.lock:
            del self.waiting[number]

    def pieces(self, told):
        """The head, then pieces of the body."""
        begun = False
        while True:
            try:
                message = told.get(timeout=SECONDS)
            except queue.Empty:
                message = {"error": "nothing came"}
            if "error" in message:
                raise (Cut if begun else Lost)(message["error"])
            if "end" in message:
                return
            begun = True
            yield message

    def ask(self, question):
        number, told = self.begin(question)
        try:
            pieces = self.pieces(told)
            head = next(pieces)
            body = b"".join(base64.b64decode(piece["data"]) for piece in pieces)
        finally:
            self.finish(number)
        return Answer(head["status"], head["headers"], body)

    def close(self):
        self.process.stdin.close()
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        self.process.stdout.close()


class Curl:
    """A process for each request: another HTTP/2, a handshake each, and zstd where it can."""

    NAME, DECODES = "HTTP/2 of curl", ("zstd", "gzip")
    TOLD = "\n%{http_version} %{http_code} %header{content-encoding}"

    def __init__(self, port, certificate):
        self.address, self.certificate = f"https://127.0.0.1:{port}", str(certificate)
        version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
        self.coding = "zstd" if "zstd" in version else "gzip"

    def ask(self, question):
        got = subprocess.run(
            ["curl", "-s", "--http2", "--cacert", self.certificate, "--max-time", str(SECONDS),
             "--compressed", "-H", f"accept-encoding: {self.coding}", "-w", self.TOLD,
             self.address + question.path], capture_output=True, check=False)
        body, _, told = got.stdout.rpartition(b"\n")
        version, status, coding = told.decode().split(" ")
        if got.returncode in (18, 92) and status != "000":
            raise Cut(f"curl {got.returncode}")
        if got.returncode or version != "2" or coding not in ("", self.coding):
            raise Lost(f"curl {got.returncode}: {told}")
        return Answer(int(status), {"content-encoding": coding} if coding else {}, body)


class Client(threading.Thread):
    """Asks without a pause, over connections that come and go."""

    def __init__(self, judge, asker, connect, brotli=False):
        super().__init__(daemon=True)
        self.judge, self.asker, self.connect, self.brotli = judge, asker, connect, brotli

    def run(self):
        transport = self.connect()
        while not self.judge.score.ending.is_set():
            question = self.asker.question()
            if self.brotli and self.asker.random.random() < 0.5:
                question.headers["accept-encoding"] = "br"
            self.judge.ask(transport, question)
            if isinstance(transport, Http1) and self.asker.random.random() < 0.02:
                transport.close()
                transport = self.connect()
        if isinstance(transport, Http1):
            transport.close()


class Paced(threading.Thread):
    """Asks one kind of question now and then."""

    def __init__(self, judge, transport, pause, draw):
        super().__init__(daemon=True)
        self.judge, self.transport, self.pause, self.draw = judge, transport, pause, draw

    def run(self):
        while not self.judge.score.ending.wait(self.pause):
            self.judge.ask(self.transport, self.draw())


class Stream(threading.Thread):
    """What lives long. A stream may end when its own process is killed, and for no other reason."""

    def __init__(self, judge, path, seed):
        super().__init__(daemon=True)
        self.judge, self.score, self.path = judge, judge.score, path
        self.random, self.opened, self.process, self.moved = random.Random(seed), 0, None, 0

    def run(self):
        while not self.score.ending.is_set():
            self.opened += 1
            self.process, self.moved = None, 0
            begun = time.monotonic()
            try:
                self.live(f"{self.path}/{id(self)}-{self.opened}")
            except Cut as problem:
                self.explain(problem, begun)
            except (AssertionError, ValueError, KeyError) as problem:
                self.score.blame(f"{self.NAME} {self.path}: {problem!r}")

    def explain(self, problem, begun):
        if self.process is None:
            excused = self.judge.kills.between(begun, time.monotonic())
        else:
            excused = self.judge.kills.took(self.process)
        if excused:
            return self.score.count(f"{self.NAME}: ended by a kill")
        self.score.blame(f"{self.NAME} {self.path}: ended after {self.moved}, {problem!r}")

    def events(self, name, pieces):
        """Each one in its order, of one process, for this name."""
        text = b""
        for piece in pieces:
            text += piece
            while b"\n\n" in text:
                event, _, text = text.partition(b"\n\n")
                number, data = re.fullmatch(rb"id: (\d+)\ndata: (.*)", event).groups()
                told = json.loads(data)
                self.process = self.process or told["process"]
                expected = {"name": name, "number": self.moved, "process": self.process}
                if told != expected or int(number) != self.moved:
                    raise AssertionError(f"{told} in place of {expected}")
                self.moved += 1
                self.score.count(f"{self.NAME}: events")
            if self.score.ending.is_set():
                return
            # Some leave by themselves.
            if "steady" not in self.path and self.random.random() < 0.005:
                return
        raise AssertionError("ended as if it were complete")


class Events1(Stream):
    NAME = "events"

    def __init__(self, judge, path, seed, port, context, coding):
        super().__init__(judge, path, seed)
        self.port, self.context, self.coding = port, context, coding

    def live(self, path):
        transport = Http1(self.port, self.context)
        try:
            transport.connection.request("GET", path, headers={"accept-encoding": self.coding})
            answer = transport.connection.getresponse()
            if answer.status != 200:
                raise Cut(f"status {answer.status}")
            self.score.count(f"{self.NAME}: streams")
            coded = answer.getheader("content-encoding")
            if coded != (None if self.coding == "identity" else self.coding):
                raise AssertionError(f"coding {coded}")
            self.events(path.rsplit("/", 1)[1], self.pieces(answer, coded))
        except (OSError, http.client.HTTPException) as problem:
            raise Cut(repr(problem)) from problem
        finally:
            transport.close()

    @staticmethod
    def pieces(answer, coded):
        decoder = zlib.decompressobj(31) if coded else None
        while piece := answer.read1(65536):
            yield decoder.decompress(piece) if decoder else piece


class Events2(Stream):
    NAME = "events, HTTP/2"

    def __init__(self, judge, path, seed, transport, coding):
        super().__init__(judge, path, seed)
        self.transport, self.coding = transport, coding

    def live(self, path):
        question = Question("events", path, None, headers={"accept-encoding": self.coding})
        number, told = self.transport.begin(question)
        try:
            pieces = self.transport.pieces(told)
            head = next(pieces)
            if head["status"] != 200:
                raise Cut(f"status {head['status']}")
            self.score.count(f"{self.NAME}: streams")
            self.events(path.rsplit("/", 1)[1], (base64.b64decode(piece["data"]) for piece in pieces))
        except Lost as problem:
            raise AssertionError(f"no answer: {problem}") from problem
        finally:
            self.transport.finish(number)
            self.transport.tell({"cancel": number})


class Sockets(Stream):
    """WebSocket whose messages come back."""

    NAME = "WebSocket"

    def __init__(self, judge, path, seed, port, context):
        super().__init__(judge, path, seed)
        self.port, self.context = port, context

    def live(self, path):
        try:
            with socket.create_connection(("127.0.0.1", self.port), SECONDS) as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not self.context:
                    return self.talk(plain, path)
                with self.context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                    self.talk(secure, path)
        except OSError as problem:
            raise Cut(repr(problem)) from problem

    def talk(self, connection, path):
        source = connection.makefile("rb")
        self.shake_hands(connection, source, path)
        self.score.count(f"{self.NAME}: connections")
        opcode, payload = soak_backend.read_frame(source)
        self.process = int(payload)
        while not self.score.ending.wait(0.05):
            opcode = self.random.choice((soak_backend.TEXT, soak_backend.BINARY, soak_backend.PING))
            most = 120 if opcode == soak_backend.PING else self.random.choice((10, 200, 70_000))
            text = f"{path} {self.moved} ".encode()
            payload = (text + b"w" * self.random.randrange(most))[:125 if most == 120 else None]
            self.exchange(connection, source, opcode, payload)
            self.moved += 1
            self.score.count(f"{self.NAME}: messages")
            if "steady" not in self.path and self.random.random() < 0.01:
                break
        self.exchange(connection, source, soak_backend.CLOSE, b"\x03\xe8")

    def exchange(self, connection, source, opcode, payload):
        connection.sendall(soak_backend.frame(opcode, payload, os.urandom(4)))
        got = soak_backend.read_frame(source)
        expected = soak_backend.PONG if opcode == soak_backend.PING else opcode
        if got != (expected, payload):
            raise AssertionError(f"{got[0]} {got[1][:80]} in place of {expected} {payload[:80]}")

    def shake_hands(self, connection, source, path):
        key = base64.b64encode(os.urandom(16))
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           b"Sec-WebSocket-Key: %s\r\n\r\n" % (path.encode(), self.port, key))
        status = source.readline()
        if b" 101 " not in status:
            raise Cut(f"status {status}")
        fields = http.client.parse_headers(source)
        if fields["sec-websocket-accept"] != soak_backend.accept_value(key).decode():
            raise AssertionError(f"another's handshake: {fields}")


def trusting(certificate):
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["http/1.1"])
    return context
