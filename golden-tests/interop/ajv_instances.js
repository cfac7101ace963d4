// For ajv.js: schemas of OpenAPI as ajv understands them, and instances that nearly satisfy them.
'use strict';
const {SAMPLES} = require('./ajv_formats');

// A generator of numbers that gives the same ones for the same seed (mulberry32).
function makeRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
  return {
    chance: (share) => next() < share,
    below: (bound) => Math.floor(next() * bound),
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}

const SCHEMAS = [
  'additionalProperties', 'items', 'not', 'if', 'then', 'else', 'contains', 'propertyNames',
  'unevaluatedItems', 'unevaluatedProperties'
];
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const MAPS = ['properties', 'patternProperties', '$defs', 'dependentSchemas'];
const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

const EXAMPLES = ['default', 'example', 'examples'];

// A schema of OpenAPI as one of draft 2020-12; with examples, or without them for ajv, which would
// look for `$id` in them.
function translate(schema, version, examples = true) {
  if (!isMap(schema)) return schema;
  const old = version.startsWith('3.0');
  if (old && schema.$ref !== undefined) return {$ref: schema.$ref};  // siblings mean nothing
  const out = {...schema};
  for (const name of SCHEMAS) {
    if (isMap(out[name])) out[name] = translate(out[name], version, examples);
  }
  for (const name of LISTS) {
    if (Array.isArray(out[name]))
      out[name] = out[name].map((one) => translate(one, version, examples));
  }
  for (const name of MAPS) {
    if (!isMap(out[name])) continue;
    out[name] = Object.fromEntries(Object.entries(out[name]).map(
        ([key, value]) => [key, translate(value, version, examples)]));
  }
  if (old) {
    if (out.nullable === true && typeof out.type === 'string') out.type = [out.type, 'null'];
    for (const [limit, exclusive] of [
             ['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']]) {
      if (typeof out[exclusive] !== 'boolean') continue;
      if (out[exclusive] && out[limit] !== undefined) {
        out[exclusive] = out[limit];
        delete out[limit];
      } else {
        delete out[exclusive];
      }
    }
  }
  delete out.nullable;
  if (!(out.format in SAMPLES)) delete out.format;  // not known here, and only noted
  if (!examples) EXAMPLES.forEach((name) => delete out[name]);
  return out;
}

// Without `discriminator`, in place: what it decides alone here is one of several for ajv.
function removeDiscriminators(value) {
  if (Array.isArray(value)) {
    value.forEach(removeDiscriminators);
  } else if (isMap(value)) {
    if (typeof value.discriminator?.propertyName === 'string') delete value.discriminator;
    Object.values(value).forEach(removeDiscriminators);
  }
}

// Some text that a pattern matches, for the constructs that patterns of documents mostly have;
// otherwise any text.
function textOfPattern(pattern, random) {
  let at = 0;
  const sets = {d: '0123456789', w: 'abcXYZ019_', s: ' \t', D: 'x-', W: '-. ', S: 'xY9-'};
  const setOf = () => {  // behind `[`
    const negated = pattern[at] === '^';
    if (negated) ++at;
    let chars = '';
    while (at < pattern.length && pattern[at] !== ']') {
      let from = pattern[at++];
      if (from === '\\') {
        from = pattern[at++];
        if (sets[from]) {
          chars += sets[from];
          continue;
        }
      }
      if (pattern[at] === '-' && pattern[at + 1] !== ']' && at + 1 < pattern.length) {
        const to = pattern[at + 1];
        at += 2;
        const [low, high] = [from.charCodeAt(0), to.charCodeAt(0)];
        for (let code = low; code <= high && code < low + 100; ++code) {
          chars += String.fromCharCode(code);
        }
      } else {
        chars += from;
      }
    }
    ++at;
    if (!negated) return chars || 'x';
    return [...'aZ0-_. ~é'].filter((char) => !chars.includes(char)).join('') || 'x';
  };
  const countOf = () => {
    const found = /^(?:\?|\*|\+|\{(\d+)(,?)(\d*)\})\??/.exec(pattern.slice(at));
    if (!found) return 1;
    at += found[0].length;
    if (found[0][0] === '?') return random.below(2);
    if (found[0][0] === '*') return random.below(4);
    if (found[0][0] === '+') return 1 + random.below(4);
    const least = Number(found[1]);
    const most = found[3] ? Number(found[3]) : found[2] ? least + 3 : least;
    return least + random.below(Math.min(most - least, 50) + 1);
  };
  const repeat = (make) => {
    const begin = at;
    let text = make();
    const behind = at;
    const count = countOf();
    const end = at;
    if (count === 0) text = '';
    for (let i = 1; i < count; ++i) {
      at = begin;
      text += make();
      at = behind;
    }
    at = end;
    return text;
  };
  const atom = () => {
    const char = pattern[at++];
    if (char === '^' || char === '$') return '';
    if (char === '.') return random.pick([...'aZ0-_']);
    if (char === '[') return random.pick([...setOf()]);
    if (char === '(') {
      if (pattern.startsWith('?:', at)) at += 2;
      const text = alternatives();
      ++at;
      return text;
    }
    if (char !== '\\') return char;
    const next = pattern[at++];
    if (sets[next]) return random.pick([...sets[next]]);
    return {n: '\n', t: '\t', r: '\r', b: '', B: ''}[next] ?? next;
  };
  const sequence = () => {
    let text = '';
    while (at < pattern.length && pattern[at] !== ')' && pattern[at] !== '|') text += repeat(atom);
    return text;
  };
  const alternatives = () => {
    const texts = [sequence()];
    while (pattern[at] === '|') {
      ++at;
      texts.push(sequence());
    }
    return random.pick(texts);
  };
  try {
    return alternatives().slice(0, 5000);
  } catch {
    return 'x';
  }
}

// A number that is written as `text`, which JSON.stringify would write in another way.
class Written {
  constructor(text) {
    this.text = text;
  }
  toJSON() {
    return `\u0001${this.text}\u0001`;
  }
}
const toText = (value) => JSON.stringify(value).replace(/"\\u0001([^"\\]*)\\u0001"/g, '$1');

// Makes instances of the schemas of `root`, where `$ref`s lead. `samples(format)`: texts or
// numbers.
class Maker {
  constructor(root, random, samples, pool) {
    this.root = root;
    this.random = random;
    this.samples = samples;
    this.pool = pool;
  }

  find(reference) {
    let node = this.root;
    for (const token of reference.split('/').slice(1)) {
      const name = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
      node = node?.[name];
    }
    return node;
  }

  // With references, allOf and one of the alternatives taken in.
  flatten(schema, depth = 0) {
    if (!isMap(schema) || depth > 20) return {};
    let out = {...schema};
    const add = (other) => {
      const flat = this.flatten(other, depth + 1);
      out = {
        ...flat,
        ...out,
        properties: {...flat.properties, ...out.properties},
        required: [...(flat.required ?? []), ...(out.required ?? [])],
      };
    };
    const {$ref, allOf, anyOf, oneOf} = schema;
    for (const name of ['$ref', 'allOf', 'anyOf', 'oneOf']) delete out[name];
    if ($ref) add(this.find($ref));
    for (const one of allOf ?? []) add(one);
    if (anyOf?.length) add(this.random.pick(anyOf));
    if (oneOf?.length) add(this.random.pick(oneOf));
    return out;
  }

  make(schema, depth = 0) {
    const {random} = this;
    if (schema === true || depth > 12) return random.pick([null, 1, 'x', {}, []]);
    const flat = {...this.flatten(schema)};
    flat.required = Array.isArray(flat.required) ? flat.required : [];
    if (flat.const !== undefined) return flat.const;
    if (Array.isArray(flat.enum) && flat.enum.length) return random.pick(flat.enum);
    const given = [flat.example, flat.default, ...(flat.examples ?? [])];
    const examples = given.filter((value) => value !== undefined);
    if (examples.length && random.chance(0.3)) return structuredClone(random.pick(examples));
    switch (this.typeOf(flat)) {
      case 'object':
        return this.makeObject(flat, depth);
      case 'array':
        return this.makeArray(flat, depth);
      case 'string':
        return this.makeText(flat);
      case 'integer':
        return Math.round(this.makeNumber(flat));
      case 'number':
        return this.makeNumber(flat);
      case 'boolean':
        return random.chance(0.5);
      case 'null':
        return null;
    }
    return random.pick([null, 1, 'x', true, {}, []]);
  }

  typeOf(flat) {
    const types = [flat.type].flat().filter(Boolean);
    if (types.length) {
      const some = types.filter((type) => type !== 'null');
      return some.length && !this.random.chance(0.1) ? this.random.pick(some) :
                                                       this.random.pick(types);
    }
    if (Object.keys(flat.properties ?? {}).length || flat.additionalProperties) return 'object';
    if (flat.items) return 'array';
    if (flat.pattern || flat.format || flat.maxLength) return 'string';
    return undefined;
  }

  makeObject(flat, depth) {
    const out = {};
    const share = depth > 4 ? 0.05 : 0.5;
    for (const [name, schema] of Object.entries(flat.properties ?? {})) {
      const needed = flat.required.includes(name);
      if (needed || this.random.chance(share)) out[name] = this.make(schema, depth + 1);
    }
    for (const name of flat.required) out[name] ??= this.make(flat.properties?.[name] ?? true, 13);
    if (isMap(flat.additionalProperties) && depth < 6) {
      for (let i = this.random.below(3); i > 0; --i) {
        out[`more${i}`] = this.make(flat.additionalProperties, depth + 1);
      }
    }
    return out;
  }

  makeArray(flat, depth) {
    const out = (flat.prefixItems ?? []).map((schema) => this.make(schema, depth + 1));
    const least = Math.min(flat.minItems ?? 0, 20);
    const most = Math.min(flat.maxItems ?? least + 3, least + 3);
    const size = least + this.random.below(Math.max(most - least, 0) + 1);
    while (out.length < size) out.push(this.make(flat.items ?? true, depth + 1));
    return out;
  }

  makeNumber(flat) {
    // No further than numbers of JavaScript are exact.
    const near = (value) =>
        Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    const least = near(flat.minimum ?? flat.exclusiveMinimum ?? Math.min(-5, flat.maximum ?? 0));
    const most = near(flat.maximum ?? flat.exclusiveMaximum ?? Math.max(least, 0) + 100);
    const at =
        this.random.pick([least, most, least + this.random.below(Math.max(most - least, 1))]);
    if (Number.isInteger(flat.multipleOf))
      return Math.round(at / flat.multipleOf) * flat.multipleOf;
    return this.random.chance(0.2) ? at + 0.5 : at;
  }

  makeText(flat) {
    const samples = this.samples(flat.format);
    if (samples?.length) return this.random.pick(samples);
    let text = typeof flat.pattern === 'string' ? textOfPattern(flat.pattern, this.random) :
                                                  this.random.pick(this.pool.texts);
    const least = Math.min(flat.minLength ?? 0, 3000);
    if ([...text].length < least) text = text.padEnd(this.random.pick([least, least - 1]), 'é');
    const most = flat.maxLength ?? Infinity;
    if (most < 3000 && this.random.chance(0.1))
      text = '\u{1f600}'.repeat(most);  // in UTF-16 longer
    return text;
  }

  // A copy with one thing changed: dropped, added, of another type, or a little off.
  mutate(instance) {
    const box = [structuredClone(instance)];
    const places = [[box, 0]];
    for (let i = 0; i < places.length && i < 2000; ++i) {
      const [owner, key] = places[i];
      const value = owner[key];
      if (value !== null && typeof value === 'object') {
        for (const name of Object.keys(value)) places.push([value, name]);
      }
    }
    const [owner, key] = this.random.pick(places);
    const {random, pool} = this;
    const value = owner[key];
    const ways = [() => owner[key] = random.pick(pool.anything)];
    if (owner !== box && !Array.isArray(owner)) ways.push(() => delete owner[key]);
    if (owner !== box && Array.isArray(owner)) ways.push(() => owner.splice(Number(key), 1));
    if (Array.isArray(value)) {
      ways.push(() => value.push(random.pick(pool.anything)));
      if (value.length) ways.push(() => value.push(structuredClone(random.pick(value))));
      if (value.length) ways.push(() => owner[key] = Array(30).fill(value[0]));
      ways.push(() => value.length = 0);
    } else if (isMap(value)) {
      ways.push(() => value[random.pick(pool.names)] = random.pick(pool.anything));
      const names = Object.keys(value);
      if (names.length) {
        const name = random.pick(names);
        ways.push(() => value[`${name}2`] = value[name]);
        ways.push(() => value[name.toUpperCase()] = value[name]);
      }
    } else if (typeof value === 'number') {
      for (const other of [value + 1, value - 1, -value, value + 0.5, value * 10, String(value)]) {
        ways.push(() => owner[key] = other);
      }
      if (Number.isInteger(value) && Math.abs(value) < 1e15) {
        for (const end of ['.0', '.50', 'e0', 'E+1', '.000e2', ...(value === 0 ? [] : ['0e-1'])]) {
          ways.push(() => owner[key] = new Written(value + end));
        }
      }
    } else if (typeof value === 'string') {
      const others = [
        ...[value + value[0], value.slice(1), value.toUpperCase(), `${value}\n`, ` ${value}`],
        ...[`${value}\u{1f600}`, value.slice(0, -1), value.repeat(2), random.pick(pool.texts)]
      ];
      // Not where a format may be meant, about which ajv_differences.js knows only the samples.
      const plain = /^[A-Za-z0-9_ ]*$/.test(value);
      for (const other of plain ? others : [random.pick(pool.texts)]) {
        ways.push(() => owner[key] = other);
      }
    }
    random.pick(ways)();
    return box[0];
  }
}

module.exports = {
  Maker,
  makeRandom,
  removeDiscriminators,
  toText,
  translate
};
