import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { ticketHash, ticketNonce } from '../../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../../authz/claims/verifier.js';
import type { VerifiedClaims } from '../../../authz/policy/types.js';

const ISSUER = 'http://127.0.0.1:8080/authz';
const FORMAT = 'urn:ovsb:claim-token:eip4361';
const NOW = Date.UTC(2026, 0, 1, 12);
const KEY = 'nGU4tXKN+yi5HA1VNE321h/mpvn/34CMelLbl7Br3Hk=';
const wallet = privateKeyToAccount(generatePrivateKey());
const verifier = createClaimVerifier({ issuer: ISSUER, chainId: 31337 });

type Fields = Partial<Parameters<typeof createSiweMessage>[0]>;

function messageFor(ticket: string, fields: Fields = {}, more: readonly string[] = []): string {
  return createSiweMessage({
    address: wallet.address,
    chainId: 31337,
    domain: '127.0.0.1:8080',
    nonce: ticketNonce(ticket),
    uri: ISSUER,
    version: '1',
    statement: 'Ask for Nimbus with Geth: instance:create.',
    resources: [`urn:ovsb:ticket:${ticketHash(ticket)}`, ...more],
    issuedAt: new Date(NOW),
    expirationTime: new Date(NOW + 300_000),
    ...fields,
  });
}

const tokenOf = (message: string, signature: string): string =>
  Buffer.from(JSON.stringify({ message, signature })).toString('base64url');

async function present(message: string, ticket = 'ticket-1', signature?: string, nowMs = NOW): Promise<VerifiedClaims> {
  const token = tokenOf(message, signature ?? (await wallet.signMessage({ message })));
  return verifier.verify({ format: FORMAT, token, ticket, clientId: 'app', nowMs });
}

const problemOf = (answer: VerifiedClaims): string => (answer.kind === 'bad' ? answer.problem : 'ok');

describe('claims: EIP-4361', () => {
  it('B7: the client may be named as a URI must write it', async () => {
    const message = messageFor('ticket-1', {}, ['urn:ovsb:client:my%20app']);
    const token = tokenOf(message, await wallet.signMessage({ message }));
    const claim = { format: FORMAT, token, ticket: 'ticket-1', nowMs: NOW };
    expect((await verifier.verify({ ...claim, clientId: 'my app' })).kind).to.equal('ok');
    expect(problemOf(await verifier.verify({ ...claim, clientId: 'my%2520app' }))).to.equal('client');
  });

  it('accepts a message signed over this ticket and names the party in lower case', async () => {
    const answer = await present(messageFor('ticket-1', {}, [`urn:ovsb:x25519:${KEY}`, 'urn:ovsb:client:app']));
    const address = wallet.address.toLowerCase();
    expect(answer).to.deep.equal({
      kind: 'ok',
      claims: { eth_address: address },
      party: `eip155:31337:${address}`,
      address,
      encryptionPublicKey: KEY,
      persistable: true,
      boundToTicket: true,
    });
  });

  it('accepts a message without a statement, and padded base64url', async () => {
    const message = messageFor('ticket-1').replace(/\nAsk for .*\n/, '\n');
    expect(problemOf(await present(message))).to.equal('ok');
    const padded = Buffer.from(JSON.stringify({ message, signature: await wallet.signMessage({ message }) }))
      .toString('base64')
      .replaceAll('+', '-')
      .replaceAll('/', '_');
    expect(
      (await verifier.verify({ format: FORMAT, token: padded, ticket: 'ticket-1', clientId: 'app', nowMs: NOW })).kind,
    ).to.equal('ok');
  });

  const cases: readonly [string, () => Promise<VerifiedClaims>, string][] = [
    ['another ticket (replay)', () => present(messageFor('ticket-1'), 'ticket-2'), 'nonce'],
    ['resources without the ticket', () => present(messageFor('ticket-1', { resources: [] })), 'format'],
    [
      'resources that name another ticket',
      () => present(messageFor('ticket-1', { resources: [`urn:ovsb:ticket:${ticketHash('x')}`] })),
      'nonce',
    ],
    ['a foreign domain', () => present(messageFor('ticket-1', { domain: 'evil.example' })), 'domain'],
    ['a foreign URI', () => present(messageFor('ticket-1', { uri: 'http://evil.example/authz' })), 'domain'],
    ['another chain', () => present(messageFor('ticket-1', { chainId: 1 })), 'chain'],
    ['an expired message', () => present(messageFor('ticket-1'), 'ticket-1', undefined, NOW + 300_001), 'expired'],
    ['no expiration', () => present(messageFor('ticket-1').replace(/\nExpiration Time: .*/, '')), 'expired'],
    [
      'an expiration beyond five minutes',
      () => present(messageFor('ticket-1', { expirationTime: new Date(NOW + 360_000) })),
      'expired',
    ],
    ['not-before ahead', () => present(messageFor('ticket-1', { notBefore: new Date(NOW + 60_000) })), 'expired'],
    ['B7: another client', () => present(messageFor('ticket-1', {}, ['urn:ovsb:client:phisher'])), 'client'],
    [
      'B8: a low-order x25519 key',
      () => present(messageFor('ticket-1', {}, [`urn:ovsb:x25519:${Buffer.alloc(32).toString('base64')}`])),
      'format',
    ],
    ['B8: a short x25519 key', () => present(messageFor('ticket-1', {}, ['urn:ovsb:x25519:AAAA'])), 'format'],
    [
      'a signature of somebody else',
      async () => {
        const message = messageFor('ticket-1');
        return present(message, 'ticket-1', await privateKeyToAccount(generatePrivateKey()).signMessage({ message }));
      },
      'signature',
    ],
    [
      'a random signature',
      () => present(messageFor('ticket-1'), 'ticket-1', `0x${randomBytes(65).toString('hex')}`),
      'signature',
    ],
    [
      'a contract signature without an execution node',
      () => present(messageFor('ticket-1'), 'ticket-1', '0x01'),
      'signature',
    ],
    ['text that is no message', () => present('hello'), 'format'],
    [
      'a field hidden in the statement',
      () => present(messageFor('ticket-1', { statement: 'x' }).replace('\nx\n', '\nx\nURI: http://evil.example\n')),
      'format',
    ],
  ];
  for (const [name, run, problem] of cases) {
    it(`refuses ${name}: ${problem}`, async () => {
      expect(problemOf(await run())).to.equal(problem);
    });
  }

  it('refuses the same signature written with the other s (malleability)', async () => {
    const message = messageFor('ticket-1');
    const signature = await wallet.signMessage({ message });
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const otherS = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
    const otherV = signature.endsWith('1b') ? '1c' : '1b';
    expect(problemOf(await present(message, 'ticket-1', `${signature.slice(0, 66)}${otherS}${otherV}`))).to.equal(
      'signature',
    );
  });

  it('a message that names a resource is good for that resource only', async () => {
    const message = messageFor('ticket-1', {}, ['urn:ovsb:resource:r-1']);
    const token = tokenOf(message, await wallet.signMessage({ message }));
    const base = { format: FORMAT, token, ticket: 'ticket-1', clientId: 'app', nowMs: NOW };
    expect(problemOf(await verifier.verify({ ...base, resourceIds: ['r-1', 'r-2'] }))).to.equal('ok');
    expect(problemOf(await verifier.verify({ ...base, resourceIds: ['r-2'] }))).to.equal('resource');
  });

  it('refuses unknown formats, oversized tokens and tokens that are not JSON', async () => {
    const base = { ticket: 'ticket-1', clientId: 'app', nowMs: NOW };
    for (const [format, token] of [
      ['urn:x', 'e30'],
      [FORMAT, 'e30'],
      [FORMAT, 'A'.repeat(20_000)],
      [FORMAT, '!!'],
      [FORMAT, 'bm90IGpzb24'],
    ] as const) {
      expect(problemOf(await verifier.verify({ ...base, format, token }))).to.equal('format');
    }
  });

  it('fuzz: any one changed character of a good message, or bit of its signature, is never ok', async () => {
    const message = messageFor('ticket-1', {}, [`urn:ovsb:x25519:${KEY}`]);
    const signature = await wallet.signMessage({ message });
    await fc.assert(
      fc.asyncProperty(fc.nat(message.length - 1), fc.string({ maxLength: 3 }), async (at, text) => {
        const changed = message.slice(0, at) + text + message.slice(at + 1);
        if (changed !== message) expect(problemOf(await present(changed, 'ticket-1', signature))).to.not.equal('ok');
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(64), fc.nat(7), async (at, bit) => {
        const bytes = Buffer.from(signature.slice(2), 'hex');
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(problemOf(await present(message, 'ticket-1', `0x${bytes.toString('hex')}`))).to.not.equal('ok');
      }),
      { numRuns: 100 },
    );
  });

  it('fuzz: never throws, never ok, whatever the token', async () => {
    const anything = fc.oneof(
      fc.string({ maxLength: 400 }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc
        .record({ message: fc.string(), signature: fc.string() })
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (token) => {
        const answer = await verifier.verify({
          format: FORMAT,
          token,
          ticket: 'ticket-1',
          clientId: 'app',
          nowMs: NOW,
        });
        expect(answer.kind).to.equal('bad');
      }),
      { numRuns: 300 },
    );
  });
});
