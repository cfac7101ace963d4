// Server-sent events through the gateway: the client `eventsource` over HTTP/1.1, Node's own over
// HTTP/2; servers over both. The server writes an event only when it is asked to by another
// request, which is sent when the event before has arrived: what kept one back would stop the test.
'use strict';
const assert = require('node:assert/strict');
const http = require('node:http');
const http2 = require('node:http2');
const test = require('node:test');
const EventSource = require('eventsource');
const {makeCertificate, next, options, signal, startGateway, temporaryFolder} =
    require('./gateway');

const EVENTS = 20;

const document = (folder, port, http2Port) => `
openapi: 3.1.0
info: {title: Events, version: 1.0.0}
x-gw:
  version: 1
  upstreams:
    plain: {targets: ['http://127.0.0.1:${port}']}
    multiplexed: {targets: ['http://127.0.0.1:${http2Port}'], protocol: http2}
  listeners:
    - {address: 127.0.0.1:0}
    - {address: 127.0.0.1:0, tls: {cert: $file.${folder}/a.crt, key: $file.${folder}/a.key}}
  defaults: {upstream: plain, timeout: {total: 500ms}}
paths:
  /plain/{feed}:
    parameters: [{name: feed, in: path, required: true, schema: {type: string}}]
    x-gw: {path: '/{feed}'}
    get:
      operationId: plain
      responses: {'200': {description: ok, content: {text/event-stream: {}}}}
    post: {operationId: plainMore, responses: {'204': {description: ok}}}
  /multiplexed/{feed}:
    parameters: [{name: feed, in: path, required: true, schema: {type: string}}]
    x-gw: {path: '/{feed}', upstream: multiplexed}
    get:
      operationId: multiplexed
      responses: {'200': {description: ok, content: {text/event-stream: {}}}}
    post: {operationId: multiplexedMore, responses: {'204': {description: ok}}}
`;

// POST /FEED writes its next event, or ends the stream when the body says `end`.
class Feeds {
  feeds = new Map();

  answer = (request, response) => {
    let feed = this.feeds.get(request.url);
    if (!feed) this.feeds.set(request.url, feed = {number: 0, heads: []});
    if (request.method === 'GET') {
      feed.heads.push(request.headers);
      feed.response = response;
      const left = feed.left = signal('the end of a stream');
      response.on('close', () => left.give());
      response.writeHead(200, {'content-type': 'text/event-stream', 'cache-control': 'no-cache'});
      response.write('retry: 1\n\n');
      return;
    }
    let body = '';
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      if (body === 'end') {
        feed.response.end();
      } else {
        feed.number += 1;
        feed.response.write(`: comment\n${eventLines(feed.number)}`);
      }
      response.writeHead(204);
      response.end();
    });
  };
}

const eventLines = (number) => `id: ${number}\ndata: event ${number}\ndata: of two lines\n\n`;
const eventText = (number) => `event ${number}\nof two lines`;

test('server-sent events through the gateway', {timeout: 60_000}, async (t) => {
  const folder = temporaryFolder();
  const certificate = makeCertificate(folder, 'a');
  const feeds = new Feeds();
  const plain = http.createServer(feeds.answer);
  const multiplexed = http2.createServer(feeds.answer);
  for (const server of [plain, multiplexed]) {
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  const gateway = await startGateway(
      folder, document(folder, plain.address().port, multiplexed.address().port), {listeners: 2});
  const base = `http://127.0.0.1:${gateway.ports[0]}`;
  const secureBase = `https://127.0.0.1:${gateway.ports[1]}`;

  let count = 0;
  const tell = (path, body) => new Promise((resolve, reject) => {
    const request = http.request(base + path, {method: 'POST'}, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject);
    request.end(body);
  });

  for (const [name, url, upstream] of [
           ['over HTTP/1.1', base, 'plain'], ['over HTTP/1.1 with TLS', secureBase, 'plain'],
           ['over HTTP/1.1, the server over HTTP/2', base, 'multiplexed']]) {
    await t.test(`EventSource ${name}: one by one, and again from the last`, options, async () => {
      const feed = `/feed${++count}`;
      const source = new EventSource(
          `${url}/${upstream}${feed}`,
          {https: {ca: certificate, checkServerIdentity: () => undefined}});
      t.after(() => source.close());
      await next(source, 'open');
      for (let i = 1; i <= EVENTS; ++i) {
        const event = next(source, 'message');
        assert.equal(await tell(`/${upstream}${feed}`), 204);
        const {data, lastEventId} = await event;
        assert.deepEqual([data, lastEventId], [eventText(i), String(i)]);
      }
      const again = next(source, 'open');
      await tell(`/${upstream}${feed}`, 'end');
      await again;
      const {heads} = feeds.feeds.get(feed);
      assert.equal(heads.length, 2);
      assert.equal(heads[0]['last-event-id'], undefined);
      assert.equal(heads[1]['last-event-id'], String(EVENTS));
      const event = next(source, 'message');
      await tell(`/${upstream}${feed}`);
      assert.equal((await event).lastEventId, String(EVENTS + 1));
      source.close();
      await feeds.feeds.get(feed).left.wait();
    });
  }

  for (const [name, url, upstream] of [
           ['prior knowledge', base, 'plain'], ['TLS', secureBase, 'plain'],
           ['TLS, the server over HTTP/2', secureBase, 'multiplexed']]) {
    await t.test(`HTTP/2 by ${name}: several streams on one connection`, options, async () => {
      const session = http2.connect(
          url, {ca: certificate, servername: 'a.test', checkServerIdentity: () => undefined});
      session.on('error', () => {});
      t.after(() => session.destroy());
      const streams = await Promise.all([1, 2, 3].map(async () => {
        const path = `/${upstream}/feed${++count}`;
        const stream = session.request({':path': path, ':authority': 'a.test'});
        stream.setEncoding('utf8');
        const [headers] =
            await new Promise((resolve) => stream.once('response', (...got) => resolve(got)));
        assert.equal(headers[':status'], 200);
        assert.equal(headers['content-type'], 'text/event-stream');
        let text = '';
        let wanted = null;
        const look = () => {
          if (wanted && text.includes(wanted[0])) wanted[1].give();
        };
        stream.on('data', (data) => {
          text += data;
          look();
        });
        const holds = (what) => {
          wanted = [what, signal(what)];
          look();
          return wanted[1].wait();
        };
        return {path, stream, holds};
      }));
      for (let i = 1; i <= EVENTS; ++i) {
        for (const {path, holds} of streams) {
          assert.equal(await tell(path), 204);
          await holds(eventLines(i));
        }
      }
      const feedOf = ({path}) => feeds.feeds.get(path.slice(upstream.length + 1));
      streams[0].stream.close(http2.constants.NGHTTP2_CANCEL);  // its server hears of it
      await feedOf(streams[0]).left.wait();
      const end = next(streams[1].stream, 'end');  // and the others go on
      await tell(streams[1].path, 'end');
      await end;
      await tell(streams[2].path);
      await streams[2].holds(`id: ${EVENTS + 1}\n`);
      session.destroy();
      await feedOf(streams[2]).left.wait();
    });
  }

  const {status, lines} = await gateway.stop();
  plain.close();
  plain.closeAllConnections();
  multiplexed.close();
  assert.equal(status, 0);
  const streams =
      lines.filter((line) => line.operation === 'plain' || line.operation === 'multiplexed');
  assert.equal(streams.length, 3 * 2 + 3 * 3);
});
