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

/** @param {string} title @param {string[]} heads @param {string[][]} rows */
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
    cells.forEach((text, i) => {
      const cell = make(i === 0 ? "th" : "td", text);
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

/** @param {any} operation */
function article(operation) {
  const made = make("article");
  const method = operation.method === "*" ? "ANY" : operation.method;
  const head = make("h2");
  head.append(make("code", `${method} ${operation.host}${operation.path}`));
  if (operation.deprecated) head.append(make("span", " deprecated", "warn"));
  made.append(head);
  if (operation.summary) made.append(make("p", operation.summary));
  if (operation.description && operation.description !== operation.summary) made.append(make("p", operation.description));
  made.append(make("p", operation.security));
  if (operation.parameters.length) {
    made.append(table("Parameters", ["Name", "In", "Type", "Needed", "Meaning"], operation.parameters.map(
      (/** @type {any} */ one) => [one.name, one.in, one.type, one.required ? "yes" : "no", one.description])));
  }
  if (operation.responses.length) {
    made.append(table("Answers", ["Status", "Meaning"], operation.responses.map(
      (/** @type {any} */ one) => [one.status, one.description])));
  }
  if (operation.policies.length) {
    made.append(table("Policies", ["Policy", "What it does"], operation.policies.map(
      (/** @type {any} */ one) => [one.name, one.words])));
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
  at("operations").replaceChildren(...docs.operations.map(article));
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
