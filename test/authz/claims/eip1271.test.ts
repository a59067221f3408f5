import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { ticketHash, ticketNonce } from '../../../authz/claims/ticket-binding.js';
import { createClaimVerifier } from '../../../authz/claims/verifier.js';
import { type Anvil, startAnvil } from '../../gateway/support/anvil.js';
import { CONTRACT, nodeCall, walletCode } from './support/contract-account.js';

const ISSUER = 'http://127.0.0.1:8080/authz';
const NEVER = `0x${'c1'.repeat(20)}` as const;
const ENDLESS = `0x${'c2'.repeat(20)}` as const;
const owner = privateKeyToAccount(generatePrivateKey());

describe('B6: claims: EIP-1271 contract wallets on anvil', () => {
  let anvil: Anvil;
  let uri: string;

  before(async function () {
    this.timeout(30_000);
    anvil = await startAnvil();
    uri = anvil.uri;
    await nodeCall(uri, 'anvil_setCode', [CONTRACT, walletCode(owner.address)]);
    await nodeCall(uri, 'anvil_setCode', [NEVER, '0x60006000fd']);
    await nodeCall(uri, 'anvil_setCode', [ENDLESS, '0x5b600056']);
    await nodeCall(uri, 'anvil_mine', ['0x50']);
  });
  after(() => anvil.stop());

  const messageOf = (address: Hex, nowMs: number) =>
    createSiweMessage({
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

  async function present(
    address: Hex,
    sign: (message: string) => Promise<string>,
    nowMs = Date.now(),
    node: string | undefined = uri,
  ) {
    const message = messageOf(address, nowMs);
    const token = Buffer.from(JSON.stringify({ message, signature: await sign(message) })).toString('base64url');
    const verifier = createClaimVerifier({ issuer: ISSUER, chainId: 31337, executionNodeUris: () => [node] });
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

  it('an error of the node itself says nothing of the contract', async () => {
    const limited = createServer((request, response) => {
      void text(request).then(async (body) => {
        const busy = { jsonrpc: '2.0', id: 1, error: { code: -32005, message: 'limit exceeded' } };
        const forwarded = () => fetch(uri, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        response.end(body.includes('"eth_call"') ? JSON.stringify(busy) : await (await forwarded()).text());
      });
    });
    await new Promise<void>((resolve) => limited.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = limited.address() as AddressInfo;
      const answer = await present(CONTRACT, byOwner, Date.now(), `http://127.0.0.1:${port}`);
      expect(answer).to.include({ problem: 'unavailable' });
    } finally {
      limited.close();
      limited.closeAllConnections();
    }
  });

  it('asks the nodes of the moment, not those of the start, in their order until one can say', async () => {
    const nodes = ['http://127.0.0.1:1'];
    const verifier = createClaimVerifier({ issuer: ISSUER, chainId: 31337, executionNodeUris: () => nodes });
    const message = messageOf(CONTRACT, Date.now());
    const token = Buffer.from(JSON.stringify({ message, signature: await byOwner(message) })).toString('base64url');
    const claim = { format: 'urn:ovsb:claim-token:eip4361', token, ticket: 't', clientId: 'app', nowMs: Date.now() };
    expect(await verifier.verify(claim)).to.include({ problem: 'unavailable' });
    nodes.push(uri);
    expect((await verifier.verify(claim)).kind).to.equal('ok');
    nodes.length = 0;
    expect(await verifier.verify(claim)).to.include({ problem: 'signature' });
  });
});
