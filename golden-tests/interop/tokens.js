// What tests of bearer tokens have in common: servers, requests, and tokens written by hand.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');

const SECONDS = 20;

// An HTTP server of this machine; port 0: any. Keeps count of the requests by path.
async function listen(answer, port = 0) {
  const counts = new Map();
  const server = http.createServer((request, response) => {
    counts.set(request.url, (counts.get(request.url) ?? 0) + 1);
    server.answer(request, response);
  });
  server.answer = answer;
  const bind = () => new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  // A port that somebody has had before may be a client's for a moment: the kernel gives it out.
  for (const end = Date.now() + 1000 * SECONDS;;) {
    try {
      await bind();
      break;
    } catch (problem) {
      if (problem.code !== 'EADDRINUSE' || port === 0 || Date.now() > end) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
    counts,
    // Another function answers from now on.
    answer(by) {
      server.answer = by;
    },
    async stop() {
      if (!server.listening) return;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

// An upstream that tells the client what it was asked with.
const echo = (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({url: request.url, headers: request.headers}));
};

const serveJson = (value) => (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
};

// One request on a connection of its own: status, challenge and body of the answer.
function request(port, method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = http.request(
        {host: '127.0.0.1', port, method, path, headers, agent: false, timeout: SECONDS * 1000},
        (response) => {
          const parts = [];
          response.on('data', (part) => parts.push(part));
          response.on('end', () => resolve({
                               status: response.statusCode,
                               challenge: response.headers['www-authenticate'],
                               body: Buffer.concat(parts).toString(),
                             }));
        });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end(body);
  });
}

// GET `path` with a token; further header fields as a list of pairs, which may have the same name
// twice.
function ask(port, path, token, fields = []) {
  const headers = [['host', `127.0.0.1:${port}`], ...fields];
  if (token !== undefined) headers.push(['authorization', `Bearer ${token}`]);
  return request(port, 'GET', path, headers.flat());
}

// 401 with a challenge that names the fault and nothing that stands in the token.
function assertRefused(got, why, token = '') {
  assert.equal(got.status, 401, `${why ?? ''} ${got.body}`);
  assert.match(got.challenge, /^Bearer realm="[^"]+", error="invalid_token", error_description="/);
  if (why) assert.match(got.challenge, why);
  for (const part of token.split('.')) {
    if (part.length > 8) assert.ok(!(got.challenge + got.body).includes(part));
  }
}

async function assertAccepted(port, path, token) {
  const got = await ask(port, path, token);
  assert.equal(got.status, 200, `${got.challenge} ${got.body}`);
}

// Asks until `good(answer)`; for what comes by itself at a time that nobody tells.
async function until(what, make, good) {
  const end = Date.now() + SECONDS * 1000;
  for (;;) {
    const got = await make();
    if (await good(got)) return got;
    if (Date.now() > end) assert.fail(`waited too long for ${what}: ${JSON.stringify(got)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const encode = (value) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

// A token whose parts are as they are given: `sign(text)` gives the bytes of the signature.
function writeToken(header, payload, sign) {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${Buffer.from(sign(text)).toString('base64url')}`;
}

// The token with `change(bytes)` of one part: 0 the header, 1 the claims, 2 the signature.
function changePart(token, index, change) {
  const parts = token.split('.');
  const bytes = Buffer.from(parts[index], 'base64url');
  parts[index] = Buffer.from(change(bytes) ?? bytes).toString('base64url');
  return parts.join('.');
}

module.exports = {
  ask,
  assertAccepted,
  assertRefused,
  changePart,
  decode,
  echo,
  encode,
  listen,
  request,
  serveJson,
  until,
  writeToken
};
