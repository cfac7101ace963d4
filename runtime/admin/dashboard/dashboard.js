// @ts-check
// The page of the admin interface. Everything that the gateway says is shown as text, never as
// markup. Rows of samples are arrays whose columns `history.fields` names.
"use strict";

/**
 * @typedef {number[]} Row
 * @typedef {{interval_ms: number, kept: number, fields: string[], total: Row[], rest: Row[],
 *   operations: Record<string, Row[]>}} Minutes
 * @typedef {{title: string, number?: boolean, sort?: boolean}} Column
 * @typedef {{text?: string|number, tone?: string, act?: () => void, key?: string, mono?: boolean,
 *   words?: boolean, value?: string|number, pressed?: boolean}} Cell
 */

const REST = "(all others)";
const RETRY_MS = 2000;
const REFRESH_MS = 5000;
const LIMITS_SHOWN = 50;

/** @type {Minutes|null} */
let minutes = null;
/** @type {Record<string, number>} */
let column = {};
/** @type {any} */
let overview = null;
let chosen = "";
let order = {column: 1, down: true};

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
/** @param {string} text */
const tell = (text) => { if (at("news").textContent !== text) at("news").textContent = text; };
/** @param {string} id @param {string} text */
const set = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };

// Numbers for people ----------------------------------------------------------------------------

/** @param {number} value */
function count(value) {
  return value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}
/** @param {number} us */
function duration(us) {
  if (!us) return "–";
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  return `${(us / 1e6).toFixed(1)} s`;
}
/** @param {number} part @param {number} all */
function share(part, all) {
  return all === 0 ? "–" : `${(100 * part / all).toFixed(part > 0 && part < all ? 1 : 0)} %`;
}
/** @param {number} value */
function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < 3) { value /= 1024; ++unit; }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
/** @param {number} ms */
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
/** @param {number} ms */
const moment = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC";

// Talking to the gateway ------------------------------------------------------------------------

/** @param {string} path */
async function ask(path) {
  let token = sessionStorage.getItem("gwctl-token");
  if (!token && document.documentElement.dataset.token === "required") {
    await login(false);
    token = sessionStorage.getItem("gwctl-token");
  }
  /** @type {Record<string, string>} */
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const answer = await fetch(path, {headers, cache: "no-store"});
  if (answer.status === 401) {
    await login(token !== null);
    return ask(path);
  }
  return answer;
}

/** @type {Promise<void>|null} */
let asking = null;
/** @param {boolean} wrong @returns {Promise<void>} */
function login(wrong) {
  if (asking) return asking;
  sessionStorage.removeItem("gwctl-token");
  set("connection", "A token is needed");
  if (wrong) tell("The token is not the right one");
  at("login").hidden = false;
  at("token").focus();
  asking = new Promise((done) => {
    at("login").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      sessionStorage.setItem("gwctl-token", at("token").value);
      at("token").value = "";
      at("login").hidden = true;
      asking = null;
      tell("");
      done();
    };
  });
  return asking;
}

/** @param {boolean} whole */
async function load(whole) {
  const answer = await ask(whole ? "/v1/overview" : "/v1/overview?history=false");
  if (!answer.ok) throw new Error(`the gateway answers ${answer.status}`);
  overview = await answer.json();
  if (whole) {
    minutes = overview.history;
    column = Object.fromEntries(overview.history.fields.map((/** @type {string} */ name, /** @type {number} */ i) => [name, i]));
  }
  show();
}

/** @param {ReadableStream<Uint8Array>} stream */
async function listen(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    text += decoder.decode(value, {stream: true});
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const event = lines.find((line) => line.startsWith("event: "));
      const data = lines.find((line) => line.startsWith("data: "));
      if (event && data) heard(event.slice(7), JSON.parse(data.slice(6)));
    }
  }
}

let refreshing = 0;
function refresh() {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => load(false).catch(() => {}), 100);
}

/** @param {string} event @param {any} data */
function heard(event, data) {
  if (event === "sample") take(data);
  if (event === "health") tell(`${data.upstream}: target ${data.target} is ${data.state}`);
  if (event === "reload") {
    tell(data.accepted ? `Table ${data.after} is served (${data.origin})`
      : `A table was refused: ${data.problems.join("; ")}`);
  }
  refresh();
}

/** @param {{total: Row, rest: Row, operations: Record<string, Row>}} sample */
function take(sample) {
  if (!minutes) return;
  const now = sample.total[0];
  const last = minutes.total[minutes.total.length - 1];
  if (last && last[0] >= now) return;
  minutes.total.push(sample.total);
  if (minutes.total.length > minutes.kept) minutes.total.shift();
  minutes.rest.push(sample.rest);
  for (const [name, row] of Object.entries(sample.operations)) {
    (minutes.operations[name] = minutes.operations[name] || []).push(row);
  }
  const first = minutes.total[0][0];
  const young = (/** @type {Row[]} */ rows) => rows.filter((row) => row[0] >= first);
  minutes.rest = young(minutes.rest);
  for (const name of Object.keys(minutes.operations)) {
    const rows = young(minutes.operations[name]);
    if (rows.length) minutes.operations[name] = rows;
    else delete minutes.operations[name];
  }
  show();
}

const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

async function live() {
  for (;;) {
    let wait = RETRY_MS;
    try {
      const events = await ask("/v1/events");
      await load(true);
      if (events.ok && events.body) {
        set("connection", "Live");
        await listen(events.body);
      } else {
        set("connection", "Asking every few seconds: too many listen to events");
        wait = REFRESH_MS;
      }
    } catch { /* said below */ }
    if (wait === RETRY_MS) set("connection", "Connection lost, trying again");
    await pause(wait);
  }
}

// Tables ----------------------------------------------------------------------------------------

/** @param {string} tag @param {string} [text] @param {string} [tone] */
function make(tag, text, tone) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (tone) made.className = tone;
  return made;
}

/** @param {Cell} cell @param {Column} head @param {boolean} first */
function makeCell(cell, head, first) {
  const made = make(first ? "th" : "td");
  if (first) made.setAttribute("scope", "row");
  const text = String(cell.text ?? "");
  if (cell.act) {
    const button = make("button", text);
    button.dataset.key = cell.key || text;
    button.setAttribute("type", "button");
    if (cell.pressed !== undefined) button.setAttribute("aria-pressed", String(cell.pressed));
    button.onclick = cell.act;
    made.append(button);
  } else {
    made.textContent = text;
  }
  const classes = [head.number && "number", cell.mono && "mono", cell.words && "words", cell.tone];
  made.className = classes.filter(Boolean).join(" ");
  return made;
}

/** @param {any} table @param {Column[]} heads */
function makeHead(table, heads) {
  const row = make("tr");
  heads.forEach((head, i) => {
    const cell = make("th", head.sort ? undefined : head.title, head.number ? "number" : "");
    cell.setAttribute("scope", "col");
    if (head.sort) {
      const button = make("button", head.title);
      button.setAttribute("type", "button");
      button.dataset.key = `sort ${head.title}`;
      button.onclick = () => {
        order = {column: i, down: order.column === i ? !order.down : i !== 0};
        show();
      };
      cell.append(button);
      if (order.column === i) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    }
    row.append(cell);
  });
  const head = make("thead");
  head.append(row);
  return head;
}

// Who had the focus keeps it, though its element is another.
/** @param {string} id @param {Column[]} heads @param {Cell[][]} rows @param {string} none */
function fill(id, heads, rows, none) {
  const table = at(id);
  const active = /** @type {HTMLElement|null} */ (document.activeElement);
  const key = active && table.contains(active) ? active.dataset.key : undefined;
  const body = make("tbody");
  for (const cells of rows) {
    const row = make("tr");
    cells.forEach((cell, i) => row.append(makeCell(cell, heads[i], i === 0)));
    body.append(row);
  }
  if (rows.length === 0) {
    const cell = make("td", none, "muted");
    cell.setAttribute("colspan", String(heads.length));
    const row = make("tr");
    row.append(cell);
    body.append(row);
  }
  table.querySelectorAll("thead, tbody").forEach((/** @type {Element} */ part) => part.remove());
  table.append(makeHead(table, heads), body);
  if (key === undefined) return;
  for (const button of table.querySelectorAll("button")) if (button.dataset.key === key) button.focus();
}

// Plots -----------------------------------------------------------------------------------------

const LEAST_SPAN_MS = 60000;
const WIDTH = 400, HEIGHT = 130, LEFT = 4, TOP = 16, BOTTOM = 18;

/** @param {string} tag @param {Record<string, string|number>} attributes @param {string} [text] */
function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/**
 * @param {string} id @param {string} title @param {number[]} times
 * @param {{name: string, tone: string, values: (number|null)[]}[]} lines
 * @param {(value: number) => string} format @param {number} least
 */
function plot(id, title, times, lines, format, least) {
  const svg = at(id);
  const seen = lines.flatMap((line) => line.values.filter((value) => value !== null));
  const top = Math.max(least, ...seen.map(Number));
  const end = times[times.length - 1] || 0;
  const span = Math.max(end - (times[0] || 0), LEAST_SPAN_MS);  // a gateway that is young fills the plot
  const x = (/** @type {number} */ time) => WIDTH - LEFT - (end - time) / span * (WIDTH - 2 * LEFT);
  const y = (/** @type {number} */ value) => HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
  const parts = [
    draw("line", {class: "grid", x1: LEFT, x2: WIDTH - LEFT, y1: y(0), y2: y(0)}),
    draw("line", {class: "grid", x1: LEFT, x2: WIDTH - LEFT, y1: y(top), y2: y(top)}),
    draw("text", {x: LEFT, y: TOP - 4}, format(top)),
    draw("text", {x: LEFT, y: HEIGHT - 4}, end ? clock(end - span) : ""),
    draw("text", {x: WIDTH - LEFT, y: HEIGHT - 4, "text-anchor": "end"}, end ? clock(end) : "now"),
  ];
  for (const line of lines) {
    /** @type {string[]} */
    let run = [];
    const close = () => {
      if (run.length === 1) {
        const [cx, cy] = run[0].split(",");
        parts.push(draw("circle", {class: line.tone, cx, cy, r: 2}));
      } else if (run.length > 1) {
        parts.push(draw("polyline", {class: line.tone, points: run.join(" ")}));
      }
      run = [];
    };
    line.values.forEach((value, i) => {
      if (value === null) close();
      else run.push(`${x(times[i]).toFixed(1)},${y(value).toFixed(1)}`);
    });
    close();
  }
  svg.replaceChildren(...parts);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  const said = lines.map((line) => {
    const values = line.values.filter((value) => value !== null).map(Number);
    if (!values.length) return `${line.name} nothing yet`;
    return `${line.name} now ${format(values[values.length - 1])}, highest ${format(Math.max(...values))}`;
  });
  svg.setAttribute("aria-label", `${title} of ${chosen || "all operations"}: ${said.join("; ")}`);
}

/** @param {Row|undefined} row */
function requests(row) {
  let sum = 0;
  if (row) for (let i = column["1xx"]; i <= column["other"]; ++i) sum += row[i];
  return sum;
}
/** @param {Row|undefined} row */
const errors = (row) => row ? row[column["5xx"]] + row[column["other"]] : 0;

function showPlots() {
  if (!minutes) return;
  const times = minutes.total.map((row) => row[0]);
  const rows = chosen === "" ? minutes.total : chosen === REST ? minutes.rest : minutes.operations[chosen] || [];
  const byTime = new Map(rows.map((row) => [row[0], row]));
  const found = times.map((time) => byTime.get(time));
  const seconds = minutes.interval_ms / 1000;
  plot("plot-traffic", "Requests per second", times,
    [{name: "", tone: "", values: found.map((row) => requests(row) / seconds)}], count, 1);
  plot("plot-errors", "Share of errors", times,
    [{name: "", tone: "bad", values: found.map((row) => requests(row) ? 100 * errors(row) / requests(row) : null)}],
    (value) => `${count(value)} %`, 1);
  const quantile = (/** @type {string} */ name) =>
    ({name, tone: name, values: found.map((row) => row && row[column[`${name}_us`]] || null)});
  plot("plot-latency", "Latency", times, ["p50", "p95", "p99"].map(quantile), (us) => duration(Math.round(us)), 1000);
}

// Sections --------------------------------------------------------------------------------------

/** @param {string} name */
function choose(name) {
  chosen = name;
  at("chosen").value = name;
  show();
}

/** @param {string[]} names */
function showChoice(names) {
  const select = at("chosen");
  const wanted = ["", ...names];
  const there = [...select.options].map((option) => option.value);
  if (chosen && !wanted.includes(chosen)) wanted.push(chosen);
  if (wanted.join("\n") === there.join("\n")) return;
  select.replaceChildren(...wanted.map((name) => {
    const option = /** @type {HTMLOptionElement} */ (make("option", name || "All"));
    option.value = name;
    return option;
  }));
  select.value = chosen;
}

function showOperations() {
  if (!minutes) return;
  const heads = [{title: "Operation", sort: true}, {title: "Requests", number: true, sort: true},
    {title: "Now, per s", number: true, sort: true}, {title: "5xx", number: true, sort: true},
    {title: "4xx", number: true, sort: true}, {title: "p50", number: true, sort: true},
    {title: "p99", number: true, sort: true}, {title: "In flight", number: true, sort: true}];
  const all = Object.entries(minutes.operations);
  if (minutes.rest.length) all.push([REST, minutes.rest]);
  const last = minutes.total.length ? minutes.total[minutes.total.length - 1][0] : 0;
  const seconds = minutes.interval_ms / 1000;
  const rows = all.map(([name, samples]) => {
    const latest = samples[samples.length - 1];
    const now = latest && latest[0] === last ? latest : undefined;
    const sum = (/** @type {(row: Row) => number} */ part) => samples.reduce((before, row) => before + part(row), 0);
    const total = sum(requests), failed = sum(errors), refused = sum((row) => row[column["4xx"]]);
    const recent = [...samples].reverse().find((row) => row[column["p99_us"]] > 0);
    const [p50, p99] = recent ? [recent[column["p50_us"]], recent[column["p99_us"]]] : [0, 0];
    const rate = requests(now) / seconds, flying = now ? now[column["in_flight"]] : 0;
    return /** @type {Cell[]} */ ([
      {text: name, value: name, act: () => choose(chosen === name ? "" : name), pressed: chosen === name},
      {text: count(total), value: total}, {text: count(rate), value: rate},
      {text: share(failed, total), value: total ? failed / total : 0, tone: failed ? "bad" : ""},
      {text: share(refused, total), value: total ? refused / total : 0},
      {text: duration(p50), value: p50}, {text: duration(p99), value: p99},
      {text: count(flying), value: flying}]);
  }).filter((cells) => Number(cells[1].value) > 0 || Number(cells[7].value) > 0);
  rows.sort((a, b) => {
    const [one, two] = [a[order.column].value, b[order.column].value];
    const way = typeof one === "string" ? one.localeCompare(String(two)) : Number(one) - Number(two);
    return order.down ? -way : way;
  });
  fill("operations-table", heads, rows, "No request yet");
  showChoice(rows.map((cells) => String(cells[0].value)).sort());
}

/** @type {Record<string, string>} */
const TONES = {healthy: "good", ejected: "bad", unhealthy: "bad", drained: "warn"};

function showUpstreams() {
  /** @type {Cell[][]} */
  const targets = [];
  for (const upstream of overview.status.upstreams) {
    for (const target of upstream.targets) {
      const left = target.ejected_ms ? ` for ${Math.ceil(target.ejected_ms / 1000)} s` : "";
      targets.push([{text: upstream.name}, {text: target.address, mono: true},
        {text: target.state + left, tone: TONES[target.state]}]);
    }
  }
  fill("targets-table", [{title: "Upstream"}, {title: "Target"}, {title: "State"}], targets, "No upstream has targets");
  const known = new Map(overview.upstreams.map((/** @type {any} */ one) => [one.name, one]));
  const rows = overview.status.upstreams.map((/** @type {any} */ upstream) => {
    const told = known.get(upstream.name) || {tries: {}, retries: 0, p99_us: 0};
    const failed = Object.entries(told.tries).filter(([how]) => how !== "answered");
    const total = Object.values(told.tries).reduce((sum, one) => sum + one, 0);
    return [{text: upstream.name},
      {text: upstream.circuit, tone: upstream.circuit === "open" ? "bad" : "good"},
      {text: count(upstream.connections)}, {text: count(upstream.requests)}, {text: count(upstream.pending)},
      {text: count(total)}, {text: count(told.retries)}, {text: duration(told.p99_us)},
      {text: failed.map(([how, times]) => `${how} ${count(times)}`).join(", ") || "none", tone: failed.length ? "bad" : "", words: true}];
  });
  fill("upstreams-table", [{title: "Upstream"}, {title: "Circuit"}, {title: "Connections", number: true},
    {title: "Requests", number: true}, {title: "Waiting", number: true}, {title: "Tries", number: true},
    {title: "Retries", number: true}, {title: "p99", number: true}, {title: "Failed tries"}], rows, "There is no upstream");
}

function showLimits() {
  const cache = overview.status.cache, limits = overview.status.limits;
  const hits = cache.requests.hit + cache.requests.stale + cache.requests.revalidated;
  const facts = [["Cache hit ratio", share(hits, hits + cache.requests.miss)], ["Stored answers", count(cache.entries)],
    ["Memory of the cache", `${bytes(cache.bytes)} of ${bytes(cache.limit)}`], ["Evicted", count(cache.evicted)],
    ["Refused by limits", count(limits.refused)], ["Counted together", count(limits.overflowed)],
    ["Refused for want of room", count(limits.no_room)]];
  at("cache-facts").replaceChildren(...facts.map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", name), make("dd", value));
    return pair;
  }));
  const rows = overview.limits.slice(0, LIMITS_SHOWN).map((/** @type {any} */ limit) => {
    const used = limit.lately.used;
    const asked = Object.values(used).reduce((sum, one) => sum + one, 0);
    const near = used["95-100"] + used["over"];
    const how = limit.highest === null ? "not asked" : limit.highest === "over" ? "beyond its end" : `${limit.highest} %`;
    return [{text: limit.name},
      {text: how, tone: limit.highest === "over" ? "bad" : limit.highest === "95-100" ? "warn" : ""},
      {text: count(asked)}, {text: asked ? share(near, asked) : "–"},
      {text: count(limit.lately.refused), tone: limit.lately.refused ? "bad" : ""},
      {text: count(limit.refused)}, {text: count(limit.would_refuse)}];
  });
  fill("limits-table", [{title: "Limit"}, {title: "Highest use"}, {title: "Requests", number: true},
    {title: "From 95 % on", number: true}, {title: "Refused", number: true}, {title: "Refused since the start", number: true},
    {title: "Would have refused (shadow)", number: true}], rows, "No limit has been asked");
}

function showTables() {
  const tables = [...overview.status.tables].reverse().map((/** @type {any} */ table) => [
    {text: table.digest, mono: true},
    {text: table.current ? "current" : table.alive ? `draining, ${count(table.requests)} requests` : "gone",
      tone: table.current ? "good" : table.alive ? "warn" : "muted"},
    {text: table.origin}, {text: moment(table.since)}, {text: count(table.routes)}, {text: bytes(table.bytes)}]);
  fill("tables-table", [{title: "Table"}, {title: "State"}, {title: "By"}, {title: "Since"},
    {title: "Operations", number: true}, {title: "Size", number: true}], tables, "No table");
  const reloads = [...overview.status.reloads].reverse().map((/** @type {any} */ report) => [
    {text: moment(report.time)}, {text: report.origin},
    {text: report.accepted ? "accepted" : "refused", tone: report.accepted ? "good" : "bad"},
    {text: report.after, mono: true},
    {text: duration(Object.values(report.cost_us).reduce((sum, one) => sum + Number(one), 0))},
    {text: report.problems.join("; "), words: true}]);
  fill("reloads-table", [{title: "When"}, {title: "By"}, {title: "Outcome"}, {title: "Table"},
    {title: "Took", number: true}, {title: "Problems"}], reloads, "None");
  const rows = overview.certificates.map((/** @type {any} */ certificate) => {
    const days = Math.floor((certificate.expires - overview.status.now) / 86400000);
    return [{text: certificate.name}, {text: certificate.listener, mono: true}, {text: moment(certificate.expires)},
      {text: count(days), tone: days < 7 ? "bad" : days < 30 ? "warn" : "good"}];
  });
  fill("certificates-table", [{title: "Name"}, {title: "Listener"}, {title: "Ends"}, {title: "Days left", number: true}],
    rows, "No listener has TLS");
}

/** @param {string} id @param {any[]} list @param {string} none */
function showRequests(id, list, none) {
  const rows = (list || []).map((request) => [{text: clock(request.time)}, {text: request.operation || "(none)"},
    {text: request.status || "–", tone: request.status >= 500 || !request.status ? "bad" : ""},
    {text: duration(request.duration_us)}, {text: request.explanation, words: true},
    {text: request.source || "", mono: true}, {text: request.request_id, mono: true}]);
  fill(id, [{title: "When"}, {title: "Operation"}, {title: "Status", number: true}, {title: "Took", number: true},
    {title: "Why"}, {title: "Written at"}, {title: "Request id"}], rows, none);
}

function show() {
  if (!overview) return;
  const status = overview.status;
  set("version", status.version);
  const current = status.tables.find((/** @type {any} */ table) => table.current);
  set("facts", `${status.ready ? "ready" : status.held ? "held" : "draining"} · table ${current ? current.digest : "none"} · ` +
    `up since ${moment(status.started)} · ${status.listeners.map((/** @type {any} */ one) => one.address).join(", ")}`);
  showOperations();
  showPlots();
  showUpstreams();
  showLimits();
  showTables();
  showRequests("failing-table", overview.requests && overview.requests.failing, "None");
  showRequests("slow-table", overview.requests && overview.requests.slow, "None");
}

at("chosen").onchange = () => choose(at("chosen").value);
live();
