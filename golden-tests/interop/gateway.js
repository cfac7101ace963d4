// The gateway as a process of its own, for tests that are written for Node. run.py starts them.
'use strict';
const childProcess = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const SECONDS = 20;
const running = new Set();

// Whatever ends the test, also a failure before its clean-up, ends what it started.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gwctl-interop-'));
  process.on('exit', () => fs.rmSync(folder, {recursive: true, force: true}));
  return folder;
}

// Serves `document` (the text of a gateway document) with its own listeners, or with one in plain
// text. `ports` are those of the listeners, in their order.
async function startGateway(folder, document, {listeners = 1, workers = 2} = {}) {
  const file = path.join(folder, `gateway-${process.hrtime.bigint()}.yaml`);
  const log = `${file}.log`;
  fs.writeFileSync(file, document);
  const own = document.includes('listeners:') ? [] : ['--listen', '127.0.0.1:0'];
  const child = childProcess.spawn(
      process.env.GWCTL,
      ['serve', file, ...own, '--workers', String(workers), '--access-log', log, '--grace', '1s'],
      {stdio: ['ignore', 'ignore', 'pipe']});
  running.add(child);
  const ended = new Promise((resolve) => child.on('exit', (status, signal) => {
    running.delete(child);
    resolve(signal ?? status);
  }));
  const ports = [];
  const said = [];
  await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`the gateway did not start:\n${said.join('\n')}`)));
    readline.createInterface({input: child.stderr}).on('line', (line) => {
      said.push(line);
      const found = /listening .*address=127\.0\.0\.1:(\d+)/.exec(line);
      if (found) ports.push(Number(found[1]));
      if (ports.length === listeners) resolve();
    });
  });
  return {
    ports,
    port: ports[0],
    pid: child.pid,
    // Its exit status, and the lines of its access log.
    async stop() {
      child.kill('SIGTERM');
      const status = await ended;
      const lines = fs.readFileSync(log, 'utf8').split('\n').filter(Boolean).map(JSON.parse);
      return {status, lines};
    },
  };
}

// A certificate for `NAME.test`, signed by itself.
function makeCertificate(folder, name) {
  childProcess.execFileSync(
      'openssl',
      [
        'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
        '2', '-subj', `/CN=${name}.test`, '-addext', `subjectAltName=DNS:${name}.test`, '-keyout',
        path.join(folder, `${name}.key`), '-out', path.join(folder, `${name}.crt`)
      ],
      {stdio: 'ignore'});
  return fs.readFileSync(path.join(folder, `${name}.crt`));
}

// A promise that is settled from outside, and that a test waits for in place of time.
function signal(what) {
  let give;
  const given = new Promise((resolve) => {
    give = resolve;
  });
  const wait = () => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), SECONDS * 1000);
    });
    return Promise.race([given, late]).finally(() => clearTimeout(timer));
  };
  return {give, wait};
}

// The next event of an emitter, with a deadline.
function next(emitter, event) {
  const got = signal(event);
  emitter.once(event, got.give);
  return got.wait();
}

const options = {
  timeout: SECONDS * 1000
};

module.exports = {
  makeCertificate,
  next,
  options,
  signal,
  startGateway,
  temporaryFolder
};
