// Tokens by an independent signer, the module `jose`: every algorithm that the gateway knows, with
// keys that it fetches from a server; and what attackers make of tokens.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const {makeCertificate, options, startGateway, temporaryFolder} = require('./gateway');
const {
  ask,
  assertAccepted,
  assertRefused,
  changePart,
  decode,
  echo,
  encode,
  listen,
  serveJson,
  writeToken
} = require('./tokens');

const PUBLIC =
    ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA',
     'Ed25519'];
const SECRET = ['HS256', 'HS384', 'HS512'];
const ISSUER = 'urn:test:issuer';
const AUDIENCE = 'urn:test:shop';
const secret = crypto.randomBytes(32).toString('hex') + crypto.randomBytes(32).toString('hex');

const scheme = (more) => `
      type: http
      scheme: bearer
      x-gw: {issuer: '${ISSUER}', audiences: ['${AUDIENCE}'], clockSkew: 5s, ${more}}`;
const route = (name) => `
  /${name}:
    get:
      security: [{${name}: []}]
      responses: {'200': {description: ok}}`;
const document = (folder, upstream, keys) => `
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
x-gw:
  version: 1
  upstreams: {shop: {targets: ['http://127.0.0.1:${upstream}']}}
  defaults: {upstream: shop}
components:
  securitySchemes:
    all: ${scheme(`algorithms: [${PUBLIC.join(', ')}], jwks: '${keys}'`)}
    file: ${scheme(`algorithms: [${PUBLIC.join(', ')}], jwks: {file: '$file.${folder}/keys.json'}`)}
    es256: ${scheme(`algorithms: [ES256], jwks: '${keys}'`)}
    shared: ${scheme(`algorithms: [${SECRET.join(', ')}], secret: '$file.${folder}/secret'`)}
paths:
${['all', 'file', 'es256', 'shared'].map(route).join('')}
`;

const seconds = () => Math.floor(Date.now() / 1000);
const goodClaims = () =>
    ({iss: ISSUER, aud: AUDIENCE, sub: 'ada', iat: seconds(), exp: seconds() + 300});

// A signature by Node itself, for tokens that `jose` refuses to make.
const rs256 = (key) => (text) => crypto.sign('sha256', Buffer.from(text), key);
const es256 = (key) => (text) =>
    crypto.sign('sha256', Buffer.from(text), {key, dsaEncoding: 'ieee-p1363'});

// The same length, another text, equal bytes: base64 leaves bits of the last character unused.
function withTrailingBits(text) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(text.at(-1));
  const changed = text.slice(0, -1) + alphabet[last ^ 1];
  const bytes = Buffer.from(text, 'base64url');
  return Buffer.from(changed, 'base64url').equals(bytes) ? changed : undefined;
}

test('tokens by jose', {timeout: 100_000}, async (t) => {
  const jose = await import('jose');
  const folder = temporaryFolder();
  const keys = {};
  for (const alg of PUBLIC) {
    const pair = await jose.generateKeyPair(alg, {extractable: true});
    const jwk = await jose.exportJWK(pair.publicKey);
    keys[alg] = {...pair, jwk: {...jwk, kid: alg, alg, use: 'sig'}};
  }
  const keySet = {keys: Object.values(keys).map(({jwk}) => jwk)};
  const issuer = await listen(serveJson(keySet));
  const upstream = await listen(echo);
  fs.writeFileSync(path.join(folder, 'keys.json'), JSON.stringify(keySet));
  fs.writeFileSync(path.join(folder, 'secret'), `${secret}\n`);
  const {port, stop} =
      await startGateway(folder, document(folder, upstream.port, `${issuer.url}/keys`));
  const sign = (alg, key, claims = goodClaims(), header = {kid: alg}) =>
      new jose.SignJWT(claims).setProtectedHeader({alg, ...header}).sign(key);
  const signKnown = (alg, ...rest) => sign(alg, keys[alg].privateKey, ...rest);
  // The keys as Node has them, for signatures over anything.
  const rsaKey = crypto.KeyObject.from(keys.RS256.privateKey);
  const ecKey = crypto.KeyObject.from(keys.ES256.privateKey);
  const refused = async (token, why, at = '/all') =>
      assertRefused(await ask(port, at, token), why, token);

  for (const alg of PUBLIC) {
    await t.test(`${alg}`, options, async () => {
      const token = await signKnown(alg);
      await assertAccepted(port, '/all', token);
      await assertAccepted(port, '/file', token);
      await assertAccepted(
          port, '/all', await signKnown(alg, goodClaims(), {kid: alg, typ: 'JWT'}));
      await assertAccepted(port, '/all', await signKnown(alg, goodClaims(), {}));  // no kid

      const stranger = await jose.generateKeyPair(alg);
      await refused(await sign(alg, stranger.privateKey), /signature/);
      await refused(await sign(alg, stranger.privateKey, goodClaims(), {}), /signature/);
      const ends = [
        (bytes) => bytes.subarray(1), (bytes) => bytes.subarray(0, -1),
        (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]),
        (bytes) => Buffer.concat([Buffer.alloc(1), bytes]),
        (bytes) => Buffer.concat([bytes, bytes]), (bytes) => Buffer.alloc(bytes.length),
        (bytes) => Buffer.alloc(bytes.length, 0xff), () => Buffer.alloc(1)
      ];
      for (const end of ends) await refused(changePart(token, 2, end), /signature/);
      for (const index of [0, 1]) {
        await refused(changePart(token, index, (bytes) => {
                        bytes[bytes.length - 2] ^= 1;
                      }), /signature|malformed/);
      }
    });

    await t.test(`${alg} with the header of another algorithm`, options, async () => {
      const [, claims, signature] = (await signKnown(alg)).split('.');
      for (const other of [...PUBLIC, ...SECRET, 'none', 'ES256K', alg.toLowerCase(), 'RSA-OAEP']) {
        if (other === alg) continue;
        for (const kid of [alg, other]) {
          await refused(
              `${encode({alg: other, kid})}.${claims}.${signature}`,
              /signature|not for its algorithm|not allowed|not known/);
        }
      }
    });
  }

  for (const alg of SECRET) {
    await t.test(`${alg} with a secret, and with public keys`, options, async () => {
      const good = await sign(alg, Buffer.from(secret), goodClaims(), {});
      await assertAccepted(port, '/shared', good);
      await assertAccepted(port, '/shared', await sign(alg, Buffer.from(secret)));  // with a kid
      await refused(good, /not allowed/);
      await refused(
          await sign(alg, Buffer.from(secret.replace(/^./, 'x')), goodClaims(), {}), /signature/,
          '/shared');
      for (const {publicKey, jwk} of Object.values(keys)) {
        for (const text of [await jose.exportSPKI(publicKey), JSON.stringify(jwk)]) {
          const confused = await sign(alg, Buffer.from(text), goodClaims(), {kid: jwk.kid});
          await refused(confused, /not allowed/);
          await refused(confused, /not known/, '/shared');  // no secret has that kid
          await refused(
              await sign(alg, Buffer.from(text), goodClaims(), {}), /signature/, '/shared');
        }
      }
    });
  }

  await t.test('an algorithm that is not in the list of the scheme', options, async () => {
    await assertAccepted(port, '/es256', await signKnown('ES256'));
    for (const alg of PUBLIC) {
      if (alg !== 'ES256') await refused(await signKnown(alg), /not allowed/, '/es256');
    }
  });

  await t.test('the same signature in DER is no signature', options, async () => {
    const text = `${encode({alg: 'ES256', kid: 'ES256'})}.${encode(goodClaims())}`;
    const der = crypto.sign('sha256', Buffer.from(text), ecKey).toString('base64url');
    await refused(`${text}.${der}`, /signature/);
    const raw = es256(ecKey)(text).toString('base64url');
    await assertAccepted(port, '/all', `${text}.${raw}`);
  });

  await t.test('r or s of zero, or the order of the curve', options, async () => {
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const zero = '0'.repeat(64);
    for (const hex of [zero + zero, order + order, zero + order, order + zero]) {
      await refused(
          writeToken({alg: 'ES256', kid: 'ES256'}, goodClaims(), () => Buffer.from(hex, 'hex')),
          /signature/);
    }
  });

  await t.test('kid of all kinds', options, async () => {
    const good = await signKnown('RS256');
    const [, claims, signature] = good.split('.');
    const strings = [
      '../../../../dev/null',
      '/etc/passwd',
      '..\\..\\x',
      `file://${folder}/secret`,
      'RS256\u0000',
      'RS256/',
      'rs256',
      ' RS256',
      'x\' UNION SELECT \'secret',
      '\'; DROP TABLE keys; --',
      '$(id)',
      '| sleep 5',
      '{{7*7}}',
      '%s%s%s%n',
      '',
      '\r\nX-Injected: 1',
      'ключ',
      '"',
      '\\',
      '\ud800',
    ];
    for (const kid of strings) {
      const token = `${encode(JSON.stringify({alg: 'RS256', kid}))}.${claims}.${signature}`;
      await refused(token, /invalid_token/);
      await refused(
          writeToken(
              {alg: 'HS256', kid}, goodClaims(),
              (text) => crypto.createHmac('sha256', '').update(text).digest()),
          /not allowed|malformed/);
    }
    for (const kid of [1, null, true, ['RS256'], {RS256: 1}]) {
      await refused(writeToken({alg: 'RS256', kid}, goodClaims(), rs256(rsaKey)), /malformed/);
    }
    await refused(
        writeToken({alg: 'RS256', kid: 'k'.repeat(2000)}, goodClaims(), rs256(rsaKey)),
        /malformed/);
    await assertAccepted(port, '/all', good);
  });

  await t.test('keys that come with the token are not looked at', options, async (u) => {
    const evil = crypto.generateKeyPairSync('rsa', {modulusLength: 2048});
    const jwk = {...evil.publicKey.export({format: 'jwk'}), kid: 'RS256', alg: 'RS256'};
    const trap = await listen(serveJson({keys: [jwk]}));
    u.after(trap.stop);
    const evilEc = makeCertificate(folder, 'evil');
    const der = evilEc.toString().replace(/-----[^-]+-----|\s/g, '');
    const certificateKey = crypto.createPrivateKey(fs.readFileSync(path.join(folder, 'evil.key')));
    const offers = [
      {jwk},
      {jku: `${trap.url}/keys`},
      {x5u: `${trap.url}/x5u`},
      {jwk, jku: `${trap.url}/keys`},
      {jku: `${issuer.url}@127.0.0.1:${trap.port}/keys`},
      {jku: 'file:///dev/null'},
    ];
    for (const offer of offers) {
      for (const kid of ['RS256', 'evil', undefined]) {
        await refused(
            writeToken({alg: 'RS256', kid, ...offer}, goodClaims(), rs256(evil.privateKey)),
            kid === 'evil' ? /not known/ : /signature/);
      }
    }
    for (const kid of ['ES256', 'evil', undefined]) {
      await refused(
          writeToken(
              {alg: 'ES256', kid, x5c: [der], 'x5t#S256': 'x'}, goodClaims(),
              es256(certificateKey)),
          kid === 'evil' ? /not known/ : /signature/);
    }
    assert.equal(trap.counts.size, 0);
    // They are no reason to refuse what is right otherwise.
    await assertAccepted(
        port, '/all',
        writeToken(
            {alg: 'RS256', kid: 'RS256', jku: `${trap.url}/keys`, jwk}, goodClaims(),
            rs256(rsaKey)));
    assert.equal(trap.counts.size, 0);
  });

  await t.test('crit and b64', options, async () => {
    const more = [
      {crit: ['exp'], exp: seconds() + 300},
      {crit: ['b64'], b64: true},
      {crit: ['b64'], b64: false},
      {crit: ['urn:x'], 'urn:x': true},
      {crit: []},
      {crit: 'b64'},
      {crit: null},
      {crit: ['alg']},
      {b64: false},
      {b64: true},
    ];
    for (const fields of more) {
      await refused(
          writeToken({alg: 'RS256', kid: 'RS256', ...fields}, goodClaims(), rs256(rsaKey)),
          /extension/);
    }
    // Unencoded, as RFC 7797 has it.
    const header = encode({alg: 'RS256', kid: 'RS256', b64: false, crit: ['b64']});
    const text = JSON.stringify(goodClaims()).replaceAll('.', '_');
    const signature = rs256(rsaKey)(`${header}.${text}`).toString('base64url');
    await refused(`${header}.${text}.${signature}`, /extension|malformed/);
  });

  await t.test('members twice', options, async () => {
    const claims = JSON.stringify(goodClaims());
    const twice = (text, member) => text.replace(/^\{/, `{${member},`);
    const payloads = [
      twice(claims, `"sub":"root"`),
      twice(claims, `"exp":${seconds() + 300}`),
      twice(claims, `"aud":"x"`),
      twice(claims, `"\\u0073ub":"root"`),
      twice(claims, `"more":{"a":1,"a":2}`),
    ];
    for (const payload of payloads) {
      await refused(
          writeToken({alg: 'RS256', kid: 'RS256'}, payload, rs256(rsaKey)), /claims.*malformed/);
    }
    for (const member of ['"alg":"RS256"', '"alg":"none"', '"kid":"x"', '"\\u0061lg":"RS256"']) {
      await refused(
          writeToken(twice('{"alg":"RS256","kid":"RS256"}', member), goodClaims(), rs256(rsaKey)),
          /header.*malformed/);
    }
  });

  await t.test('claims that are wrong, well signed', options, async () => {
    const now = seconds();
    const cases = [
      [{exp: undefined}, /expires/],
      [{exp: now - 6}, /expired/],
      [{exp: 0}, /expired/],
      [{exp: -1}, /expired/],
      [{exp: String(now + 300)}, /malformed/],
      [{exp: null}, /malformed/],
      [{exp: [now + 300]}, /malformed/],
      [{exp: true}, /malformed/],
      [{nbf: now + 60}, /not valid yet/],
      [{nbf: 'x'}, /malformed/],
      [{iat: now + 60}, /in the future/],
      [{iat: {}}, /malformed/],
      [{aud: 'urn:test:bank'}, /audience/],
      [{aud: undefined}, /audience/],
      [{aud: []}, /audience/],
      [{aud: ['urn:test:bank', 'x']}, /audience/],
      [{aud: null}, /audience/],
      [{aud: {[AUDIENCE]: 1}}, /audience/],
      [{aud: [[AUDIENCE]]}, /audience/],
      [{aud: `${AUDIENCE} urn:test:bank`}, /audience/],
      [{aud: AUDIENCE.toUpperCase()}, /audience/],
      [{iss: undefined}, /issuer/],
      [{iss: `${ISSUER}/`}, /issuer/],
      [{iss: [ISSUER]}, /issuer/],
      [{iss: ISSUER.toUpperCase()}, /issuer/],
      [{iss: `${ISSUER}\u0000`}, /issuer/],
    ];
    for (const [change, why] of cases) {
      await refused(
          writeToken({alg: 'RS256', kid: 'RS256'}, {...goodClaims(), ...change}, rs256(rsaKey)),
          why);
    }
    for (const text
             of ['[]', '"x"', 'null', '', '{', '{}x', '{"exp":1e400}', '\ufeff{}',
                 `{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`]) {
      await refused(writeToken({alg: 'RS256', kid: 'RS256'}, text, rs256(rsaKey)), /invalid_token/);
    }
    for (const change
             of [{aud: ['urn:test:bank', AUDIENCE]}, {exp: now + 0.5 + 60}, {nbf: now}, {exp: 1e12},
                 {iat: undefined}]) {
      await assertAccepted(
          port, '/all',
          writeToken({alg: 'RS256', kid: 'RS256'}, {...goodClaims(), ...change}, rs256(rsaKey)));
    }
    const utf8 = Buffer.concat([
      Buffer.from('{"sub":"'), Buffer.from([0xc3, 0x28]),
      Buffer.from(`",${JSON.stringify(goodClaims()).slice(1)}`)
    ]);
    const text = `${encode({alg: 'RS256', kid: 'RS256'})}.${utf8.toString('base64url')}`;
    await refused(`${text}.${rs256(rsaKey)(text).toString('base64url')}`, /claims.*malformed/);
  });

  await t.test('other texts for the same bytes', options, async () => {
    const good = await signKnown('RS256');
    await assertAccepted(port, '/all', good);
    let met = 0;
    for (const alg of PUBLIC) {
      const token = await signKnown(alg);
      const text = withTrailingBits(token.split('.')[2]);
      if (text === undefined) continue;
      ++met;
      await assertAccepted(port, '/all', token);  // a cache has it now
      await refused([...token.split('.').slice(0, 2), text].join('.'), /malformed|signature/);
    }
    assert.ok(met >= 5);
    // Signed as it is written, so that nothing but the spelling is wrong.
    for (const pad of [' ', '  ', '   ']) {
      const claims = encode(`${JSON.stringify(goodClaims())}${pad}`);
      const changed = withTrailingBits(claims);
      if (changed === undefined) continue;
      const text = `${encode({alg: 'RS256', kid: 'RS256'})}.${changed}`;
      await refused(`${text}.${rs256(rsaKey)(text).toString('base64url')}`, /malformed/);
    }
    const [header, claims, signature] = good.split('.');
    const spelt = [
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}=.${signature}`,
      `${header}.${claims}.${signature}=`,
      `${header}.${claims}.${signature}==`,
      `${header}.${claims}.${signature}.`,
      `.${header}.${claims}.${signature}`,
      `${header}.${claims}`,
      `${header}..${signature}`,
      `.${claims}.${signature}`,
      '.',
      '..',
      '...',
      `${header}.${claims}.${signature}.${signature}.${signature}`,
      `${header}. ${claims}.${signature}`,
      `${header}.${claims}.+${signature.slice(1)}`,
      `${header}.${claims}./${signature.slice(1)}`,
      `${header}.${claims}.${signature}A`,
      `"${good}"`,
      `${good},${good}`,
      `${good} ${good}`,
      `Bearer ${good}`,
    ];
    for (const text of spelt) {
      const got = await ask(port, '/all', text);
      assert.equal(got.status, 401, text);
    }
  });

  await t.test('where the token stands', options, async () => {
    const good = await signKnown('RS256');
    const none = await ask(port, `/all?access_token=${good}`);
    assert.equal(none.status, 401);
    assert.equal(none.challenge, 'Bearer realm="Shop"');
    for (const fields
             of [[['authorization', `Bearer ${good}`]], [['authorization', `bearer ${good}`]],
                 [['Authorization', `BEARER ${good}`]]]) {
      assert.equal((await ask(port, '/all', undefined, fields)).status, 200);
    }
    for (const fields
             of [[['authorization', good]], [['authorization', `Basic ${good}`]],
                 [['authorization', `Bearer${good}`]], [['cookie', `authorization=${good}`]],
                 [['x-authorization', `Bearer ${good}`]],
                 [['authorization', `Bearer ${good}`], ['authorization', 'Bearer x']],
                 [['authorization', 'Bearer x'], ['authorization', `Bearer ${good}`]]]) {
      assert.equal((await ask(port, '/all', undefined, fields)).status, 401, fields[0][0]);
    }
  });

  await t.test('tokens of all sizes', options, async () => {
    const sized = (size) => writeToken(
        {alg: 'RS256', kid: 'RS256'}, {...goodClaims(), more: 'x'.repeat(size)}, rs256(rsaKey));
    await assertAccepted(port, '/all', sized(5000));
    await refused(sized(7000), /too large/);
    await refused(
        writeToken(
            {alg: 'RS256', kid: 'RS256', more: 'x'.repeat(4000)}, goodClaims(), rs256(rsaKey)),
        /too large/);
    assert.ok([400, 431].includes((await ask(port, '/all', sized(200_000))).status));
    await refused('A'.repeat(8000), /malformed/);
    await refused('.'.repeat(8000), /malformed/);
    // A JWE has five parts.
    const jwe = await new jose.CompactEncrypt(Buffer.from(JSON.stringify(goodClaims())))
                    .setProtectedHeader({alg: 'RSA-OAEP', enc: 'A256GCM'})
                    .encrypt(await jose.importJWK(keys.RS256.jwk, 'RSA-OAEP'));
    await refused(jwe, /encrypted/);
    assert.equal(decode(jwe.split('.')[0]).alg, 'RSA-OAEP');
  });

  const {status, lines} = await stop();
  assert.equal(status, 0);
  assert.deepEqual(lines.filter((line) => line.status >= 500), []);
  assert.ok(!JSON.stringify(lines).includes(secret));
  assert.ok(issuer.counts.get('/keys') <= 2, 'asked again for each unknown key');
  await issuer.stop();
  await upstream.stop();
});
