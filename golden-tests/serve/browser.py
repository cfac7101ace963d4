"""A headless Chromium, driven over a pair of pipes by its own protocol (Chrome DevTools).

Needs nothing but the browser. Messages are JSON with a zero behind each.
"""
import base64
import json
import os
import shutil
import subprocess
import threading
import time

SECONDS = 60
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


def find():
    """Path of a browser; None: there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Navigated(AssertionError):
    """The page has given way to another."""


class Browser:
    def __init__(self, folder):
        read_commands, self.commands = os.pipe()
        self.answers, write_answers = os.pipe()
        # The browser reads from 3 and writes to 4. Both are moved out of the way first.
        read_commands, write_answers = (self.move_up(one) for one in (read_commands, write_answers))

        def arrange():
            os.dup2(read_commands, 3)
            os.dup2(write_answers, 4)
        self.process = subprocess.Popen(
            [find(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             "--remote-debugging-pipe", f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=arrange)
        os.close(read_commands)
        os.close(write_answers)
        self.number, self.ready, self.came = 0, {}, threading.Condition()
        self.ended = False
        self.urls, self.complaints = [], []
        self.session = None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.ask(domain + ".enable")

    @staticmethod
    def move_up(descriptor):
        moved = os.dup(descriptor)
        while moved < 5:
            moved = os.dup(descriptor)
        os.set_inheritable(moved, True)
        os.close(descriptor)
        return moved

    def read(self):
        buffer = b""
        while True:
            data = os.read(self.answers, 1 << 16)
            if not data:
                break
            buffer += data
            while b"\0" in buffer:
                message, buffer = buffer.split(b"\0", 1)
                self.take(json.loads(message))
        with self.came:
            self.ended = True
            self.came.notify_all()

    def take(self, message):
        with self.came:
            if "id" in message:
                self.ready[message["id"]] = message
                self.came.notify_all()
                return
            method, of = message["method"], message.get("params", {})
            if method == "Network.requestWillBeSent":
                self.urls.append(of["request"]["url"])
            elif method == "Log.entryAdded" and of["entry"]["level"] in ("error", "warning"):
                self.complaints.append(of["entry"]["text"] + " " + of["entry"].get("url", ""))
            elif method == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(of["exceptionDetails"])[:500])
            elif method == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning"):
                self.complaints.append(json.dumps(of["args"])[:500])

    def ask(self, method, **parameters):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        with self.came:
            if not self.came.wait_for(lambda: number in self.ready or self.ended, SECONDS):
                raise AssertionError(f"the browser does not answer {method}")
            if number not in self.ready:
                raise AssertionError("the browser has ended")
            answer = self.ready.pop(number)
        if "navigated" in answer.get("error", {}).get("message", ""):
            raise Navigated(answer["error"]["message"])
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def value(self, expression):
        """Of an expression of JavaScript, which may be a promise."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def await_value(self, expression, seconds=SECONDS):
        """Until it is true. Asked for again and again: a page may give way to another meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = self.value("(() => { try { return (%s); } catch { return null; } })()"
                                   % expression)
            except Navigated:
                continue
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}; complaints: {self.complaints}; "
                             + str(self.value("document.body.innerText"))[:3000])

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def press(self, key):
        of = {"key": key, "code": "Space" if key == " " else key,
              "windowsVirtualKeyCode": KEYS[key]}
        if key != "Tab":
            of["text"] = "\r" if key == "Enter" else key
        self.ask("Input.dispatchKeyEvent", type="keyDown", **of)
        of.pop("text", None)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **of)

    def screenshot(self):
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self):
        try:
            self.session = None
            self.ask("Browser.close")
        except AssertionError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.commands)
        self.reader.join(10)
        os.close(self.answers)
