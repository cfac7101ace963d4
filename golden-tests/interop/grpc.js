// gRPC through the gateway: grpc-js as client and as server, whose messages are plain bytes, so
// that nothing has to be generated. What only a broken server does is done by one of Node's own.
'use strict';
const assert = require('node:assert/strict');
const http2 = require('node:http2');
const test = require('node:test');
const grpc = require('@grpc/grpc-js');
const {makeCertificate, next, options, signal, startGateway, temporaryFolder} =
    require('./gateway');

const {status} = grpc;
const asIs = (bytes) => bytes;
const method = (name, requestStream, responseStream) => ({
  path: `/interop.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
});
const service = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
  fail: method('Fail', false, false),
  failLate: method('FailLate', false, true),
  patient: method('Patient', false, false),
  hold: method('Hold', true, true),
};
const allBytes = Buffer.from(Array.from({length: 256}, (_, i) => i));

// The methods of the server. `seen` tells a test what it has met.
function makeServer(seen) {
  const server = new grpc.Server({'grpc.max_receive_message_length': 16 << 20});
  server.addService(service, {
    unary(call, done) {
      const initial = new grpc.Metadata();
      initial.set('x-initial', 'first');
      initial.set('x-bytes-bin', allBytes);
      call.sendMetadata(initial);
      seen.metadata = call.metadata;
      seen.deadline = call.getDeadline();
      const trailer = new grpc.Metadata();
      trailer.set('x-trailing', 'last');
      trailer.add('x-bytes-bin', Buffer.from([0, 1, 2]));
      trailer.add('x-bytes-bin', Buffer.from([253, 254, 255]));
      done(null, call.request, trailer);
    },
    collect(call, done) {
      const parts = [];
      call.on('data', (part) => parts.push(part));
      call.on('end', () => done(null, Buffer.concat(parts)));
    },
    count(call) {
      const size = call.request.readUInt32BE(0);
      const number = call.request.readUInt32BE(4);
      for (let i = 0; i < number; ++i) call.write(Buffer.alloc(size, i));
      call.end();
    },
    chat(call) {
      call.on('data', (message) => call.write(message));
      call.on('end', () => call.end());
    },
    fail(call, done) {
      const metadata = new grpc.Metadata();
      metadata.set('grpc-status-details-bin', allBytes);
      done({code: call.request[0], details: 'größer als 100 % \n', metadata});
    },
    failLate(call) {
      call.write(Buffer.from('one'));
      call.emit('error', {code: status.DATA_LOSS, details: 'after a message'});
    },
    patient(call) {
      call.on('cancelled', () => seen.cancelled.give());
      seen.called.give();
    },
    hold(call) {
      call.sendMetadata(new grpc.Metadata());
      call.on('cancelled', () => seen.cancelled.give());
      call.on('data', (message) => {
        seen.messages = (seen.messages ?? 0) + 1;
        if (message.toString() === 'tick')
          seen.ticker = setInterval(() => call.write(message), 100);
        if (message.toString() === 'end') call.end();
      });
      call.on('end', () => call.end());
    },
  });
  return server;
}

function bind(server) {
  return new Promise((resolve, reject) => {
    server.bindAsync(
        '127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
        (error, port) => (error ? reject(error) : resolve(port)));
  });
}

const route = (prefix, upstream, more = '') => `
  /${prefix}/{method}:
    parameters: [{name: method, in: path, required: true, schema: {type: string}}]
    post:
      operationId: ${prefix.replace('.', '_')}
      x-gw: {upstream: ${upstream}${more}}
      responses: {'200': {description: ok}}
`;

const to = ', path: \'/interop.Echo/{method}\'';

const document = (folder, port, broken) => `
openapi: 3.1.0
info: {title: gRPC, version: 1.0.0}
x-gw:
  version: 1
  upstreams:
    echo: {targets: ['http://127.0.0.1:${port}'], protocol: grpc}
    broken: {targets: ['http://127.0.0.1:${broken}'], protocol: grpc}
    dead: {targets: ['unix:${folder}/nobody'], protocol: grpc}
  listeners:
    - {address: 127.0.0.1:0}
    - {address: 127.0.0.1:0, tls: {cert: $file.${folder}/a.crt, key: $file.${folder}/a.key}}
  defaults: {maxBody: 16MiB}
paths:
${route('interop.Echo', 'echo')}
${route('interop.Broken', 'broken')}
${route('interop.Dead', 'dead')}
${route('interop.Hurried', 'broken', ', timeout: {try: 100ms}')}
${route('interop.Short', 'echo', ', timeout: {stream: 700ms}' + to)}
${route('interop.Idle', 'echo', ', timeout: {idle: 1s}' + to)}
${route('interop.Small', 'echo', ', maxBody: 1KiB' + to)}`;

// A server that keeps requests without an answer, or ends them as a crash would.
async function startBroken() {
  const server = http2.createServer();
  const streams = [];
  const waiters = [];
  const sessions = new Set();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.resume();
    const end = signal('the end of a stream');
    stream.on('close', () => end.give(stream.rstCode));
    const got = {stream, headers, end};
    const waiter = waiters.shift();
    if (waiter)
      waiter.give(got);
    else
      streams.push(got);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    async stream() {
      if (streams.length > 0) return streams.shift();
      const waiter = signal('a request');
      waiters.push(waiter);
      return waiter.wait();
    },
    stop() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

test('grpc-js through the gateway', {timeout: 60_000}, async (t) => {
  const folder = temporaryFolder();
  const certificate = makeCertificate(folder, 'a');
  const seen = {};
  const server = makeServer(seen);
  const broken = await startBroken();
  const gateway =
      await startGateway(folder, document(folder, await bind(server), broken.port), {listeners: 2});
  const settings = {'grpc.max_receive_message_length': 16 << 20, 'grpc.enable_retries': 0};
  const Client = grpc.makeGenericClientConstructor(service, 'Echo');
  const plain =
      new Client(`127.0.0.1:${gateway.ports[0]}`, grpc.credentials.createInsecure(), settings);
  const secure = new Client(
      `127.0.0.1:${gateway.ports[1]}`, grpc.credentials.createSsl(certificate),
      {...settings, 'grpc.ssl_target_name_override': 'a.test'});

  // Of a unary call: error, answer, metadata, status. `path` stands in for the service's own.
  const call = (client, path, request, metadata, callOptions = {}) => new Promise((resolve) => {
    const result = {};
    const running = client.makeUnaryRequest(
        path, asIs, asIs, request, metadata ?? new grpc.Metadata(), callOptions,
        (error, answer) => {
          result.error = error;
          result.answer = answer;
          if (result.status) resolve(result);
        });
    running.on('metadata', (got) => {
      result.initial = got;
    });
    running.on('status', (got) => {
      result.status = got;
      if ('error' in result) resolve(result);
    });
  });
  const bidi = (path, callOptions = {}) => {
    const stream = plain.makeBidiStreamRequest(path, asIs, asIs, new grpc.Metadata(), callOptions);
    stream.on('error', () => {});  // the status says the same
    return stream;
  };
  const is = (got, code, details) => {
    assert.equal(got.status.code, code, got.status.details);
    if (details !== undefined) assert.equal(got.status.details, details);
  };

  for (const [name, client] of [['in plain text', plain], ['over TLS', secure]]) {
    await t.test(`unary ${name}, with metadata both ways`, options, async () => {
      const metadata = new grpc.Metadata();
      metadata.set('x-token', 'abc def');
      metadata.add('x-many', 'one');
      metadata.add('x-many', 'two');
      metadata.set('x-bytes-bin', allBytes);
      const got = await call(client, service.unary.path, allBytes, metadata);
      is(got, status.OK);
      assert.deepEqual(got.answer, allBytes);
      assert.deepEqual(seen.metadata.get('x-token'), ['abc def']);
      assert.deepEqual(seen.metadata.get('x-many').join(', '), 'one, two');
      assert.deepEqual(seen.metadata.get('x-bytes-bin'), [allBytes]);
      assert.deepEqual(seen.metadata.get('via'), ['2.0 gwctl']);
      assert.deepEqual(got.initial.get('x-initial'), ['first']);
      assert.deepEqual(got.initial.get('x-bytes-bin'), [allBytes]);
      assert.deepEqual(got.status.metadata.get('x-trailing'), ['last']);
      assert.deepEqual(
          got.status.metadata.get('x-bytes-bin'),
          [Buffer.from([0, 1, 2]), Buffer.from([253, 254, 255])]);
    });
    await t.test(`large messages ${name}`, options, async () => {
      const large = Buffer.alloc(5 << 20, 'gRPC');
      const got = await call(client, service.unary.path, large);
      is(got, status.OK);
      assert.ok(got.answer.equals(large));
    });
    await t.test(`client streaming ${name}`, options, async () => {
      const answer = signal('the answer');
      const stream = client.collect((error, value) => answer.give([error, value]));
      const parts = Array.from({length: 200}, (_, i) => Buffer.alloc(1000, i));
      for (const part of parts) stream.write(part);
      stream.end();
      const [error, value] = await answer.wait();
      assert.equal(error, null);
      assert.ok(value.equals(Buffer.concat(parts)));
    });
    await t.test(`server streaming ${name}`, options, async () => {
      const request = Buffer.alloc(8);
      request.writeUInt32BE(100_000, 0);
      request.writeUInt32BE(40, 4);
      let number = 0;
      for await (const message of client.count(request)) {
        assert.ok(message.equals(Buffer.alloc(100_000, number++)));
      }
      assert.equal(number, 40);
    });
    await t.test(`both directions at once ${name}`, options, async () => {
      const stream = client.chat();
      for (let i = 0; i < 50; ++i) {  // the next is sent only when the last has come back
        const back = next(stream, 'data');
        stream.write(Buffer.from(`message ${i}`));
        assert.equal((await back).toString(), `message ${i}`);
      }
      const end = next(stream, 'status');
      stream.end();
      is({status: await end}, status.OK);
    });
  }

  await t.test('many calls on one connection', options, async () => {
    const answers = await Promise.all(Array.from(
        {length: 400}, (_, i) => call(plain, service.unary.path, Buffer.from(`call ${i}`))));
    answers.forEach((got, i) => {
      is(got, status.OK);
      assert.equal(got.answer.toString(), `call ${i}`);
    });
  });

  await t.test('the server\'s errors, with their details', options, async () => {
    for (const code of [status.NOT_FOUND, status.RESOURCE_EXHAUSTED, status.UNAUTHENTICATED]) {
      const got = await call(plain, service.fail.path, Buffer.from([code]));
      is(got, code, 'größer als 100 % \n');
      assert.deepEqual(got.status.metadata.get('grpc-status-details-bin'), [allBytes]);
    }
    const stream = plain.failLate(Buffer.alloc(0));
    stream.on('error', () => {});
    const end = next(stream, 'status');
    assert.equal((await next(stream, 'data')).toString(), 'one');
    is({status: await end}, status.DATA_LOSS, 'after a message');
  });

  await t.test('the gateway\'s own errors', options, async () => {
    is(await call(plain, '/interop.Nothing/Unary', allBytes), status.UNIMPLEMENTED, 'Not Found');
    is(await call(secure, '/interop.Nothing/Unary', allBytes), status.UNIMPLEMENTED, 'Not Found');
    is(await call(plain, '/interop.Dead/Unary', allBytes), status.UNAVAILABLE,
       'Service Unavailable');
    is(await call(plain, '/interop.Small/Unary', Buffer.alloc(4096)), status.RESOURCE_EXHAUSTED,
       'Content Too Large');
  });

  await t.test('a server that breaks off', options, async () => {
    const before = call(plain, '/interop.Broken/Unary', allBytes);
    (await broken.stream()).stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    is(await before, status.UNAVAILABLE, 'Bad Gateway');
    const ways = [(stream) => stream.session.destroy(), (stream) => stream.destroy(new Error('x'))];
    for (const breakOff of ways) {
      const stream = bidi('/interop.Broken/Chat');
      const end = next(stream, 'status');
      const {stream: serverSide} = await broken.stream();
      serverSide.respond({':status': 200, 'content-type': 'application/grpc'});
      serverSide.write(Buffer.from([0, 0, 0, 0, 2, 104, 105]));
      assert.equal((await next(stream, 'data')).toString(), 'hi');
      breakOff(serverSide);
      is({status: await end}, status.UNAVAILABLE, 'Bad Gateway');
    }
  });

  await t.test('the client\'s deadline, kept by the gateway', options, async () => {
    const metadata = new grpc.Metadata();
    metadata.set('grpc-timeout', '300m');  // by hand: grpc-js itself would not wait for the answer
    const got = call(plain, '/interop.Broken/Unary', allBytes, metadata);
    const {headers, end} = await broken.stream();
    assert.equal(headers['grpc-timeout'], '300m');
    is(await got, status.DEADLINE_EXCEEDED, 'Gateway Timeout');
    assert.equal(await end.wait(), http2.constants.NGHTTP2_CANCEL);
    const late = new Date(Date.now() + 15_000);
    is(await call(plain, service.unary.path, allBytes, undefined, {deadline: late}), status.OK);
    assert.ok(Math.abs(seen.deadline - late) < 2_000, `${seen.deadline} is not ${late}`);
  });

  await t.test('a deadline that passes within an answer', options, async () => {
    const metadata = new grpc.Metadata();
    metadata.set('grpc-timeout', '700m');
    const stream = plain.makeBidiStreamRequest('/interop.Broken/Chat', asIs, asIs, metadata);
    stream.on('error', () => {});
    const ended = next(stream, 'status');
    const {stream: serverSide, end} = await broken.stream();
    serverSide.respond({':status': 200, 'content-type': 'application/grpc'});
    serverSide.write(Buffer.from([0, 0, 0, 0, 2, 104, 105]));
    assert.equal((await next(stream, 'data')).toString(), 'hi');
    is({status: await ended}, status.DEADLINE_EXCEEDED, 'Gateway Timeout');
    assert.equal(await end.wait(), http2.constants.NGHTTP2_CANCEL);
  });

  await t.test('times of the gateway', options, async () => {
    const later = {deadline: Date.now() + 15_000};
    is(await call(plain, '/interop.Hurried/Unary', allBytes, undefined, later),
       status.DEADLINE_EXCEEDED, 'Gateway Timeout');
    await broken.stream();
    seen.called = signal('the call');
    seen.cancelled = signal('the cancellation');
    is(await call(plain, '/interop.Short/Patient', allBytes, undefined, later),
       status.DEADLINE_EXCEEDED, 'Gateway Timeout');
    await seen.cancelled.wait();
    const stream = bidi('/interop.Short/Chat', later);
    const end = next(stream, 'status');
    stream.write(allBytes);
    assert.deepEqual(await next(stream, 'data'), allBytes);
    is({status: await end}, status.DEADLINE_EXCEEDED, 'Gateway Timeout');
  });

  await t.test('what moves in one direction only is not idle', options, async () => {
    const later = {deadline: Date.now() + 15_000};
    seen.cancelled = signal('the cancellation');
    const down = bidi('/interop.Idle/Hold', later);  // the server speaks, the client is silent
    const downEnd = next(down, 'status');
    let heard = 0;
    const enough = signal('messages');
    down.on('data', () => (++heard === 15 ? enough.give() : undefined));
    down.write(Buffer.from('tick'));
    await enough.wait();
    clearInterval(seen.ticker);
    is({status: await downEnd}, status.DEADLINE_EXCEEDED, 'Gateway Timeout');  // then both are
    await seen.cancelled.wait();
    seen.messages = 0;
    const up = bidi('/interop.Idle/Hold', later);  // and the other way round
    const upEnd = next(up, 'status');
    up.resume();
    for (let i = 0; i < 15; ++i) {
      up.write(Buffer.from('tock'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    up.end(Buffer.from('end'));
    is({status: await upEnd}, status.OK);
    assert.equal(seen.messages, 16);
  });

  await t.test('a client that cancels', options, async () => {
    for (const before of [true, false]) {  // the first byte of an answer
      seen.called = signal('the call');
      seen.cancelled = signal('the cancellation');
      const running = before ? plain.patient(allBytes, () => {}) : bidi('/interop.Echo/Hold');
      const end = next(running, 'status');
      await (before ? seen.called.wait() : next(running, 'metadata'));
      running.cancel();
      is({status: await end}, status.CANCELLED);
      await seen.cancelled.wait();
    }
  });

  plain.close();
  secure.close();
  broken.stop();
  const {status: ended, lines} = await gateway.stop();
  server.forceShutdown();
  assert.equal(ended, 0);
  assert.deepEqual(lines.filter((line) => line.error === 'internal'), []);
  assert.ok(lines.length > 400);
});
