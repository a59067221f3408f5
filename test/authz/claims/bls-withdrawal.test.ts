import { createHash } from 'node:crypto';
import { SecretKey } from '@chainsafe/blst';
import { expect } from 'chai';
import fc from 'fast-check';
import { blsWithdrawalSigningRoot } from '../../../authz/claims/bls-withdrawal.js';
import { ticketHash, ticketNonce } from '../../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../../authz/claims/verifier.js';

const ISSUER = 'http://127.0.0.1:8080/authz';
const FORMAT = 'urn:ovsb:claim-token:bls-withdrawal';
const NOW = Date.UTC(2026, 0, 1, 12);
const verifier = createClaimVerifier({ issuer: ISSUER, chainId: 31337 });
const key = SecretKey.fromKeygen(Buffer.alloc(32, 7));
const publicKey = key.toPublicKey().toHex();

function messageFor(ticket: string, account = publicKey): string {
  return [
    '127.0.0.1:8080 wants you to prove your BLS withdrawal key:',
    account,
    '',
    'Ask for Nimbus with Geth.',
    '',
    `URI: ${ISSUER}`,
    'Version: 1',
    'Chain ID: 31337',
    `Nonce: ${ticketNonce(ticket)}`,
    `Issued At: ${new Date(NOW).toISOString()}`,
    `Expiration Time: ${new Date(NOW + 60_000).toISOString()}`,
    'Resources:',
    `- urn:ovsb:ticket:${ticketHash(ticket)}`,
  ].join('\n');
}

const sign = (root: Uint8Array): string => `0x${Buffer.from(key.sign(root).toBytes()).toString('hex')}`;

function present(message: string, signature: string, ticket = 'ticket-1') {
  const token = Buffer.from(JSON.stringify({ message, signature })).toString('base64url');
  return verifier.verify({ format: FORMAT, token, ticket, clientId: 'app', nowMs: NOW });
}

describe('claims: BLS withdrawal proof', () => {
  it('accepts the withdrawal key’s signature and computes its 0x00 credentials', async () => {
    const message = messageFor('ticket-1');
    const answer = await present(message, sign(blsWithdrawalSigningRoot(message)));
    const hash = createHash('sha256')
      .update(Buffer.from(publicKey.slice(2), 'hex'))
      .digest('hex');
    expect(answer).to.deep.equal({
      kind: 'ok',
      claims: { bls_withdrawal_public_key: publicKey, withdrawal_credentials: `0x00${hash.slice(2)}` },
      party: `bls:${publicKey}`,
      withdrawalCredentials: `0x00${hash.slice(2)}`,
      persistable: true,
      boundToTicket: true,
    });
  });

  it('C7: signs in a domain of its own: a signature over the bare digest, as consensus would make it, is refused', async () => {
    const message = messageFor('ticket-1');
    const bare = createHash('sha256').update(message).digest();
    expect(await present(message, sign(bare))).to.include({ kind: 'bad', problem: 'signature' });
  });

  it('refuses another ticket, another key, the point at infinity', async () => {
    const message = messageFor('ticket-1');
    const signature = sign(blsWithdrawalSigningRoot(message));
    expect(await present(message, signature, 'ticket-2')).to.include({ problem: 'nonce' });
    const other = SecretKey.fromKeygen(Buffer.alloc(32, 8)).toPublicKey().toHex();
    const foreign = messageFor('ticket-1', other);
    expect(await present(foreign, sign(blsWithdrawalSigningRoot(foreign)))).to.include({ problem: 'signature' });
    const infinity = messageFor('ticket-1', `0xc0${'00'.repeat(47)}`);
    expect(await present(infinity, `0xc0${'00'.repeat(95)}`)).to.include({ problem: 'signature' });
  });

  it('fuzz: a changed bit of the signature is never ok and never throws', async () => {
    const message = messageFor('ticket-1');
    const good = Buffer.from(sign(blsWithdrawalSigningRoot(message)).slice(2), 'hex');
    await fc.assert(
      fc.asyncProperty(fc.nat(95), fc.nat(7), async (at, bit) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect((await present(message, `0x${bytes.toString('hex')}`)).kind).to.equal('bad');
      }),
      { numRuns: 60 },
    );
  });
});
