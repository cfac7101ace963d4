// WebSocket through the gateway: the client and the server of the module `ws`, in plain text and
// over TLS on both sides.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const test = require('node:test');
const WebSocket = require('ws');
const {makeCertificate, next, options, signal, startGateway, temporaryFolder} =
    require('./gateway');

const document = (folder, port, securePort) => `
openapi: 3.1.0
info: {title: WebSocket, version: 1.0.0}
x-gw:
  version: 1
  upstreams:
    plain: {targets: ['http://127.0.0.1:${port}']}
    secure:
      targets: ['https://127.0.0.1:${securePort}']
      tls: {ca: $file.${folder}/a.crt, serverName: a.test}
  listeners:
    - {address: 127.0.0.1:0}
    - {address: 127.0.0.1:0, tls: {cert: $file.${folder}/a.crt, key: $file.${folder}/a.key}}
  defaults: {upstream: plain, timeout: {total: 1s}}
paths:
  /echo:
    get:
      operationId: echo
      x-gw: {upgrade: websocket}
      responses: {'101': {description: ok}}
  /secure:
    get:
      operationId: secure
      x-gw: {upgrade: websocket, upstream: secure, path: /echo}
      responses: {'101': {description: ok}}
  /closed: {get: {operationId: closed, x-gw: {path: /echo}, responses: {'200': {description: ok}}}}
  /idle:
    get:
      operationId: idle
      x-gw: {upgrade: websocket, path: /echo, timeout: {idle: 1s}}
      responses: {'101': {description: ok}}
  /short:
    get:
      operationId: short
      x-gw: {upgrade: websocket, path: /echo, timeout: {stream: 1s}}
      responses: {'101': {description: ok}}
`;

// Sends every message back. `connection` gives the server's end of the one that was opened last.
function serve(server) {
  const waiting = [];
  const deflate = {threshold: 0};
  const sockets = new WebSocket.Server({
    ...server,
    perMessageDeflate: deflate,
    maxPayload: 64 << 20,
    handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false)
  });
  const requests = [];
  sockets.on('connection', (socket, request) => {
    requests.push(request);
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => {
      const text = isBinary ? '' : data.toString();
      const close = /^close (\d+) (.*)$/.exec(text);
      if (close)
        socket.close(Number(close[1]), close[2]);
      else if (text === 'die')
        socket.terminate();
      else
        socket.send(data, {binary: isBinary});
    });
    waiting.shift()?.give(socket);
  });
  const connection = () => {
    const got = signal('a connection');
    waiting.push(got);
    return got.wait();
  };
  return {sockets, requests, connection};
}

test('ws through the gateway', {timeout: 60_000}, async (t) => {
  const folder = temporaryFolder();
  const certificate = makeCertificate(folder, 'a');
  const plain = serve({host: '127.0.0.1', port: 0});
  await next(plain.sockets, 'listening');
  const tls =
      https.createServer({cert: certificate, key: fs.readFileSync(path.join(folder, 'a.key'))});
  const secure = serve({server: tls});
  await new Promise((resolve) => tls.listen(0, '127.0.0.1', resolve));
  const gateway = await startGateway(
      folder, document(folder, plain.sockets.address().port, tls.address().port), {listeners: 2});

  // Both ends of a new connection.
  const open = async (target, {server = plain, over = 'ws', ...more} = {}) => {
    const other = server.connection();
    const port = gateway.ports[over === 'ws' ? 0 : 1];
    const client = new WebSocket(
        `${over}://127.0.0.1:${port}${target}`, ['chat.v1', 'chat.v2'],
        {ca: certificate, servername: 'a.test', checkServerIdentity: () => undefined, ...more});
    client.on('error', () => {});
    await next(client, 'open');
    return [client, await other];
  };
  const message = (socket) => new Promise((resolve, reject) => {
    socket.once('message', (data, isBinary) => resolve([data, isBinary]));
    socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  });
  const closed = (socket) => {
    const got = signal('the close');
    socket.once('close', (code, reason) => got.give([code, reason.toString()]));
    return got.wait();
  };

  for (const [name, target, settings] of [
           ['in plain text', '/echo', {}], ['over TLS', '/echo', {over: 'wss'}],
           ['over TLS on both sides', '/secure', {over: 'wss', server: secure}]]) {
    await t.test(`messages ${name}`, options, async () => {
      const [client, server] = await open(target, settings);
      assert.equal(client.protocol, 'chat.v2');
      assert.equal(server.protocol, 'chat.v2');
      for (const bytes of [0, 1, 125, 126, 65_535, 65_536, 1 << 20]) {
        const back = message(client);
        const sent = crypto.randomBytes(bytes);
        client.send(sent);
        assert.deepEqual(await back, [sent, true], `${bytes} bytes`);
      }
      const back = message(client);
      client.send('Grüße \u{1F40C}');
      const [data, isBinary] = await back;
      assert.deepEqual([data.toString(), isBinary], ['Grüße \u{1F40C}', false]);
      const end = closed(server);
      client.close();
      assert.deepEqual(await end, [1005, '']);
    });
  }

  await t.test('compression is agreed on end to end', options, async () => {
    const [client, server] = await open('/echo', {perMessageDeflate: {threshold: 0}});
    assert.match(client.extensions, /permessage-deflate/);
    assert.match(server.extensions, /permessage-deflate/);
    const text = 'so that there is something to compress '.repeat(30_000);
    const back = message(client);
    client.send(text);
    assert.equal((await back)[0].toString(), text);
    assert.ok(client._socket.bytesWritten < text.length / 10, 'it is compressed on the way');
    client.terminate();
    const [without, other] = await open('/echo', {perMessageDeflate: false});
    assert.equal(without.extensions, '');
    assert.equal(other.extensions, '');
    without.terminate();
  });

  await t.test('large messages in both directions at once', options, async () => {
    const [client, server] = await open('/echo', {perMessageDeflate: false});
    const large = crypto.randomBytes(4 << 20);
    server.removeAllListeners('message');
    const all = [];
    for (const [from, to] of [[client, server], [server, client]]) {
      let left = 4;
      const got = signal('messages');
      to.on('message', (data) => {
        assert.ok(data.equals(large));
        if (--left === 0) got.give();
      });
      for (let i = 0; i < 4; ++i) from.send(large);
      all.push(got.wait());
    }
    await Promise.all(all);
    client.terminate();
  });

  await t.test('ping and pong both ways', options, async () => {
    const [client, server] = await open('/echo');
    for (const [from, what] of [[client, 'up'], [server, 'down']]) {
      const pong = next(from, 'pong');
      from.ping(what);
      assert.equal((await pong).toString(), what);
    }
    client.terminate();
  });

  await t.test('close codes both ways', options, async () => {
    let [client, server] = await open('/echo');
    let ends = [closed(client), closed(server)];
    client.close(4001, 'tired');
    assert.deepEqual(await ends[1], [4001, 'tired']);
    assert.deepEqual(await ends[0], [4001, 'tired']);
    [client, server] = await open('/echo');
    ends = [closed(client), closed(server)];
    client.send('close 4002 enough');
    assert.deepEqual(await ends[0], [4002, 'enough']);
    assert.deepEqual(await ends[1], [4002, 'enough']);
  });

  await t.test('an end without a close frame is one for the other side', options, async () => {
    let [client, server] = await open('/echo');
    let end = closed(server);
    client.terminate();
    assert.equal((await end)[0], 1006);
    [client, server] = await open('/echo');
    end = closed(client);
    client.send('die');
    assert.equal((await end)[0], 1006);
  });

  await t.test('many at once', options, async () => {
    const all = await Promise.all(Array.from({length: 100}, () => open('/echo')));
    await Promise.all(all.map(async ([client], i) => {
      for (let turn = 0; turn < 5; ++turn) {
        const back = message(client);
        client.send(`${i}.${turn}`);
        assert.equal((await back)[0].toString(), `${i}.${turn}`);
      }
    }));
    const ends = all.map(([, server]) => closed(server));
    for (const [client] of all) client.close(1000);
    for (const end of ends) assert.equal((await end)[0], 1000);
  });

  await t.test('refused where the operation does not have it', options, async () => {
    const before = plain.requests.length;
    const client = new WebSocket(`ws://127.0.0.1:${gateway.ports[0]}/closed`);
    const [, answer] = await new Promise((resolve, reject) => {
      client.on('open', () => reject(new Error('it was opened')));
      client.on('unexpected-response', (...got) => resolve(got));
    });
    assert.equal(answer.statusCode, 426);  // ws says so to whoever does not ask for an upgrade
    assert.equal(plain.requests.length, before);
    answer.destroy();
    const missing = new WebSocket(`ws://127.0.0.1:${gateway.ports[0]}/nothing`);
    const [, none] = await new Promise((resolve) => {
      missing.on('unexpected-response', (...got) => resolve(got));
    });
    assert.equal(none.statusCode, 404);
    none.destroy();
  });

  await t.test('idle time and life', options, async () => {
    let [client, server] = await open('/idle');
    const begun = Date.now();
    const end = closed(client);
    for (let i = 0; i < 14; ++i) {  // of movement, in one direction
      server.ping();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(client.readyState, WebSocket.OPEN);
    assert.equal((await end)[0], 1006);
    assert.ok(Date.now() - begun > 2_000);
    [client, server] = await open('/short');
    assert.deepEqual(await Promise.all([closed(client), closed(server)]), [[1006, ''], [1006, '']]);
  });

  const {status, lines} = await gateway.stop();
  plain.sockets.close();
  tls.close();
  assert.equal(status, 0);
  const switched = lines.filter((line) => line.status === 101);
  assert.equal(switched.length, 3 + 2 + 1 + 1 + 2 + 2 + 100 + 2);
  assert.ok(switched.every((line) => line.operation && line.error !== 'internal'));
});
