import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { ticketHash, ticketNonce } from '../../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../../authz/claims/verifier.js';
import { ROOT } from '../../../src/paths.js';

const ISSUER = 'http://127.0.0.1:8080/authz';
const CONTRACT = `0x${'c0'.repeat(20)}` as const;
const NEVER = `0x${'c1'.repeat(20)}` as const;
const ENDLESS = `0x${'c2'.repeat(20)}` as const;
const owner = privateKeyToAccount(generatePrivateKey());

/** A wallet contract by hand: ecrecover(hash, v, r, s) == owner ? magic value : 0. */
const walletCode = (address: string): Hex =>
  `0x${[
    '6004356000526', // hash
    '0a4356000',
    '1a602052', // v: the byte after r and s
    '606435604052608435606052', // r, s
    '602060806080600060015afa50', // ecrecover
    `60805173${address.slice(2)}14`,
    '631626ba7e60e01b02',
    '60005260206000f3',
  ].join('')}`;

describe('B6: claims: EIP-1271 contract wallets on anvil', () => {
  let anvil: ChildProcess;
  let uri: string;

  before(async function () {
    this.timeout(30_000);
    anvil = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/@foundry-rs/anvil/bin.mjs'), '--port', '0', '--host', '127.0.0.1'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      },
    );
    uri = await new Promise((resolve, reject) => {
      let text = '';
      anvil.once('exit', () => reject(new Error(`anvil ended: ${text}`)));
      anvil.stdout?.on('data', (chunk) => {
        text += String(chunk);
        const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(text)?.[1];
        if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
      });
    });
    await rpc('anvil_setCode', [CONTRACT, walletCode(owner.address)]);
    await rpc('anvil_setCode', [NEVER, '0x60006000fd']);
    await rpc('anvil_setCode', [ENDLESS, '0x5b600056']);
    await rpc('anvil_mine', ['0x50']);
  });
  after(() => {
    if (anvil.pid !== undefined) process.kill(-anvil.pid, 'SIGKILL');
  });

  async function rpc(method: string, params: readonly unknown[]): Promise<unknown> {
    const response = await fetch(uri, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    return ((await response.json()) as { result: unknown }).result;
  }

  async function present(address: Hex, sign: (message: string) => Promise<string>, nowMs = Date.now(), node = uri) {
    const message = createSiweMessage({
      address,
      chainId: 31337,
      domain: '127.0.0.1:8080',
      nonce: ticketNonce('t'),
      uri: ISSUER,
      version: '1',
      resources: [`urn:ovsb:ticket:${ticketHash('t')}`],
      issuedAt: new Date(nowMs),
      expirationTime: new Date(nowMs + 60_000),
    });
    const token = Buffer.from(JSON.stringify({ message, signature: await sign(message) })).toString('base64url');
    const verifier = createClaimVerifier({ issuer: ISSUER, chainId: 31337, executionNodeUri: node });
    return verifier.verify({ format: 'urn:ovsb:claim-token:eip4361', token, ticket: 't', clientId: 'app', nowMs });
  }
  const byOwner = (message: string) => owner.signMessage({ message });

  it('accepts what the contract accepts, and does not let it persist (B4)', async () => {
    const answer = await present(CONTRACT, byOwner);
    expect(answer).to.deep.include({
      kind: 'ok',
      address: CONTRACT,
      party: `eip155:31337:${CONTRACT}`,
      persistable: false,
    });
  });

  it('recovers first: a plain account needs no node', async () => {
    const answer = await present(owner.address, byOwner, Date.now(), 'http://127.0.0.1:1');
    expect(answer).to.include({ kind: 'ok', persistable: true });
  });

  it('refuses what the contract refuses, a reverting contract, one without end, and an address without code', async () => {
    const stranger = privateKeyToAccount(generatePrivateKey());
    const byStranger = (message: string) => stranger.signMessage({ message });
    expect(await present(CONTRACT, byStranger)).to.include({ problem: 'signature' });
    expect(await present(NEVER, byOwner)).to.include({ problem: 'signature' });
    expect((await present(ENDLESS, byOwner)).kind).to.equal('bad');
    expect(await present(`0x${'c9'.repeat(20)}`, byOwner)).to.include({ problem: 'signature' });
  });

  it('refuses ERC-6492 and ERC-8010 wrapping', async () => {
    for (const word of ['6492', '8010']) {
      const wrapped = async (message: string) => `${await byOwner(message)}${word.repeat(16)}`;
      expect(await present(CONTRACT, wrapped)).to.include({ kind: 'bad', problem: 'signature' });
    }
  });

  it('is unavailable, not refused, when the node is away or its safe block older than two epochs', async () => {
    expect(await present(CONTRACT, byOwner, Date.now(), 'http://127.0.0.1:1')).to.include({ problem: 'unavailable' });
    expect(await present(CONTRACT, byOwner, Date.now() + 3_600_000)).to.include({ problem: 'unavailable' });
  });
});
