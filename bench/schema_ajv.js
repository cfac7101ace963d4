// The order of schema_bench (runtime/schema/schema_bench.cc) read and validated by V8 and ajv: what a
// JavaScript gateway would pay.  node bench/schema_ajv.js  (after `npm ci` in golden-tests/interop)
"use strict";
const path = require("node:path");
const modules = path.join(__dirname, "..", "golden-tests", "interop", "node_modules");
const load = (name) => require(path.join(modules, name));
const Ajv = load("ajv/dist/2020").default;
const addFormats = load("ajv-formats").default;

const text = (maxLength, minLength) => ({ type: "string", maxLength, ...(minLength && { minLength }) });
const schema = {
  type: "object",
  required: ["id", "customer", "items", "currency", "placedAt"],
  additionalProperties: false,
  properties: {
    id: { type: "string", format: "uuid" },
    placedAt: { type: "string", format: "date-time" },
    currency: { type: "string", pattern: "^[A-Z]{3}$" },
    channel: { enum: ["web", "mobile", "store", "partner"] },
    note: text(500),
    customer: {
      type: "object",
      required: ["id", "email"],
      properties: {
        id: { type: "integer", minimum: 1 },
        email: { type: "string", format: "email" },
        name: text(100, 1),
        address: { $ref: "#/$defs/address" },
      },
    },
    items: {
      type: "array",
      minItems: 1,
      maxItems: 100,
      items: {
        type: "object",
        required: ["sku", "quantity", "price"],
        additionalProperties: false,
        properties: {
          sku: { type: "string", pattern: "^[A-Z0-9-]{4,20}$" },
          title: text(200),
          quantity: { type: "integer", minimum: 1, maximum: 1000 },
          price: { type: "number", minimum: 0 },
          taxRate: { type: "number", minimum: 0, exclusiveMaximum: 1 },
          tags: { type: "array", items: { type: "string" }, uniqueItems: true },
        },
      },
    },
  },
  $defs: {
    address: {
      type: "object",
      required: ["street", "city", "country"],
      properties: { street: text(200), city: text(100), zip: text(12), country: text(2, 2) },
    },
  },
};

const item = (n) => ({
  sku: `BOOK-0${n}42`,
  title: `Sketch of the Analytical Engine, volume ${n}`,
  quantity: n,
  price: 10.5 + n,
  taxRate: 0.07,
  tags: ["book", "history"],
});
const body = JSON.stringify({
  id: "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
  placedAt: "2026-03-14T09:26:53Z",
  currency: "EUR",
  channel: "web",
  note: "Please ring twice, the bell is quiet. Leave it with a neighbour if need be.",
  customer: {
    id: 481516,
    email: "ada.lovelace@example.com",
    name: "Ada Lovelace",
    address: { street: "12 St James's Square", city: "London", zip: "SW1Y 4JH", country: "GB" },
  },
  items: [1, 2, 3, 4].map(item),
});

const ajv = new Ajv({ unicodeRegExp: true });
addFormats(ajv);
const validate = ajv.compile(schema);
if (!validate(JSON.parse(body))) throw new Error(ajv.errorsText(validate.errors));

// The best of several rounds, in nanoseconds per call; the first ones are for the compiler of V8.
function best(work) {
  const calls = 4000;
  let least = Infinity;
  for (let round = 0; round < 60; ++round) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; ++i) work();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / calls);
  }
  return least;
}
const value = JSON.parse(body);
const kilobytes = body.length / 1024;
const report = (name, ns) =>
  console.log(`${name.padEnd(9)} ${ns.toFixed(0)} ns (${(ns / kilobytes).toFixed(0)} per KB)`);
console.log(`node ${process.version}, ajv ${load("ajv/package.json").version}, ${body.length} bytes`);
report("parse", best(() => JSON.parse(body)));
report("validate", best(() => validate(value)));
