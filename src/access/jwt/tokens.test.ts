import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { jwksFetcher, parseJwks } from './fetch-jwks.js';
import { IssuerKeys } from './issuer-keys.js';
import { looksLikeToken } from './looks-like-token.js';
import { TokenVerifier } from './token-verifier.js';

interface IssuerKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

async function issuerKey(kid: string, alg: 'RS256' | 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** A token issuer on a real socket. */
class FakeIssuer {
  keys: JWK[] = [];
  fetches = 0;
  answer: 'keys' | 'error' | 'redirect' | 'garbage' | 'too much' | 'no public key' = 'keys';
  readonly #server: Server = createServer((request, response) => {
    this.fetches++;
    if (this.answer === 'error') response.writeHead(500).end();
    else if (this.answer === 'redirect') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (this.answer === 'garbage') response.end('<html>');
    else if (this.answer === 'too much') response.end(' '.repeat(300 * 1024));
    else if (this.answer === 'no public key') response.end('{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}');
    else response.end(JSON.stringify({ keys: this.keys }));
    expect(request.url).toBe('/jwks');
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let rsa: IssuerKey;
let ec: IssuerKey;
let issuer: FakeIssuer;
let url: string;
let clock: ManualClock;
let facts: string[];
let keys: IssuerKeys;
let verifier: TokenVerifier;

beforeAll(async () => {
  rsa = await issuerKey('rsa-1', 'RS256');
  ec = await issuerKey('ec-1', 'ES256');
});
beforeEach(async () => {
  issuer = new FakeIssuer();
  issuer.keys = [rsa.jwk, ec.jwk];
  url = await issuer.start();
  clock = new ManualClock();
  facts = [];
  keys = new IssuerKeys({
    fetchJwks: jwksFetcher(url),
    cooldownMs: 30_000,
    staleIfErrorMs: 86_400_000,
    clock,
    observer: { jwksFetch: (result) => void facts.push(result) },
  });
  verifier = new TokenVerifier({
    issuer: 'https://issuer.test/',
    audience: 'predictions',
    algorithms: ['RS256', 'ES256'],
    keys,
    clock,
  });
});
afterEach(() => issuer.stop());

const seconds = (): number => Math.floor(clock.now() / 1000);

interface Making {
  readonly claims?: JWTPayload;
  readonly without?: readonly string[];
  readonly header?: Record<string, unknown>;
  readonly key?: IssuerKey;
}

function token({ claims = {}, without = [], header = {}, key = rsa }: Making = {}): Promise<string> {
  const payload: JWTPayload = {
    iss: 'https://issuer.test/',
    aud: 'predictions',
    sub: 'client-7',
    exp: seconds() + 3600,
    scope: 'openid predict:* models:read',
    ...claims,
  };
  for (const claim of without) delete payload[claim];
  const protectedHeader = { alg: key.jwk.alg ?? '', kid: key.jwk.kid ?? '', ...header };
  return new SignJWT(payload).setProtectedHeader(protectedHeader).sign(key.privateKey);
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a good token', () => {
  it('names its caller, with the scopes that are ours', async () => {
    const principal = { id: 'token:client-7', clientId: 'client-7', scopes: ['predict:*', 'models:read'] };
    expect(await verifier.verify(await token())).toEqual(principal);
    expect(await verifier.verify(await token({ key: ec, header: { typ: 'at+jwt' } }))).toEqual(principal);
  });

  it.each([
    [{ scp: ['predict:a', 'admin', 3], scope: 'admin' }, ['admin', 'predict:a']],
    [{ scp: 'metrics:read' }, ['metrics:read']],
    [{ scp: { admin: true } }, []],
  ])('takes scopes from scope and scp: %j', async (claims, scopes) => {
    const good = await token({ claims, without: 'scope' in claims ? [] : ['scope'] });
    expect(await verifier.verify(good)).toMatchObject({ scopes });
  });

  it('is answered without a promise when it comes again, until it expires', async () => {
    const good = await token({ claims: { exp: seconds() + 60 } });
    await verifier.verify(good);
    expect(verifier.verify(good)).toMatchObject({ clientId: 'client-7' });
    expect(issuer.fetches).toBe(1);
    clock.advance(66_000);
    expect(await verifier.verify(good)).toBe('token_expired');
  });
});

describe('demand 3: a token is refused', () => {
  const cases: readonly [string, () => Promise<string>, string][] = [
    ['expired', () => token({ claims: { exp: seconds() - 10 } }), 'token_expired'],
    ['not valid yet', () => token({ claims: { nbf: seconds() + 60 } }), 'token_invalid'],
    ['of another issuer', () => token({ claims: { iss: 'https://other.test/' } }), 'token_invalid'],
    ['for another audience', () => token({ claims: { aud: ['others'] } }), 'token_invalid'],
    ['without exp', () => token({ without: ['exp'] }), 'token_invalid'],
    ['without iss', () => token({ without: ['iss'] }), 'token_invalid'],
    ['without aud', () => token({ without: ['aud'] }), 'token_invalid'],
    ['without sub', () => token({ without: ['sub'] }), 'token_invalid'],
    ['with an endless sub', () => token({ claims: { sub: 'x'.repeat(257) } }), 'token_invalid'],
    ['of another type', () => token({ header: { typ: 'logout+jwt' } }), 'token_invalid'],
    ['of an unknown key', () => token({ header: { kid: 'nobody' } }), 'token_invalid'],
    ['with a critical extension', () => token({ header: { crit: ['exp'] } }).catch(() => 'eyJ.e30.x'), 'token_invalid'],
    ['too large', () => token({ claims: { filler: 'x'.repeat(9000) } }), 'token_invalid'],
    [
      'unsigned',
      () => Promise.resolve(`${base64url({ alg: 'none' })}.${base64url({ sub: 'a', exp: seconds() + 60 })}.`),
      'token_invalid',
    ],
    ['that is garbage', () => Promise.resolve('eyJ.eyJ.eyJ'), 'token_invalid'],
    [
      'with a changed claim',
      async () => {
        const [header, , signature] = (await token()).split('.');
        const claims = { iss: 'https://issuer.test/', aud: 'predictions', sub: 'root', exp: seconds() + 60 };
        return `${header}.${base64url(claims)}.${signature}`;
      },
      'token_invalid',
    ],
    [
      'signed as HS256 with the public key',
      async () => {
        const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
        const claims = { iss: 'https://issuer.test/', aud: 'predictions', sub: 'root', exp: seconds() + 60 };
        return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'rsa-1' }).sign(secret);
      },
      'token_invalid',
    ],
    [
      'signed by somebody else under a known key id',
      async () => token({ key: { ...rsa, privateKey: (await issuerKey('rsa-1', 'RS256')).privateKey } }),
      'token_invalid',
    ],
  ];

  it.each(cases)('%s', async (_name, make, verdict) => {
    expect(await verifier.verify(await make())).toBe(verdict);
  });

  it('never lets an algorithm with a shared secret, or none, be allowed', () => {
    const make = (algorithms: string[]) => new TokenVerifier({ issuer: 'i', audience: 'a', algorithms, keys, clock });
    expect(() => make(['RS256', 'HS256', 'none'])).toThrow(/auth\.jwt\.algorithms: HS256, none cannot be accepted/);
  });
});

describe("the issuer's keys", () => {
  it('demand 27: verify on while the issuer is down for an hour, and a new key is found within 60 s of its return', async () => {
    expect(await verifier.verify(await token())).toMatchObject({ clientId: 'client-7' });
    const { fetches } = issuer;
    issuer.answer = 'error';
    const renewed = await issuerKey('rsa-2', 'RS256');
    issuer.keys = [renewed.jwk];
    for (let minute = 0; minute < 60; minute++) {
      clock.advance(60_000);
      expect(await verifier.verify(await token({ claims: { jti: `${minute}` } }))).toMatchObject({
        clientId: 'client-7',
      });
      await keys.refresh();
      expect(await verifier.verify(await token({ key: renewed }))).toBe('token_invalid');
    }
    expect(issuer.fetches - fetches).toBeLessThanOrEqual(120);
    issuer.answer = 'keys';
    clock.advance(30_000);
    expect(await verifier.verify(await token({ key: renewed }))).toMatchObject({ clientId: 'client-7' });
    // The issuer has withdrawn the old key: what it had signed is refused, remembered or not.
    expect(await verifier.verify(await token())).toBe('token_invalid');
  });

  it('demand 27: are fetched at most once a cool-down however many unknown key ids come', async () => {
    await verifier.verify(await token());
    clock.advance(30_000);
    const { fetches } = issuer;
    for (let kid = 0; kid < 200; kid++) await verifier.verify(await token({ header: { kid: `k${kid}` }, key: ec }));
    expect(issuer.fetches - fetches).toBe(1);
  });

  it('are fetched once for all who wait for them', async () => {
    const tokens = await Promise.all([1, 2, 3].map((jti) => token({ claims: { jti: `${jti}` } })));
    await Promise.all(tokens.map(async (one) => verifier.verify(one)));
    expect(issuer.fetches).toBe(1);
  });

  it('no longer count when they have been stale for too long', async () => {
    const good = await token({ claims: { exp: seconds() + 200_000 } });
    await verifier.verify(good);
    issuer.answer = 'error';
    clock.advance(86_400_000);
    expect(verifier.verify(good)).toMatchObject({ clientId: 'client-7' });
    await keys.refresh();
    clock.advance(300_001);
    expect(await verifier.verify(good)).toBe('issuer_unavailable');
  });

  it('that were withdrawn no longer let remembered tokens in', async () => {
    const good = await token();
    await verifier.verify(good);
    issuer.keys = [ec.jwk];
    clock.advance(30_000);
    await keys.refresh();
    expect(await verifier.verify(good)).toBe('token_invalid');
  });

  it.each(['error', 'redirect', 'garbage', 'too much', 'no public key'] as const)(
    'are not taken from an answer that is %s',
    async (answer) => {
      issuer.answer = answer;
      expect(await verifier.verify(await token())).toBe('issuer_unavailable');
      expect(facts).toEqual(['failed']);
      expect(issuer.fetches).toBe(1);
    },
  );

  it('are missed when the issuer does not listen', async () => {
    await issuer.stop();
    expect(await verifier.verify(await token())).toBe('issuer_unavailable');
    issuer = new FakeIssuer();
    await issuer.start();
  });

  it('must be a key set', () => {
    expect(() => parseJwks('[]')).toThrow('not a JSON Web Key Set');
    expect(() => parseJwks('{"keys":["x"]}')).toThrow('no public key');
  });
});

describe('what looks like a token', () => {
  it('has three parts that begin with a JSON object', () => {
    expect(looksLikeToken('eyJhbGciOiJub25lIn0.e30.')).toBe(true);
    for (const text of ['', 'isk_live_x', 'eyJ.e30', 'eyJ.e30.a.b', 'abc.def.ghi'])
      expect(looksLikeToken(text)).toBe(false);
  });
});
