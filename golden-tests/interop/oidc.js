// An OpenID Connect provider that is certified as one, `oidc-provider`, whose tokens the gateway
// checks: discovery, key sets, rotation, and times when the provider is not there.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const test = require('node:test');
const {options, startGateway, temporaryFolder} = require('./gateway');
const {
  ask,
  assertAccepted,
  assertRefused,
  changePart,
  decode,
  echo,
  encode,
  listen,
  request,
  until
} = require('./tokens');

const SHOP = 'urn:test:shop';
const BANK = 'urn:test:bank';
const BRIEF = 'urn:test:brief';  // tokens for it, which the shop takes too, live for a second
const SCOPES = 'users:read users:write';
const WELL_KNOWN = '/.well-known/openid-configuration';

function makeKey(kid) {
  const pair = crypto.generateKeyPairSync('rsa', {modulusLength: 2048});
  return {
    publicKey: pair.publicKey,
    jwk: {...pair.privateKey.export({format: 'jwk'}), kid, use: 'sig', alg: 'RS256'}
  };
}

// The provider, at the port that it has had before or at any. `counts` of its paths.
async function startProvider(key, port = 0) {
  const {Provider} = await import('oidc-provider');
  const server = await listen(() => {}, port);
  const provider = new Provider(server.url, {
    jwks: {keys: [key.jwk]},
    clients: [{
      client_id: 'app',
      client_secret: 'a-secret-of-the-test',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    scopes: SCOPES.split(' '),
    features: {
      devInteractions: {enabled: false},
      clientCredentials: {enabled: true},
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: SCOPES,
          audience: resource === BRIEF ? SHOP : resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: resource === BRIEF ? 1 : 600,
          jwt: {sign: {alg: 'RS256'}},
        }),
      },
    },
  });
  provider.on('server_error', (ctx, error) => console.error(error));
  server.answer(provider.callback());
  return {
    ...server,
    async token(scope = SCOPES, resource = SHOP) {
      const form = new URLSearchParams({grant_type: 'client_credentials', resource, scope});
      const headers = {
        'authorization': `Basic ${btoa('app:a-secret-of-the-test')}`,
        'content-type': 'application/x-www-form-urlencoded'
      };
      const answer = await request(server.port, 'POST', '/token', headers, form.toString());
      assert.equal(answer.status, 200, answer.body);
      return JSON.parse(answer.body).access_token;
    },
  };
}

const document = (issuer, upstream) => `
openapi: 3.1.0
info: {title: Shop, version: 1.0.0}
x-gw:
  version: 1
  upstreams: {shop: {targets: ['http://127.0.0.1:${upstream}']}}
  defaults: {upstream: shop}
components:
  securitySchemes:
    idp:
      type: openIdConnect
      openIdConnectUrl: ${issuer}${WELL_KNOWN}
      x-gw: {audiences: ['${SHOP}'], algorithms: [RS256], typ: at+jwt, clockSkew: 0s}
paths:
  /read:
    get:
      security: [{idp: ['users:read']}]
      responses: {'200': {description: ok}}
  /write:
    get:
      security: [{idp: ['users:read', 'users:write']}]
      responses: {'200': {description: ok}}
`;

test('tokens of an OpenID provider', {timeout: 90_000}, async (t) => {
  const folder = temporaryFolder();
  const upstream = await listen(echo);
  const first = makeKey('first');
  const provider = await startProvider(first);
  const gateway = await startGateway(folder, document(provider.url, upstream.port));
  const at = (path, token) => ask(gateway.port, path, token);
  const token = await provider.token();

  await t.test('one that is right is accepted, and forwarded', options, async () => {
    assert.equal(decode(token.split('.')[0]).kid, 'first');
    for (let i = 0; i < 5; ++i) {
      const got = await at('/write', token);
      assert.equal(got.status, 200, got.challenge);
      assert.equal(JSON.parse(got.body).headers.authorization, `Bearer ${token}`);
    }
  });

  await t.test('without one there is a challenge that names no error', options, async () => {
    const got = await at('/write');
    assert.equal(got.status, 401);
    assert.equal(got.challenge, 'Bearer realm="Shop", scope="users:read users:write"');
  });

  await t.test('one for another audience is refused', options, async () => {
    const other = await provider.token(SCOPES, BANK);
    assert.equal(decode(other.split('.')[1]).aud, BANK);
    assertRefused(await at('/read', other), /another audience/, other);
  });

  await t.test('one that has expired is refused, also where it was known', options, async () => {
    const brief = await until(
        'a token that lives until it is used', () => provider.token(SCOPES, BRIEF),
        async (made) => (await at('/read', made)).status === 200);
    const got = await until(
        'the end of a token', () => at('/read', brief), (answer) => answer.status !== 200);
    assertRefused(got, /has expired/, brief);
  });

  await t.test('one that was tampered with is refused', options, async () => {
    for (const index of [0, 1]) {
      const changed = token.split('.');
      changed[index] = encode({...decode(changed[index]), sub: 'somebody else'});
      assertRefused(await at('/read', changed.join('.')), /signature/, changed.join('.'));
    }
    for (const place of [0, 100, -1]) {
      const broken = changePart(token, 2, (bytes) => {
        bytes[place < 0 ? bytes.length + place : place] ^= 1;
      });
      assertRefused(await at('/read', broken), /signature/, broken);
    }
  });

  await t.test('none, and HMAC with the public key, are refused', options, async () => {
    const [header, claims] = token.split('.');
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      const none = encode({...decode(header), alg});
      for (const end of ['', 'AA', token.split('.')[2]]) {
        const made = `${none}.${claims}.${end}`;
        assertRefused(await at('/read', made), end ? /not allowed/ : /malformed/, made);
      }
    }
    const spki = first.publicKey.export({format: 'pem', type: 'spki'});
    const pkcs1 = first.publicKey.export({format: 'pem', type: 'pkcs1'});
    const jwk = JSON.stringify(first.publicKey.export({format: 'jwk'}));
    for (const secret of [spki, spki.trim(), pkcs1, pkcs1.trim(), jwk, '']) {
      const text = `${encode({...decode(header), alg: 'HS256'})}.${claims}`;
      const tag = crypto.createHmac('sha256', secret).update(text).digest('base64url');
      assertRefused(await at('/read', `${text}.${tag}`), /not allowed/, `${text}.${tag}`);
    }
  });

  await t.test('a missing scope is 403 and is named', options, async () => {
    const reader = await provider.token('users:read');
    await assertAccepted(gateway.port, '/read', reader);
    const got = await at('/write', reader);
    assert.equal(got.status, 403);
    assert.equal(
        got.challenge,
        'Bearer realm="Shop", error="insufficient_scope", scope="users:read users:write"');
  });

  await t.test(
      'an ID that nobody has does not make the gateway ask for each', options, async () => {
        const before = provider.counts.get('/jwks');
        const [header, ...rest] = token.split('.');
        const made = Array.from(
            {length: 20},
            (_, i) => [encode({...decode(header), kid: `nobody-${i}`}), ...rest].join('.'));
        for (const got of await Promise.all(made.map((one) => at('/read', one)))) {
          assertRefused(got, /key of the token is not known/);
        }
        assert.equal(provider.counts.get('/jwks') - before, 1);
        await assertAccepted(gateway.port, '/read', token);
      });

  assert.equal((await gateway.stop()).status, 0);
  await provider.stop();
  await upstream.stop();
});

test('a provider that changes its key, and one that is away', {timeout: 90_000}, async (t) => {
  const folder = temporaryFolder();
  const upstream = await listen(echo);
  let provider = await startProvider(makeKey('first'));
  const {port: place, url} = provider;
  const gateway = await startGateway(folder, document(url, upstream.port));
  const old = [await provider.token(), await provider.token()];
  await assertAccepted(gateway.port, '/read', old[0]);

  await t.test(
      'the first token with a new key is accepted by all who bring one', options, async () => {
        await provider.stop();
        provider = await startProvider(makeKey('second'), place);
        const token = await provider.token();
        assert.equal(decode(token.split('.')[0]).kid, 'second');
        const answers =
            await Promise.all(Array.from({length: 8}, () => ask(gateway.port, '/read', token)));
        assert.deepEqual(answers.map((answer) => answer.status), Array(8).fill(200));
        assert.equal(provider.counts.get(WELL_KNOWN), 1);
        assert.equal(provider.counts.get('/jwks'), 1);
      });

  await t.test('those with the old key are refused from then on', options, async () => {
    for (const token of [...old, ...old]) {  // the first was known as good, the other not
      assertRefused(await ask(gateway.port, '/read', token), /key of the token is not known/);
    }
    assert.equal(provider.counts.get('/jwks'), 1);
  });

  await t.test('while it is away, tokens go on being accepted', options, async () => {
    const known = await provider.token();
    const unknown = await provider.token();
    await assertAccepted(gateway.port, '/read', known);
    await provider.stop();
    await assertAccepted(gateway.port, '/read', known);
    await assertAccepted(gateway.port, '/read', unknown);
  });

  await t.test(
      'a gateway that starts meanwhile says 503, and 200 when it is back', options, async () => {
        const late = await startGateway(folder, document(url, upstream.port));
        const made = old[0];  // nobody can say whether it is good
        assert.equal((await ask(late.port, '/read', made)).status, 503);
        assert.equal((await ask(late.port, '/read')).status, 401);
        provider = await startProvider(makeKey('third'), place);
        const token = await provider.token();
        const got = await until(
            'the keys of a provider that is back', () => ask(late.port, '/read', token),
            (answer) => answer.status !== 503);
        assert.equal(got.status, 200, got.challenge);
        assert.equal((await late.stop()).status, 0);
      });

  assert.equal((await gateway.stop()).status, 0);
  await provider.stop();
  await upstream.stop();
});
