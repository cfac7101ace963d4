// Node's HTTP clients and servers through the gateway, each version to each: HTTP/1.1 and HTTP/2 of
// the client, HTTP/1.1, HTTP/2 in plain text and HTTP/2 over TLS of the server.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const path = require('node:path');
const test = require('node:test');
const {makeCertificate, next, options, signal, startGateway, temporaryFolder} =
    require('./gateway');

const route = (name) => `
  /${name}/{rest+}:
    x-gw: {anyMethod: {operationId: ${name}}, upstream: ${name}, path: '/{rest}'}
`;

const document = (folder, ports) => `
openapi: 3.1.0
info: {title: Node, version: 1.0.0}
x-gw:
  version: 1
  upstreams:
    http1: {targets: ['http://127.0.0.1:${ports.http1}']}
    http2: {targets: ['http://127.0.0.1:${ports.http2}'], protocol: http2}
    tls:
      targets: ['https://127.0.0.1:${ports.tls}']
      protocol: http2
      tls: {ca: $file.${folder}/a.crt, serverName: a.test}
  defaults: {maxBody: 64MiB, timeout: {total: 20s, try: 10s, idle: 10s}}
paths:
${route('http1')}${route('http2')}${route('tls')}`;

const large = crypto.randomBytes(1 << 20);
const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

// What the servers do, by the last part of the path. `seen` tells of what cannot be answered.
const seen = {};
const handlers = {
  // The body, as it comes; the request's trailer comes back in the answer's.
  echo(request, response) {
    response.writeHead(200, {
      'x-method': request.method,
      'x-version': request.httpVersion,
      'x-fields': JSON.stringify(request.headers),
      'trailer': 'x-back'
    });
    request.on('data', (data) => response.write(data));
    request.on('end', () => {
      response.addTrailers({'x-back': request.trailers['x-there'] ?? 'none'});
      response.end();
    });
  },
  // An answer without a look at the body.
  early(request, response) {
    response.writeHead(403, {'content-length': 5});
    response.end('early');
  },
  large(request, response) {
    response.writeHead(200, {'content-length': 16 * large.length});
    if (request.method === 'HEAD') return response.end();
    let left = 16;
    const more = () => {
      while (left > 0) {
        left -= 1;
        if (!response.write(large)) return response.once('drain', more);
      }
      return response.end();
    };
    more();
  },
  hints(request, response) {
    response.writeEarlyHints({'link': '</style.css>; rel=preload'});
    response.writeHead(200);
    response.end('hinted');
  },
  cookies(request, response) {
    response.setHeader('set-cookie', ['a=1; Path=/', 'b=2', 'c=3']);
    response.end(request.headers.cookie);
  },
  empty(request, response) {
    response.writeHead(204);
    response.end();
  },
  unchanged(request, response) {
    response.writeHead(304, {etag: '"1"'});
    response.end();
  },
  // Ends in the middle of its answer.
  cut(request, response) {
    response.writeHead(200, {'content-type': 'text/plain'});
    response.write('half of it');
    seen.asked.give(
        () =>
            (response.stream ? response.stream.destroy(new Error('cut')) :
                               response.socket.destroy()));
  },
  // Begins an answer, or none, and tells when the client has gone.
  hold(request, response) {
    request.resume();
    response.on('close', () => seen.left.give());
    if (request.headers['x-begin']) response.write('begun');
    seen.asked.give();
  },
};

function handle(request, response) {
  request.on('error', () => {});
  response.on('error', () => {});
  handlers[request.url.slice(1)](request, response);
}

// A client of one connection. ask() gives {status, headers, body, trailers, hints} of an answer;
// begin() the request's stream and a promise of the answer's.
function client1(port) {
  const agent = new http.Agent({keepAlive: true, maxSockets: 1});
  const begin = (method, target, headers = {}) => {
    const request = http.request({host: '127.0.0.1', port, agent, method, path: target, headers});
    request.hints = [];
    request.on('information', (got) => {
      if (got.statusCode === 103) request.hints.push(got.headers);
    });
    const answered = new Promise((resolve, reject) => {
      request.on('response', (response) => {
        response.status = response.statusCode;
        resolve(response);
      });
      request.on('error', reject);
    });
    answered.catch(() => {});
    return {
      request,
      answered,
      trailers: (fields) => request.addTrailers(fields),
      got: (response) => response.trailers,
      leave: () => request.destroy(),
      reset: () => request.socket.resetAndDestroy()
    };
  };
  return {begin, stop: () => agent.destroy()};
}

function client2(port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const begin = (method, target, headers = {}) => {
    let trailers = {};
    const {trailer, 'transfer-encoding': coding, ...rest} = headers;
    const request = session.request(
        {':method': method, ':path': target, ...rest}, {endStream: false, waitForTrailers: true});
    request.on('wantTrailers', () => request.sendTrailers(trailers));
    request.hints = [];
    request.on('headers', (got) => {
      if (got[':status'] === 103) request.hints.push(got);
      if (got[':status'] === 100) request.emit('continue');
    });
    let last = {};
    request.on('trailers', (got) => {
      last = got;
    });
    const answered = new Promise((resolve, reject) => {
      request.on('response', (got) => {
        request.status = got[':status'];
        request.headers = got;
        resolve(request);
      });
      request.on('error', reject);
    });
    answered.catch(() => {});
    request.on('error', () => {});
    return {
      request,
      answered,
      trailers: (fields) => {
        trailers = fields;
      },
      got: () => last,
      leave: () => request.close(http2.constants.NGHTTP2_CANCEL),
      reset: () => request.destroy()
    };
  };
  return {begin, stop: () => session.destroy()};
}

async function readAll(response) {
  const parts = [];
  for await (const part of response) parts.push(part);
  return Buffer.concat(parts);
}

async function ask(client, method, target, {headers, body, trailers} = {}) {
  const call = client.begin(method, target, headers);
  if (trailers) call.trailers(trailers);
  call.request.end(body);
  const response = await call.answered;
  const bytes = await readAll(response);
  return {
    status: response.status,
    headers: response.headers,
    body: bytes,
    trailers: call.got(response),
    hints: call.request.hints
  };
}

test('Node\'s HTTP through the gateway', {timeout: 90_000}, async (t) => {
  const folder = temporaryFolder();
  const certificate = makeCertificate(folder, 'a');
  const servers = {
    http1: http.createServer(handle),
    http2: http2.createServer(handle),
    tls: http2.createSecureServer(
        {cert: certificate, key: fs.readFileSync(path.join(folder, 'a.key'))}, handle),
  };
  const connections = {http1: 0, http2: 0, tls: 0};
  const sessions = new Set();
  const ports = {};
  for (const [name, server] of Object.entries(servers)) {
    server.on(name === 'http1' ? 'connection' : 'session', (one) => {
      connections[name] += 1;
      sessions.add(one);
      one.on('close', () => sessions.delete(one));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[name] = server.address().port;
  }
  const gateway = await startGateway(folder, document(folder, ports), {workers: 1});

  for (const [version, makeClient] of [['1.1', client1], ['2', client2]]) {
    for (const upstream of Object.keys(servers)) {
      await t.test(`HTTP/${version} to ${upstream}`, {timeout: 40_000}, async (u) => {
        const client = makeClient(gateway.port);
        t.after(client.stop);
        const at = (name) => `/${upstream}/${name}`;

        await u.test('connections are kept', options, async () => {
          const before = connections[upstream];
          for (let i = 0; i < 20; ++i) {
            const got =
                await ask(client, i % 2 ? 'POST' : 'GET', at('echo'), {body: i % 2 ? 'x' : ''});
            assert.equal(got.status, 200);
            assert.equal(got.headers['x-version'], upstream === 'http1' ? '1.1' : '2.0');
          }
          assert.ok(connections[upstream] - before <= 1);
        });

        await u.test('bodies of all kinds, both ways', options, async () => {
          for (const body of [Buffer.alloc(0), Buffer.from('small'), large]) {
            const got = await ask(
                client, 'POST', at('echo'),
                {body, headers: {'content-length': String(body.length)}});
            assert.equal(digest(got.body), digest(body));
            assert.equal(
                JSON.parse(got.headers['x-fields'])['content-length'], String(body.length));
          }
          const call = client.begin('PUT', at('echo'), {'transfer-encoding': 'chunked'});
          const hash = crypto.createHash('sha256');
          let bytes = 0;
          const read = call.answered.then(async (response) => {
            for await (const part of response) {
              hash.update(part);
              bytes += part.length;
            }
          });
          for (let i = 0; i < 16; ++i) {
            if (!call.request.write(large)) await next(call.request, 'drain');
          }
          call.request.end();
          await read;
          assert.equal(bytes, 16 * large.length);
          const wanted = crypto.createHash('sha256');
          for (let i = 0; i < 16; ++i) wanted.update(large);
          assert.equal(hash.digest('hex'), wanted.digest('hex'));
        });

        await u.test('both directions at once', options, async () => {
          const call = client.begin('POST', at('echo'), {'transfer-encoding': 'chunked'});
          call.request.write('first');
          const response = await call.answered;
          assert.equal((await next(response, 'data')).toString(), 'first');
          for (let i = 0; i < 20; ++i) {  // each is written when the last has come back
            const back = next(response, 'data');
            call.request.write(`piece ${i}`);
            assert.equal((await back).toString(), `piece ${i}`);
          }
          const end = next(response, 'end');
          call.request.end();
          await end;
        });

        await u.test('trailers both ways', options, async () => {
          const got = await ask(client, 'POST', at('echo'), {
            body: 'x',
            trailers: {'x-there': 'and back'},
            headers: {'transfer-encoding': 'chunked', 'trailer': 'x-there', 'te': 'trailers'}
          });
          assert.equal(got.body.toString(), 'x');
          assert.equal(got.trailers['x-back'], 'and back');
        });

        await u.test('100-continue', options, async () => {
          const call = client.begin('POST', at('echo'), {'expect': '100-continue'});
          const told = next(call.request, 'continue');
          call.request.flushHeaders?.();
          await told;
          call.request.end('after it');
          const response = await call.answered;
          assert.equal((await readAll(response)).toString(), 'after it');
          assert.equal(JSON.parse(response.headers['x-fields']).expect, undefined);
        });

        await u.test('an answer before the end of the request', options, async () => {
          const call = client.begin('POST', at('early'), {'transfer-encoding': 'chunked'});
          call.request.write('the beginning');
          const response = await call.answered;
          assert.equal(response.status, 403);
          assert.equal((await readAll(response)).toString(), 'early');
          call.request.end('the rest');
          // Whatever has become of that connection, the next request is served.
          assert.equal((await ask(client, 'GET', at('echo'))).status, 200);
        });

        await u.test('HEAD, 204 and 304', options, async () => {
          for (let i = 0; i < 3; ++i) {
            const head = await ask(client, 'HEAD', at('large'));
            assert.deepEqual([head.status, head.body.length], [200, 0]);
            assert.equal(head.headers['content-length'], String(16 * large.length));
            const empty = await ask(client, 'DELETE', at('empty'));
            assert.deepEqual([empty.status, empty.body.length], [204, 0]);
            const unchanged =
                await ask(client, 'GET', at('unchanged'), {headers: {'if-none-match': '"1"'}});
            assert.deepEqual(
                [unchanged.status, unchanged.body.length, unchanged.headers.etag], [304, 0, '"1"']);
          }
        });

        await u.test('early hints and cookies', options, async () => {
          const hinted = await ask(client, 'GET', at('hints'));
          assert.equal(hinted.body.toString(), 'hinted');
          assert.deepEqual(hinted.hints.map((hint) => hint.link), ['</style.css>; rel=preload']);
          const cookies = await ask(client, 'GET', at('cookies'), {headers: {cookie: 'x=1; y=2'}});
          assert.deepEqual(cookies.headers['set-cookie'], ['a=1; Path=/', 'b=2', 'c=3']);
          assert.equal(cookies.body.toString(), 'x=1; y=2');
        });

        await u.test('a client that reads slowly gets all of it', options, async () => {
          const call = client.begin('GET', at('large'));
          call.request.end();
          const response = await call.answered;
          response.pause();
          let bytes = 0;
          for await (const part of response) {
            bytes += part.length;
            await new Promise(setImmediate);
          }
          assert.equal(bytes, 16 * large.length);
        });

        await u.test('a server that breaks off', options, async () => {
          seen.asked = signal('the request');
          const call = client.begin('GET', at('cut'));
          call.request.end();
          const response = await call.answered;
          assert.equal((await next(response, 'data')).toString(), 'half of it');
          const broken = signal('the break');
          response.on('error', broken.give);
          response.on('aborted', broken.give);
          response.on('end', () => broken.give('taken for whole'));
          (await seen.asked.wait())();
          assert.notEqual(await broken.wait(), 'taken for whole');
          assert.equal((await ask(client, 'GET', at('echo'))).status, 200);
        });

        for (const begun of [false, true]) {
          await u.test(
              `a client that leaves ${begun ? 'within' : 'before'} the answer`, options,
              async () => {
                seen.asked = signal('the request');
                seen.left = signal('the leaving');
                const call = client.begin('POST', at('hold'), begun ? {'x-begin': '1'} : {});
                call.request.end('body');
                await seen.asked.wait();
                if (begun) (await call.answered).on('error', () => {});
                // An end of stream over HTTP/1 is taken for leaving after a second: once is enough.
                if (begun && upstream === 'http1')
                  call.leave();
                else
                  call.reset();
                await seen.left.wait();
              });
        }
      });
    }
  }

  const {status, lines} = await gateway.stop();
  for (const one of sessions) one.destroy();
  for (const server of Object.values(servers)) server.close();
  assert.equal(status, 0);
  assert.deepEqual(lines.filter((line) => line.error === 'internal'), []);
  assert.deepEqual(lines.filter((line) => line.status >= 500), []);
});
