// @ts-check
// The operations of the table and the policies that apply, in words. All of it is shown as text.
"use strict";

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);

/** @param {string} tag @param {string} [text] @param {string} [tone] */
function make(tag, text, tone) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (tone) made.className = tone;
  return made;
}

/** @param {string} why */
function login(why) {
  sessionStorage.removeItem("gwctl-token");
  at("news").textContent = why;
  at("login").hidden = false;
  at("token").focus();
  at("login").onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    sessionStorage.setItem("gwctl-token", at("token").value);
    at("token").value = "";
    at("login").hidden = true;
    at("news").textContent = "";
    load();
  };
}

// What stands between backquotes is code.
/** @param {string} text */
function words(text) {
  const made = make("span");
  text.split("`").forEach((part, i, parts) => {
    const closed = i % 2 === 1 && i < parts.length - 1;
    if (part || closed) made.append(closed ? make("code", part) : i % 2 === 1 ? "`" + part : part);
  });
  return made;
}

/** @param {string} title @param {string[]} heads @param {(string | Node)[][]} rows */
function table(title, heads, rows) {
  const made = make("table");
  made.append(make("caption", title));
  const head = make("tr");
  for (const text of heads) {
    const cell = make("th", text);
    cell.setAttribute("scope", "col");
    head.append(cell);
  }
  const top = make("thead");
  top.append(head);
  const body = make("tbody");
  for (const cells of rows) {
    const row = make("tr");
    cells.forEach((content, i) => {
      const cell = make(i === 0 ? "th" : "td");
      cell.append(content);
      if (i === 0) cell.setAttribute("scope", "row");
      row.append(cell);
    });
    body.append(row);
  }
  made.append(top, body);
  const scroll = make("div", undefined, "scroll");
  scroll.append(made);
  return scroll;
}

// What is said of a value itself: type, format, bounds.
/** @param {any} line */
function facts(line) {
  const type = [line.type, line.of && `\`${line.of}\``].filter(Boolean).join(" ");
  const all = [type, line.required ? "required" : "", line.format, ...(line.bounds || [])];
  if (line.values) all.push(`one of ${line.values.map((/** @type {string} */ one) => `\`${one}\``).join(", ")}`);
  return all.filter(Boolean).join(", ");
}

/** @param {any} line */
function head(line) {
  const made = make("span");
  if (line.name !== undefined) made.append(line.property ? make("code", line.name) : line.name, " ");
  made.append(words(facts(line)));
  if (line.description) made.append(" ", make("span", line.description, "muted"));
  if (line.cut) made.append(" ", make("em", line.cut));
  return made;
}

// A line, and below it what it consists of; that is closed but for the first level, and for what
// stands there alone.
/** @param {any} line @param {boolean} [open] @returns {HTMLElement} */
function outline(line, open) {
  if (!line.children) return head(line);
  const made = /** @type {HTMLDetailsElement} */ (make("details"));
  made.open = !!open;
  const summary = make("summary");
  summary.append(head(line));
  const list = make("ul");
  for (const child of line.children) {
    const item = make("li");
    item.append(outline(child, open && line.children.length === 1));
    list.append(item);
  }
  made.append(summary, list);
  return made;
}

/** @param {any} one A parameter or header @param {string[]} [more] */
function row(one, more) {
  return [one.name, ...(more || []), one.schema ? outline({...one.schema, description: ""}) : "anything",
    one.required ? "yes" : "no", one.description || (one.schema && one.schema.description) || ""];
}

/** @param {any[]} content */
function bodies(content) {
  return content.map((one) => {
    const made = make("div", undefined, "schema");
    const kind = make("p");
    kind.append(make("code", one.type), one.stream ? ", a stream; each item:" : "");
    made.append(kind, one.schema ? outline(one.schema, true) : make("p", "anything"));
    return made;
  });
}

/** @param {any} answer @param {string} client */
function answerParts(answer, client) {
  const made = make("section");
  made.append(make("h4", `${answer.status} ${answer.description}`));
  if (answer.view) made.append(make("p", `As clients of the class ${client} get it.`));
  if (answer.headers.length) {
    made.append(table("Header fields", ["Name", "Type", "Always", "Meaning"], answer.headers.map(
      (/** @type {any} */ one) => row(one))));
  }
  made.append(...bodies(answer.content));
  return made;
}

/** @param {any} operation @param {string} client */
function article(operation, client) {
  const made = make("article");
  const method = operation.method === "*" ? "ANY" : operation.method;
  const head = make("h2");
  head.append(make("code", `${method} ${operation.host}${operation.path}`));
  if (operation.deprecated) head.append(make("span", " deprecated", "warn"));
  made.append(head);
  if (operation.summary) made.append(make("p", operation.summary));
  if (operation.description && operation.description !== operation.summary) made.append(make("p", operation.description));
  if (operation.cut) made.append(make("p", operation.cut, "warn"));
  made.append(make("p", operation.security));
  if (operation.parameters.length) {
    made.append(table("Parameters", ["Name", "In", "Type", "Needed", "Meaning"], operation.parameters.map(
      (/** @type {any} */ one) => row(one, [one.in]))));
  }
  const body = operation.requestBody;
  if (body) {
    made.append(make("h3", "Request body"), make("p", body.required ? "It must be there." : "It may be left out."));
    if (body.description) made.append(make("p", body.description));
    made.append(...bodies(body.content));
  }
  if (operation.responses.length) {
    made.append(make("h3", "Answers"), ...operation.responses.map(
      (/** @type {any} */ one) => answerParts(one, client)));
  }
  if (operation.policies.length) {
    made.append(table("Policies", ["Policy", "What it does"], operation.policies.map(
      (/** @type {any} */ one) => [one.name, words(one.words)])));
  }
  made.append(make("p", `${operation.id}, written at ${operation.source || "no place"}`, "muted"));
  return made;
}

// What is shown is in the address, so that it can be passed on and gone back to.
/** @param {Record<string, string>} change */
function go(change) {
  const wanted = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value) wanted.set(name, value);
    else wanted.delete(name);
  }
  history.pushState(null, "", `?${wanted}`);
  load();
}

/** @param {string} id @param {number | null} from */
function turn(id, from) {
  at(id).disabled = from === null;
  at(id).onclick = () => {
    go({from: String(from || "")});
    at("main").focus();
    scrollTo(0, 0);
  };
}

let shown = "";  // digest of the table

async function load() {
  const wanted = new URLSearchParams(location.search);
  const token = sessionStorage.getItem("gwctl-token");
  if (!token && document.documentElement.dataset.token === "required") return login("");
  /** @type {Record<string, string>} */
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  const answer = await fetch(`/v1/docs?${wanted}`, {headers, cache: "no-store"});
  if (answer.status === 401) return login("The token is not the right one");
  const docs = await answer.json();
  if (!answer.ok) {
    at("news").textContent = docs.detail;
    return;
  }
  at("news").textContent = "";
  // Places in the table before mean nothing in this one.
  const moved = shown && shown !== docs.table && wanted.has("from");
  shown = docs.table;
  if (moved) return go({from: ""});
  document.title = docs.title;
  at("title").textContent = `${docs.title} ${docs.version}`;
  at("classes").hidden = docs.classes.length === 0;
  at("client").replaceChildren(...["", ...docs.classes].map((name) => {
    const option = /** @type {HTMLOptionElement} */ (make("option", name || "(all operations)"));
    option.value = name;
    return option;
  }));
  at("client").value = docs.client;
  at("q").value = wanted.get("q") || "";
  at("count").textContent = docs.operations.length === 0 ? "There is no such operation"
    : `${docs.first + 1} to ${docs.first + docs.operations.length} of ${docs.total} operations`;
  at("operations").replaceChildren(...docs.operations.map(
    (/** @type {any} */ one) => article(one, docs.client)));
  at("paging").hidden = docs.previous === null && docs.next === null;
  turn("previous", docs.previous);
  turn("next", docs.next);
}

at("client").onchange = () => go({client: at("client").value, from: ""});
at("search").onsubmit = (/** @type {Event} */ event) => {
  event.preventDefault();
  go({q: at("q").value, from: ""});
};
addEventListener("popstate", load);
load();
