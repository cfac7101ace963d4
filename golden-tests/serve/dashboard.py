#!/usr/bin/env python3
"""The dashboard of `gwctl serve`, in a headless Chromium, with real traffic.

  dashboard.py GWCTL

GW_BLESS=1 writes specs/dashboard.png. Says "skipped" where there is no browser.
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import browser  # noqa: E402
import run  # noqa: E402

SPECS = pathlib.Path(__file__).resolve().parents[2] / "specs"
TOKEN = "token-of-the-dashboard-test"
LARGEST_PICTURE = 150 * 1024

DOCUMENT = """
openapi: 3.1.0
info: {{title: Shop, version: '{version}'}}
x-gw:
  version: 1
  upstreams:
    users: {{targets: ['http://127.0.0.1:{good}', 'http://127.0.0.1:{bad}'], outlier: {{consecutive: 3, eject: 300s, maxEjected: 50%}}}}
  clients: {{mobile: {{when: {{header: {{x-client: mobile}}}}}}, web: {{}}}}
  defaults: {{upstream: users, timeout: {{connect: 3s, try: 20s, total: 20s, idle: 20s}}}}
components:
  schemas:
    User:
      type: object
      required: [id]
      properties:
        id: {{type: integer, minimum: 1}}
        state: {{type: string, enum: [new, "<b>old</b>"], description: Whether <i>he</i> is known}}
        manager: {{$ref: '#/components/schemas/User'}}
        address: {{type: object, properties: {{city: {{type: string, maxLength: 40}}}}}}
paths:
  /users/{{id}}:
    get:
      operationId: getUser
      summary: One user <img src=x onerror="document.title='markup'">
      parameters: [{{name: id, in: path, required: true, schema: {{type: integer}}}}]
      x-gw: {{public: test, views: {{mobile: {{pick: [id]}}}}}}
      responses:
        '200':
          description: The user
          headers: {{X-Version: {{description: Of the user, schema: {{type: integer}}}}}}
          content: {{application/json: {{schema: {{$ref: '#/components/schemas/User'}}}}}}
  /users:
    post:
      operationId: addUser
      x-gw: {{public: test}}
      requestBody:
        required: true
        content: {{application/json: {{schema: {{$ref: '#/components/schemas/User'}}}}}}
      responses: {{'201': {{description: Added, content: {{application/json: {{schema: {{type: array, items: {{$ref: '#/components/schemas/User'}}}}}}}}}}}}
  /stored:
    get:
      operationId: getStored
      x-gw: {{public: test, cache: {{ttl: 1h}}, rateLimit: {{plenty: {{key: $client.ip, limit: 1000000/s}}}}}}
      responses: {{'200': {{description: ok}}}}
  /few:
    get:
      operationId: listFew
      x-gw: {{public: test, respond: {{body: few}}, rateLimit: {{scarce: {{key: $client.ip, limit: 2/h}}}}}}
      responses: {{'200': {{description: ok}}}}
  /inside:
    get:
      operationId: getInside
      x-gw: {{public: test, deny: {{client: mobile}}, respond: {{body: inside}}}}
      responses: {{'200': {{description: ok}}}}
  /slow:
    get:
      operationId: getSlow
      x-gw: {{public: test}}
      responses: {{'200': {{description: ok}}}}
"""


class Backend(http.server.ThreadingHTTPServer):
    """Answers 200, or always 500; /slow waits a little."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, status):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/slow":
                    time.sleep(0.2)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


def luminance(color):
    parts = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
              for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2, 1.4.3."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class DashboardTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.good, self.bad = Backend(200), Backend(500)
        for backend in (self.good, self.bad):
            self.addCleanup(backend.stop)
        self.write(1)
        token = self.folder / "token"
        token.write_text(TOKEN, encoding="utf-8")
        token.chmod(0o600)
        self.serve = run.Serve(self.folder, "gateway.yaml", "--admin", "127.0.0.1:0",
                               "--admin-token-file", str(token))
        self.addCleanup(self.end)
        self.serve.await_line("admin address=")
        line = next(line for line in self.serve.lines if "admin address=" in line)
        self.admin = "127.0.0.1:" + re.search(r"admin address=\S*?:(\d+)", line).group(1)
        self.ending = threading.Event()
        self.clients = [threading.Thread(target=self.ask, daemon=True) for _ in range(2)]
        self.addCleanup(self.stop_clients)
        self.page = browser.Browser(self.folder / "profile")
        self.addCleanup(self.page.close)
        self.page.ask("Emulation.setDeviceMetricsOverride", width=1200, height=1000,
                      deviceScaleFactor=1, mobile=False)

    def write(self, version):
        text = DOCUMENT.format(version=version, good=self.good.server_port,
                               bad=self.bad.server_port)
        (self.folder / "gateway.yaml").write_text(text, encoding="utf-8")

    def end(self):
        self.serve.process.terminate()
        self.assertEqual(self.serve.end(), 0)

    def stop_clients(self):
        self.ending.set()
        for client in self.clients:
            if client.is_alive():
                client.join(run.SECONDS)

    def start_clients(self):
        for client in self.clients:
            client.start()

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.serve.port, timeout=run.SECONDS)
        number = 0
        while not self.ending.is_set():
            number += 1
            path = ("/few", "/slow", "/stored")[number // 40 % 3] if number % 40 == 0 \
                else f"/users/{number}" if number % 3 else "/stored"
            connection.request("GET", path)
            connection.getresponse().read()
            time.sleep(0.01)
        connection.close()

    def open(self):
        self.page.open(f"http://{self.admin}/")
        self.page.await_value("!document.getElementById('login').hidden")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type(TOKEN)
        self.page.press("Enter")
        self.page.await_value("document.getElementById('connection').textContent === 'Live'")

    def text(self, name):
        return self.page.value(f"document.getElementById('{name}').innerText")

    def await_text(self, name, text):
        self.page.await_value(f"document.getElementById('{name}').innerText.includes({json.dumps(text)})")

    def tab_to(self, key):
        for _ in range(100):
            self.page.press("Tab")
            if self.page.value("document.activeElement.dataset.key") == key:
                return
        self.fail(f"the keyboard does not come to {key}")

    def first_column(self):
        return self.page.value(
            "[...document.querySelectorAll('#operations-table tbody th')].map((e) => e.innerText)")

    def test_traffic_targets_and_reloads_are_shown_live(self):
        self.open()
        points = ("(document.querySelector('#plot-traffic polyline') || {getAttribute: () => ''})"
                  ".getAttribute('points').split(' ').length")
        label = "document.getElementById('plot-traffic').getAttribute('aria-label')"
        self.start_clients()
        # Traffic moves the plot.
        self.page.await_value(f"/now [1-9]/.test({label})")
        before = self.page.value(points)
        self.page.await_value(f"{points} > {before}")
        self.await_text("operations-table", "getUser")
        self.page.await_value(
            "document.querySelectorAll('#plot-latency .p99').length > 0")
        # The target that fails is out, and says so without being asked.
        self.await_text("targets-table", f"127.0.0.1:{self.bad.server_port}")
        self.await_text("targets-table", "ejected")
        self.await_text("limits-table", "scarce")
        # The limit that has refused is the nearest to its end, before one that has room.
        self.await_text("limits-table", "beyond its end")
        self.await_text("limits-table", "plenty")
        self.page.await_value("document.querySelector('#limits-table tbody th').innerText === 'scarce'")
        self.assertEqual(self.page.value(
            "[...document.querySelectorAll('#limits-table tbody tr')].map((row) => row.cells[1].innerText)"),
            ["beyond its end", "0-50 %"])
        self.page.await_value("Number(document.querySelector('#limits-table tbody tr').cells[4].innerText) > 0")
        self.await_text("cache-facts", "Cache hit ratio")
        self.await_text("failing-table", "The upstream itself has answered so")
        self.await_text("failing-table", "gateway.yaml:")
        self.await_text("slow-table", "getSlow")
        # An operation alone.
        self.page.value("[...document.querySelectorAll('#operations-table tbody button')]"
                        ".find((e) => e.innerText === 'getUser').click()")
        self.page.await_value(f"{label}.startsWith('Requests per second of getUser')")
        self.assertEqual(self.page.value("document.getElementById('chosen').value"), "getUser")
        self.page.value("document.getElementById('chosen').value = ''; "
                        "document.getElementById('chosen').dispatchEvent(new Event('change'))")
        # A reload appears.
        self.write(2)
        subprocess.run([run.GWCTL, "reload", "gateway.yaml", "--admin", self.admin,
                        "--admin-token-file", str(self.folder / "token")], cwd=self.folder,
                       check=True, timeout=run.SECONDS, stdout=subprocess.DEVNULL)
        self.await_text("news", "is served (reload)")
        self.await_text("reloads-table", "reload")
        if os.environ.get("GW_BLESS") == "1":
            self.page.await_value(f"{points} > 13", 2 * browser.SECONDS)
            self.page.value("window.scrollTo(0, 0)")
            picture = self.page.screenshot()
            (SPECS / "dashboard.png").write_bytes(picture)
        self.assertEqual(self.page.complaints, [])
        elsewhere = [url for url in self.page.urls
                     if not url.startswith((f"http://{self.admin}/", "data:", "about:"))]
        self.assertEqual(elsewhere, [])

    def test_operations_are_sorted_by_keyboard(self):
        self.start_clients()
        self.open()
        self.page.await_value("document.querySelectorAll('#operations-table tbody th').length >= 3")
        self.stop_clients()
        sort = "document.querySelector('#operations-table th[aria-sort]')"
        self.assertEqual(self.page.value(f"{sort}.innerText.trim().split(' ')[0]"), "Requests")
        self.tab_to("sort Operation")
        self.page.press("Enter")
        self.assertEqual(self.page.value(f"{sort}.getAttribute('aria-sort')"), "ascending")
        self.assertEqual(self.first_column(), sorted(self.first_column(), key=str.lower))
        # The focus stays where it was, so that it can be turned around.
        self.assertEqual(self.page.value("document.activeElement.dataset.key"), "sort Operation")
        self.page.press(" ")
        self.assertEqual(self.page.value(f"{sort}.getAttribute('aria-sort')"), "descending")
        self.assertEqual(self.first_column(),
                         sorted(self.first_column(), key=str.lower, reverse=True))

    def test_everybody_can_read_it(self):
        self.start_clients()
        self.open()
        self.await_text("operations-table", "getUser")
        self.check_names({"banner", "main", "navigation", "table", "image", "button"})
        self.assertEqual(self.page.value("document.documentElement.lang"), "en")
        self.assertEqual(self.page.value("document.querySelectorAll('h1').length"), 1)
        self.assertEqual(self.page.value(
            "[...document.querySelectorAll('table')].filter((e) => !e.caption).length"), 0)
        self.assertEqual(self.page.value(
            "[...document.querySelectorAll('th')].filter((e) => !e.scope).length"), 0)
        self.assertEqual(self.page.value(
            "document.getElementById('news').getAttribute('aria-live')"), "polite")
        levels = self.page.value(
            "[...document.querySelectorAll('h1, h2, h3')].map((e) => Number(e.tagName[1]))")
        self.assertTrue(all(b <= a + 1 for a, b in zip(levels, levels[1:])), levels)
        backgrounds = set()
        for scheme in ("light", "dark"):
            with self.subTest(scheme=scheme):
                self.page.ask("Emulation.setEmulatedMedia",
                              features=[{"name": "prefers-color-scheme", "value": scheme}])
                backgrounds.add(self.page.value("getComputedStyle(document.body).backgroundColor"))
                self.check_contrast()
        self.assertEqual(len(backgrounds), 2)
        # What has the focus is seen to have it.
        self.tab_to("sort Operation")
        self.assertNotEqual(self.page.value(
            "getComputedStyle(document.activeElement).outlineStyle"), "none")
        # Narrow screens have no sidewards scrolling of the page.
        self.page.ask("Emulation.setDeviceMetricsOverride", width=360, height=800,
                      deviceScaleFactor=1, mobile=True)
        self.assertLessEqual(self.page.value("document.documentElement.scrollWidth"), 360)
        self.assertEqual(self.page.complaints, [])

    def check_names(self, expected):
        """What the browser would tell a screen reader."""
        roles = set()
        for node in self.page.ask("Accessibility.getFullAXTree")["nodes"]:
            if node.get("ignored"):
                continue
            role = node["role"]["value"]
            roles.add(role)
            if role in ("button", "link", "textbox", "combobox", "image", "table", "region",
                        "navigation", "heading", "form"):
                self.assertTrue(node.get("name", {}).get("value", "").strip(), node)
        self.assertLessEqual(expected, roles)

    def check_contrast(self):
        def color(name):
            return self.page.value("getComputedStyle(document.documentElement)"
                                   f".getPropertyValue('--{name}').trim()")
        for text in ("text", "muted", "accent", "good", "warn", "bad"):
            for ground in ("page", "panel"):
                self.assertGreaterEqual(contrast(color(text), color(ground)), 4.5, (text, ground))

    def test_the_documentation_says_policies_in_words(self):
        self.page.open(f"http://{self.admin}/docs")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type(TOKEN)
        self.page.press("Enter")
        self.await_text("title", "Shop 1")
        for said in ("GET /users/{id}", "One user <img src=x", "Open to everybody.", "The user",
                     "Answers may come from the cache, up to 1h old.", "At most 2/h.",
                     "Served by the upstream users.", "written at gateway.yaml:"):
            self.await_text("operations", said)
        # What a document says is text, whatever it is.
        self.assertEqual(self.page.value("document.querySelectorAll('img').length"), 0)
        self.assertEqual(self.page.value("document.title"), "Shop")
        self.assertNotIn("For mobile", self.text("operations"))
        self.assertIn("getInside", self.text("operations"))
        self.page.value("document.getElementById('client').value = 'mobile'; "
                        "document.getElementById('client').dispatchEvent(new Event('change'))")
        self.await_text("operations", "For mobile, answers have nothing but id.")
        # What refuses the class is not for it.
        self.assertNotIn("getInside", self.text("operations"))
        self.assertIn("1 to 5 of 5", self.text("count"))
        self.page.value("document.getElementById('q').value = 'GET /STO'; "
                        "document.getElementById('search').requestSubmit()")
        self.await_text("count", "1 to 1 of 1")
        self.assertIn("getStored", self.text("operations"))
        self.page.value("history.back()")
        self.await_text("count", "1 to 5 of 5")
        self.assertTrue(self.page.value("document.getElementById('paging').hidden"))
        self.check_names({"banner", "main", "navigation", "table"})
        self.assertEqual(self.page.complaints, [])

    def open_documentation(self, query=""):
        self.page.open(f"http://{self.admin}/docs{query}")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type(TOKEN)
        self.page.press("Enter")
        self.await_text("title", "Shop 1")

    def lines(self, heading):
        """What is below a heading of the only operation, as far as it is open."""
        return self.page.value(
            "(() => { const all = []; let at = [...document.querySelectorAll('h3, h4')]"
            f".find((one) => one.innerText.startsWith({json.dumps(heading)})); "
            "for (at = at.nextElementSibling; at && !/^H[34]$/.test(at.tagName); "
            "at = at.nextElementSibling) all.push(...at.innerText.split('\\n')); "
            "return all.map((one) => one.trim()).filter(Boolean); })()")

    def test_the_documentation_shows_bodies_and_their_schemas(self):
        self.open_documentation("?q=addUser")
        self.await_text("count", "1 to 1 of 1")
        self.assertEqual(self.lines("Request body"), [
            "It must be there.", "application/json", "object User",
            "id integer, required, at least 1",
            # What a document says is text here as well.
            "state string, one of new, <b>old</b> Whether <i>he</i> is known",
            "manager User As it is above.", "address object"])
        self.assertEqual(self.lines("201 Added")[:4], [
            "application/json", "array", "each item object User", "id integer, required, at least 1"])
        self.assertIn("Bodies that break the schema get 400", self.text("operations"))
        self.assertIn("Requests without a body get 400", self.text("operations"))
        # What is deeper opens, by the keyboard too.
        self.page.value("[...document.querySelectorAll('#operations details:not([open]) > summary')]"
                        ".find((one) => one.innerText.startsWith('address')).focus()")
        self.page.press("Enter")
        self.await_text("operations", "city string, 40 characters at most")
        self.page.press(" ")
        self.page.await_value("!document.getElementById('operations').innerText.includes('city')")
        self.assertEqual(self.page.complaints, [])

    def test_the_documentation_shows_answers_as_a_class_gets_them(self):
        self.open_documentation("?q=getUser")
        self.await_text("count", "1 to 1 of 1")
        self.assertEqual(self.lines("200 The user"), [
            "Header fields", "Name\tType\tAlways\tMeaning", "X-Version\tinteger\tno\tOf the user",
            "application/json", "object User", "id integer, required, at least 1",
            "state string, one of new, <b>old</b> Whether <i>he</i> is known",
            "manager User As it is above.", "address object"])
        self.page.value("document.getElementById('client').value = 'mobile'; "
                        "document.getElementById('client').dispatchEvent(new Event('change'))")
        self.await_text("operations", "As clients of the class mobile get it.")
        self.assertEqual(self.lines("200 The user")[-3:],
                         ["application/json", "object", "id integer, required, at least 1"])
        self.page.value("document.getElementById('client').value = 'web'; "
                        "document.getElementById('client').dispatchEvent(new Event('change'))")
        self.page.await_value("document.getElementById('operations').innerText.includes('state string')")
        self.assertNotIn("As clients of the class", self.text("operations"))
        self.check_names({"banner", "main", "navigation", "table", "list", "listitem"})
        for scheme in ("light", "dark"):
            self.page.ask("Emulation.setEmulatedMedia", media="screen",
                          features=[{"name": "prefers-color-scheme", "value": scheme}])
            self.check_contrast()
        self.assertEqual(self.page.complaints, [])

    def test_the_documentation_reaches_every_operation(self):
        paths = "".join(f"  /more/{i}: {{get: {{operationId: more{i:03}, x-gw: {{public: test, respond: 204}}}}}}\n"
                        for i in range(450))
        document = self.folder / "gateway.yaml"
        document.write_text(document.read_text(encoding="utf-8") + paths, encoding="utf-8")
        subprocess.run([run.GWCTL, "reload", "gateway.yaml", "--admin", self.admin,
                        "--admin-token-file", str(self.folder / "token")], cwd=self.folder,
                       check=True, timeout=run.SECONDS, stdout=subprocess.DEVNULL)
        self.page.open(f"http://{self.admin}/docs")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type(TOKEN)
        self.page.press("Enter")
        seen = set()
        articles = "[...document.querySelectorAll('#operations article h2')].map((e) => e.innerText)"
        for first, last in ((1, 200), (201, 400), (401, 456)):
            self.await_text("count", f"{first} to {last} of 456")
            page = self.page.value(articles)
            self.assertEqual(len(page), last - first + 1)
            seen.update(page)
            self.assertEqual(self.page.value("document.getElementById('next').disabled"), last == 456)
            self.page.value("document.getElementById('next').click()")
        self.assertEqual(len(seen), 456)
        for first in (201, 1):
            self.page.value("document.getElementById('previous').click()")
            self.await_text("count", f"{first} to {first + 199} of")
        self.assertTrue(self.page.value("document.getElementById('previous').disabled"))
        self.assertEqual(self.page.complaints, [])

    def test_a_wrong_token_is_asked_for_again(self):
        self.page.open(f"http://{self.admin}/dashboard")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type("wrong")
        self.page.press("Enter")
        self.await_text("news", "not the right one")
        self.page.await_value("document.activeElement.id === 'token'")
        self.page.type(TOKEN)
        self.page.press("Enter")
        self.page.await_value("document.getElementById('connection').textContent === 'Live'")
        self.assertEqual(self.page.value("sessionStorage.getItem('gwctl-token')"), TOKEN)

    def test_nothing_but_the_page_is_given_away_without_a_token(self):
        for path, status in (("/", 200), ("/dashboard", 200), ("/dashboard.js", 200),
                             ("/dashboard.css", 200), ("/v1/overview", 401), ("/v1/events", 401)):
            connection = http.client.HTTPConnection(self.admin, timeout=run.SECONDS)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.assertEqual(answer.status, status, path)
            self.assertIn("default-src 'none'", answer.getheader("Content-Security-Policy"))
            self.assertFalse(b"getUser" in body)

    def test_the_page_is_small(self):
        size = 0
        for path in ("/", "/dashboard.js", "/dashboard.css", "/docs", "/docs.js"):
            connection = http.client.HTTPConnection(self.admin, timeout=run.SECONDS)
            connection.request("GET", path)
            size += len(connection.getresponse().read())
            connection.close()
        self.assertLessEqual(size, 60 * 1024)
        self.assertLessEqual((SPECS / "dashboard.png").stat().st_size, LARGEST_PICTURE)


if __name__ == "__main__":
    if len(sys.argv) != 2 and not (len(sys.argv) > 2 and sys.argv[2].startswith("DashboardTest")):
        raise SystemExit(__doc__)
    run.GWCTL = str(pathlib.Path(sys.argv.pop(1)).resolve())
    if browser.find() is None:
        print("skipped: no Chromium is installed")
        raise SystemExit(77)
    unittest.main(verbosity=1, warnings="ignore")
