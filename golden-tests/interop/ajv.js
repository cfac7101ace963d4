// Compiled schemas beside ajv: over schemas of published documents, instances that are nearly right
// get the same verdict from both. `schema_check` gives ours. Says `skipped` without the documents.
//
// GWCTL_LONG=1 takes all documents and schemas, and more instances of each; GWCTL_SEED another
// seed.
'use strict';
const assert = require('node:assert/strict');
const childProcess = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const test = require('node:test');
const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');
const {temporaryFolder} = require('./gateway');
const {DIFFERENCES, FAULTS, SAMPLES} = require('./ajv_formats');
const {Maker, makeRandom, removeDiscriminators, toText, translate} = require('./ajv_instances');

const SHARED = path.resolve(__dirname, '../../../shared/specs');
const LONG = process.env.GWCTL_LONG === '1';
const SEED = Number(process.env.GWCTL_SEED ?? 1);
const SHORT_LIST = [
  'adyen/CheckoutService-v71.yaml', 'box/openapi.json', 'discord/openapi.json',
  'figma/openapi.yaml', 'intercom/api-2.11.yaml', 'meilisearch/open-api.json',
  'ory/kratos/v26.2.0.json', 'paypal/checkout_orders_v2.json', 'redocly/museum.yaml',
  'svix/openapi.json', 'twilio/twilio_api_v2010.json'
];
const SCHEMAS_PER_DOCUMENT = LONG ? Infinity : 40;
const INSTANCES_PER_SCHEMA = LONG ? 120 : 40;

const folder = temporaryFolder();
const keyOf = (format, value) => `${format} ${JSON.stringify(value)}`;
const escapeToken = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

// schema_check at work on a document.
class Checker {
  constructor(file) {
    this.child = childProcess.spawn(process.env.GWCTL, [file], {stdio: ['pipe', 'pipe', 'pipe']});
    this.said = '';
    this.child.stderr.on('data', (data) => {
      this.said += data;
    });
    this.lines = readline.createInterface({input: this.child.stdout})[Symbol.asyncIterator]();
  }
  async line() {
    const {value, done} = await this.lines.next();
    assert.ok(!done, `schema_check ended: ${this.said}`);
    return value;
  }
  async document() {
    return JSON.parse(await this.line());
  }
  async answers(questions) {
    const text = questions.map(([pointer, instance]) => `${pointer}\t${instance}\n`).join('');
    this.child.stdin.end(text);
    const answers = [];
    for (const _ of questions) answers.push((await this.line()).split('\t'));
    return answers;
  }
}

function makeAjv(more = {}) {
  const ajv = new Ajv({
    strict: false,
    ownProperties: true,
    logger: false,
    validateSchema: false,
    addUsedSchema: false,
    ...more,
  });
  addFormats(ajv);
  return ajv;
}

async function readDocument(file) {
  const checker = new Checker(file);
  const document = await checker.document();
  checker.child.stdin.end();
  return document;
}

// JSON Pointers of schemas: components, and what requests have in their bodies.
function schemasOf(document) {
  const found = Object.keys(document.components?.schemas ?? {})
                    .map((name) => `/components/schemas/${escapeToken(name)}`);
  for (const [name, item] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(item)) {
      for (const [type, media] of Object.entries(operation?.requestBody?.content ?? {})) {
        if (!media?.schema || media.schema.$ref) continue;
        found.push(`/paths/${escapeToken(name)}/${method}/requestBody/content/${
            escapeToken(type)}/schema`);
      }
    }
  }
  return found;
}

const at = (document, pointer) => pointer.split('/').slice(1).reduce(
    (node, token) => node?.[token.replaceAll('~1', '/').replaceAll('~0', '~')], document);

// What both say about values of formats, which are known to differ: it is as it is written down.
test('formats', {timeout: 60_000}, async () => {
  const file = path.join(folder, 'formats.json');
  const schemas = Object.fromEntries(Object.keys(SAMPLES).map((format) => [format, {format}]));
  fs.writeFileSync(file, JSON.stringify({
    openapi: '3.1.0',
    info: {title: 'Formats', version: '1'},
    paths: {},
    components: {schemas},
  }));
  const checker = new Checker(file);
  await checker.document();
  const ajv = makeAjv();
  const cases =
      Object.entries(SAMPLES).flatMap(([format, values]) => values.map((value) => [format, value]));
  const answers = await checker.answers(
      cases.map(([format, value]) => [`/components/schemas/${format}`, JSON.stringify(value)]));
  const found = cases.flatMap(([format, value], i) => {
    const ours = answers[i][0];
    assert.notEqual(ours, 'refused');
    const theirs = ajv.validate({format}, value) ? 'valid' : 'invalid';
    return ours === theirs ? [] : [`${keyOf(format, value)}: ${ours}`];
  });
  const written = DIFFERENCES.flatMap(
      ({format, ours, values}) => values.map((value) => `${keyOf(format, value)}: ${ours}`));
  assert.deepEqual(found.sort(), written.sort());
});

const disputed =
    new Set(DIFFERENCES.flatMap(({format, values}) => values.map((value) => keyOf(format, value))));
const disputedTexts = new Set(DIFFERENCES.flatMap(({values}) => values));
const samples = (format) => SAMPLES[format]?.filter((value) => !disputed.has(keyOf(format, value)));
const texts =
    ['x', 'abc', 'A', '0', '12', 'true', 'a b', 'x'.repeat(300), '\u{1f600}', '\u0000', 'é'];
const pool = {
  // no name `toString`: ajv calls it when it compares objects
  texts: texts.filter((text) => !disputedTexts.has(text)),
  names: ['extra', 'x', 'constructor', 'length', '0', '$ref', 'a/b~c', 'é'],
  anything: [
    null, true, false, 0,  1,   -1,   0.5,          100,    2147483647,       2147483648,     1e6,
    'x',  '0',  [],    {}, [1], [[]], [null, null], {x: 1}, {constructor: 1}, 'x'.repeat(300)
  ],
};

// Where the schemas are, for ajv and for making instances.
function rootOf(document, pointers, examples) {
  const root = {components: {schemas: {}}, bodies: {}};
  for (const [name, schema] of Object.entries(document.components?.schemas ?? {})) {
    root.components.schemas[name] = translate(schema, document.openapi, examples);
  }
  for (const pointer of pointers) {
    if (!pointer.startsWith('/paths/')) continue;
    root.bodies[pointer] = translate(at(document, pointer), document.openapi, examples);
  }
  return root;
}

// ajv's function for a schema. The first one reads patterns as they should be; where it refuses
// one, such as a `]` that stands alone, the other reads them as browsers do, by
// code units.
function compile(ajvs, reference) {
  const uri = `root:/${reference.split('/').map(encodeURIComponent).join('/').replace('%23', '#')}`;
  let problem = 'not found';
  for (const ajv of ajvs) {
    try {
      const validate = ajv.getSchema(uri);
      if (validate) return {validate, units: ajv !== ajvs[0]};
    } catch (error) {
      problem = error.message;
    }
  }
  return {problem};
}

// Instances of one schema and how to ask ajv about them, or why it cannot be asked.
function prepare(ajvs, root, pointer, random) {
  const reference =
      pointer.startsWith('/components/') ? `#${pointer}` : `#/bodies/${escapeToken(pointer)}`;
  const {problem, validate, units} = compile(ajvs, reference);
  if (problem) return {problem};
  const maker = new Maker(root, random, samples, pool);
  const instances = [];
  for (let i = 0; i < INSTANCES_PER_SCHEMA; ++i) {
    let instance = maker.make({$ref: reference});
    for (let changes = random.below(3); changes > 0; --changes) instance = maker.mutate(instance);
    const text = toText(instance);
    if (!units || !/[\u{10000}-\u{10ffff}]/u.test(text)) instances.push(text);
  }
  return {validate, instances};
}

const files = !fs.existsSync(SHARED) ? [] :
    LONG                             ? JSON.parse(fs.readFileSync(path.join(SHARED, 'index.json')))
               .filter((one) => one.files === 1 && one.schemas > 0 && /^3\.[01]/.test(one.openapi))
               .map((one) => one.file) :
           SHORT_LIST;
if (files.length === 0) {
  console.log('skipped: no documents in the shared folder');
  process.exitCode = 77;
}
const totals = {
  documents: 0,
  schemas: 0,
  instances: 0,
  valid: 0,
  known: {},
  notOurs: {},
  notTheirs: {}
};
const count = (map, what) => {
  map[what] = (map[what] ?? 0) + 1;
};

for (const file of files) {
  test(file, {timeout: 280_000}, async () => {
    const source = path.join(SHARED, file);
    assert.ok(fs.existsSync(source), file);
    const document = await readDocument(source);
    removeDiscriminators(document);
    const random = makeRandom(SEED);
    const pointers = schemasOf(document);
    while (pointers.length > SCHEMAS_PER_DOCUMENT)
      pointers.splice(random.below(pointers.length), 1);
    const root = rootOf(document, pointers, true);
    const bare = rootOf(document, pointers, false);
    const ajvs = [makeAjv(), makeAjv({unicodeRegExp: false})];
    for (const ajv of ajvs) ajv.addSchema(bare, 'root:/');
    const plain = path.join(folder, 'document.json');
    fs.writeFileSync(plain, JSON.stringify(document));

    const asked = [];
    for (const pointer of pointers) {
      const {problem, validate, instances} = prepare(ajvs, root, pointer, random);
      if (problem) count(totals.notTheirs, problem.slice(0, 120));
      for (const instance of instances ?? []) asked.push({pointer, validate, instance});
    }
    const checker = new Checker(plain);
    await checker.document();
    const answers = await checker.answers(asked.map(({pointer, instance}) => [pointer, instance]));
    const differences = [];
    let refused = '';
    asked.forEach(({pointer, validate, instance}, i) => {
      const [ours, ...why] = answers[i];
      if (ours === 'refused') {
        if (pointer !== refused) count(totals.notOurs, why.join(' '));
        refused = pointer;
        return;
      }
      const theirs = validate(JSON.parse(instance)) ? 'valid' : 'invalid';
      totals.instances += 1;
      if (ours === 'valid') totals.valid += 1;
      if (ours === theirs) return;
      const known = ours === 'invalid' &&
          FAULTS.find(
              ({keyword, is}) => keyword === why[1] && is(at(JSON.parse(instance), why[0])));
      if (known) {
        count(totals.known, known.keyword);
        return;
      }
      const error = validate.errors?.[0];
      differences.push(`${pointer}: ${ours} (${why.join(' ')}) here, by ajv ${theirs} (${
          error?.instancePath ?? ''} ${error?.keyword ?? ''}): ${instance.slice(0, 400)}`);
    });
    totals.documents += 1;
    totals.schemas += pointers.length;
    assert.deepEqual(differences.slice(0, 10), [], `${differences.length} differences`);
  });
}

test('enough was compared', () => {
  if (files.length === 0) return;
  console.log(JSON.stringify(totals));
  assert.ok(totals.instances > 1000);
  assert.ok(totals.valid > totals.instances / 10 && totals.valid < totals.instances * 0.9);
});
