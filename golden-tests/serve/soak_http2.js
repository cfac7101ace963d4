// HTTP/2 for soak.py, by Node, over TLS with ALPN: soak_http2.js PORT CERTIFICATE
//
// Knows nothing of what is right: requests come as lines of JSON, answers go as such, piece by piece.
//   in:  {id, method, path, headers, body} (body in base64 or null), {cancel: id}
//   out: {id, status, headers}, {id, data} (base64), {id, end: true}, {id, error}
// Bodies in br are decoded here, as Python has no decoder for it.
'use strict';

const fs = require('fs');
const http2 = require('http2');
const readline = require('readline');
const zlib = require('zlib');

const kRequestsPerSession = 300; // so that connections come and go
const [port, certificate] = process.argv.slice(2);
const ca = fs.readFileSync(certificate);
const streams = new Map();
let session = null;
let left = 0;

function tell(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

function open() {
  const made = http2.connect(`https://127.0.0.1:${port}`, {ca});
  made.setMaxListeners(0);
  made.on('error', () => {}); // each of its streams tells
  const leave = () => {
    if (session === made) session = null;
  };
  made.on('goaway', leave);
  made.on('close', leave);
  return made;
}

function current() {
  if (session !== null && left === 0) {
    session.close(); // ends when its last stream has
    session = null;
  }
  if (session === null) {
    session = open();
    left = kRequestsPerSession;
  }
  left -= 1;
  return session;
}

function ask({id, method, path, headers, body}) {
  const stream = current().request({...headers, ':method': method, ':path': path},
                                   {endStream: body === null});
  streams.set(id, stream);
  let decoder = null;
  let ended = false;
  const done = (message) => {
    if (ended) return;
    ended = true;
    streams.delete(id);
    tell({id, ...message});
  };
  stream.on('response', (fields) => {
    const told = Object.fromEntries(Object.entries(fields).filter(([name]) => name[0] !== ':'));
    tell({id, status: fields[':status'], headers: told});
    if (fields['content-encoding'] === 'br') {
      decoder = zlib.createBrotliDecompress();
      decoder.on('data', (data) => tell({id, data: data.toString('base64')}));
      decoder.on('error', (problem) => done({error: `not br: ${problem.message}`}));
      decoder.on('end', () => done({end: true}));
    }
    // Not before: Node may have data before it tells of the head.
    stream.on('data', (data) => {
      if (decoder) decoder.write(data);
      else tell({id, data: data.toString('base64')});
    });
  });
  stream.on('error', (problem) => done({error: problem.message}));
  stream.on('aborted', () => done({error: 'aborted'}));
  stream.on('end', () => {
    if (decoder && !stream.aborted && !stream.rstCode) decoder.end();
  });
  stream.on('close', () => {
    if (stream.rstCode) done({error: `reset ${stream.rstCode}`});
    else if (stream.aborted || !stream.readableEnded) done({error: 'closed'});
    else if (!decoder) done({end: true});
  });
  if (body !== null) stream.end(Buffer.from(body, 'base64'));
}

readline.createInterface({input: process.stdin}).on('line', (line) => {
  const order = JSON.parse(line);
  if (order.cancel === undefined) ask(order);
  else streams.get(order.cancel)?.close(http2.constants.NGHTTP2_CANCEL);
}).on('close', () => process.exit(0));
