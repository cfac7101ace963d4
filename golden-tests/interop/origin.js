// A Node HTTP server for tests that are written in Python (shapes.py). Says on its standard output
// on which port it listens; ends with its standard input. What it has been asked, /seen tells whoever
// asks it directly.
'use strict';
const http = require('http');
const querystring = require('querystring');

const counts = {};
const held = [];
const watchers = [];  // of /asked
const list = Array.from({length: 2000}, (_, i) => ({id: i, name: `item ${i % 97}`, tags: ['a', 'b']}));

function answer(response, status, body, fields = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(
      status, {'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...fields});
  response.end(text);
}

function parsed(request, body) {
  const type = request.headers['content-type'] || '';
  if (type.startsWith('application/x-www-form-urlencoded')) return querystring.parse(body);
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

const routes = {
  echo: (request, response, body, count) => answer(response, 200, {
    count,
    method: request.method,
    url: request.url,
    headers: request.headers,
    type: request.headers['content-type'] || '',
    body: parsed(request, body),
  }),
  // As a browser would send it.
  form: (request, response) =>
      answer(response, 200, {a: '1 2', b: 'c&d', deep: {x: 1}, list: [1, 2]}, {'x-origin': 'node'}),
  list: (request, response) => answer(response, 200, list, {etag: '"list"'}),
  kept: (request, response, body, count) => answer(
      response, 200, {count, padding: 'x'.repeat(2000)},
      {'cache-control': 'max-age=600', 'surrogate-key': 'kept', etag: '"kept"'}),
  // Two minutes old already: whoever keeps it has to ask again.
  old: (request, response, body, count) =>
      answer(response, 200, {count}, {'cache-control': 'max-age=60', age: '120'}),
  none: (request, response, body, count) => answer(response, 404, {title: 'none', count}),
  teapot: (request, response) => answer(response, 418, {title: 'teapot', detail: 'inside'}),
  broken: (request, response) => answer(response, 500, {title: 'broken'}),
  held: (request, response, body, count) => {
    held.push(() => answer(response, 200, {count}, {'cache-control': 'max-age=600'}));
    while (watchers.length) watchers.pop()();
  },
  hang: () => {},
  // --- for the test itself
  asked: (request, response) => {
    const tell = () => answer(response, 200, {});
    if (held.length) return tell();
    watchers.push(tell);
  },
  release: (request, response) => {
    while (held.length) held.pop()();
    answer(response, 200, {});
  },
  seen: (request, response) => answer(response, 200, counts),
};

const server = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {  // one that is cut off does not count
    counts[path] = (counts[path] || 0) + 1;
    const route = routes[path.split('/')[1]] || routes.echo;
    route(request, response, Buffer.concat(pieces).toString(), counts[path]);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
