import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import Koa from 'koa';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { createLogger } from '../../src/logger.js';
import { publicKeyHex, SecretKey, sign } from '../../src/sandbox/bls.js';
import { depositSigningRoot, registrationSigningRoot } from '../../src/sandbox/chain/signing.js';
import { listen } from '../../src/sandbox/http.js';
import { sandboxRoutes } from '../../src/sandbox/routes.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.js';

const OUTSIDE = `sites: [{name: outside, region: eu}]
execution_nodes: [{name: outside-geth, implementation: geth, uri: 'http://127.0.0.1:1', site: outside}]
`;
const SLOT_MS = 250;
const EPOCH_MS = 8 * SLOT_MS;

interface Client {
  name: string;
  implementation: string;
  keymanager_uri: string;
  token: string;
  keys: number;
  public_keys: string[];
  started_at: number;
}

interface Signature {
  kind: string;
  validator_client: string;
  slot: number;
  target: number;
}

describe('the sandbox fleet (product.md, The sandbox fleet)', function () {
  this.timeout(120_000);
  let dataDir: string;
  let sandbox: Sandbox;

  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'ovsb-sandbox-'));
    const logger = createLogger('warn');
    process.env.OVSB_INVENTORY = join(dataDir, 'outside.yaml');
    writeFileSync(process.env.OVSB_INVENTORY, OUTSIDE);
    sandbox = await startSandbox({ dataDir, slotMs: SLOT_MS, chainId: 31337, logger });
  });

  after(async () => {
    delete process.env.OVSB_INVENTORY;
    await sandbox.stop();
    rmSync(dataDir, { recursive: true });
  });

  async function json<T>(uri: string, init?: RequestInit): Promise<T> {
    const response = await fetch(uri, init);
    const text = await response.text();
    expect(response.ok, `${uri}: ${response.status} ${text}`).to.equal(true);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
  const control = <T>(path: string, init?: RequestInit) => json<T>(`${sandbox.controlUri}/sandbox/${path}`, init);
  const clients = () => control<Client[]>('validator-clients');
  const beacon = <T>(path: string, init?: RequestInit) =>
    json<T>(`${sandbox.beaconUris['beacon-nimbus-geth-1']}${path}`, init);
  const signaturesOf = (key: string) => control<Signature[]>(`referee/signatures?public_key=${key}`);

  async function client(name: string): Promise<Client> {
    const found = (await clients()).find((one) => one.name === name);
    if (!found) throw new Error(`no ${name}`);
    return found;
  }

  async function keymanager<T>(name: string, method: string, body?: unknown): Promise<T> {
    const { keymanager_uri, token } = await client(name);
    const headers = { authorization: `Bearer ${token}` };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    return json<T>(`${keymanager_uri}/eth/v1/keystores`, init);
  }

  async function eventually(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`not in ${limitMs} ms: ${what}`);
      await sleep(100);
    }
  }

  it('is a monoculture: 64 keys on 12 validator clients, most on one implementation, the rest below a third', async () => {
    const all = await clients();
    expect(all).to.have.lengthOf(12);
    const byImplementation = new Map<string, number>();
    for (const { implementation, keys } of all) {
      byImplementation.set(implementation, (byImplementation.get(implementation) ?? 0) + keys);
    }
    expect([...byImplementation.values()].reduce((sum, keys) => sum + keys, 0)).to.equal(64);
    expect(byImplementation.get('lighthouse')).to.be.greaterThan(32);
    byImplementation.delete('lighthouse');
    expect(Math.max(...byImplementation.values())).to.be.lessThan(64 / 3);
  });

  it('lists itself in an inventory document, with tokens of mode 0600 and a keystore per key', async () => {
    const inventory = parse(readFileSync(sandbox.inventoryPath, 'utf8'));
    expect(inventory.validator_clients).to.have.lengthOf(12);
    expect(inventory.beacon_nodes).to.have.lengthOf(12);
    expect(inventory.execution_nodes.map((node: { implementation: string }) => node.implementation)).to.have.members([
      'geth',
      'nethermind',
      'besu',
      'erigon',
      'reth',
    ]);
    const [first] = inventory.validator_clients;
    expect(statSync(first.token_file).mode & 0o777).to.equal(0o600);
    expect(readdirSync(sandbox.vaultImport).filter((name) => name.endsWith('.json'))).to.have.lengthOf(64);
  });

  it('finalises by the attestations of its validator clients', async () => {
    await eventually('finality', 8 * EPOCH_MS, async () => {
      const { data } = await beacon<{ data: { finalized: { epoch: string } } }>(
        '/eth/v1/beacon/states/head/finality_checkpoints',
      );
      return Number(data.finalized.epoch) > 0;
    });
    const report = await control<{ blocks: number; attestations: number; slashable: unknown[] }>('referee');
    expect(report.blocks).to.be.greaterThan(4);
    expect(report.attestations).to.be.greaterThan(64);
    expect(report.slashable).to.deep.equal([]);
  });

  it('answers liveness for the current epoch and one around it only (400 beyond)', async () => {
    const { data } = await beacon<{ data: { head_slot: string } }>('/eth/v1/node/syncing');
    const epoch = Math.floor(Number(data.head_slot) / 8);
    const ask = (of: number) =>
      fetch(`${sandbox.beaconUris['beacon-nimbus-geth-1']}/eth/v1/validator/liveness/${of}`, {
        method: 'POST',
        body: '["0","1"]',
      });
    const before = await ask(epoch - 1);
    expect(await before.json()).to.deep.equal({
      data: [
        { index: '0', is_live: true },
        { index: '1', is_live: true },
      ],
    });
    expect((await ask(epoch - 3)).status).to.equal(400);
    expect((await ask(epoch + 3)).status).to.equal(400);
  });

  it('serves the Beacon API shapes: version, genesis, spec, duties, validators by GET and POST', async () => {
    const version = await beacon<{ data: { version: string } }>('/eth/v1/node/version');
    expect(version.data.version).to.match(/^Nimbus\//);
    const genesis = await beacon<{ data: Record<string, string> }>('/eth/v1/beacon/genesis');
    expect(genesis.data.genesis_validators_root).to.equal(sandbox.genesisValidatorsRoot);
    const spec = await beacon<{ data: Record<string, string> }>('/eth/v1/config/spec');
    expect(spec.data).to.include({
      SLOTS_PER_EPOCH: '8',
      SLOT_DURATION_MS: String(SLOT_MS),
      DEPOSIT_CHAIN_ID: '31337',
    });
    const some = await beacon<{ data: { index: string; status: string }[] }>(
      '/eth/v1/beacon/states/finalized/validators',
      { method: 'POST', body: '{"ids":["3","5"],"statuses":["active"]}' },
    );
    expect(some.data.map(({ index, status }) => `${index} ${status}`)).to.deep.equal([
      '3 active_ongoing',
      '5 active_ongoing',
    ]);
    const epoch = Math.floor((Date.now() - sandbox.genesisTimeMs) / EPOCH_MS);
    const proposers = await beacon<{ data: unknown[] }>(`/eth/v1/validator/duties/proposer/${epoch}`);
    expect(proposers.data).to.have.lengthOf(8);
    const unknown = await fetch(`${sandbox.beaconUris['beacon-nimbus-geth-1']}/eth/v1/beacon/states/nonsense/root`);
    expect(unknown.status).to.equal(400);
  });

  it('a restart brings a new instance with the same keys, which go on signing', async () => {
    const before = await client('teku-geth-1');
    const called = Date.now();
    const answer = await control<{ started_at: number; instance_id: string }>('validator-clients/teku-geth-1/restart', {
      method: 'POST',
    });
    expect(answer.started_at).to.be.within(called, Date.now());
    const identity = await json<{ started_at: number; instance_id: string }>(
      `${before.keymanager_uri}/ovsb/sandbox/identity`,
    );
    expect(identity).to.include(answer);
    const after = await client('teku-geth-1');
    expect(after.public_keys).to.deep.equal(before.public_keys);
    const [key = ''] = after.public_keys;
    const signed = (await signaturesOf(key)).length;
    await eventually(
      'a signature after the restart',
      4 * EPOCH_MS,
      async () => (await signaturesOf(key)).length > signed,
    );
  });

  it('a key moved by hand signs at A before, at B after, and A signs it no more', async () => {
    const { public_keys } = await client('lighthouse-geth-1');
    const key = public_keys[0] ?? '';
    const removed = await keymanager<{ data: { status: string }[]; slashing_protection: string }>(
      'lighthouse-geth-1',
      'DELETE',
      { pubkeys: [key] },
    );
    expect(removed.data[0]?.status).to.equal('deleted');
    const atA = (await signaturesOf(key)).length;
    await sleep(2 * EPOCH_MS);
    expect(await signaturesOf(key)).to.have.lengthOf(atA);
    const keystore = readFileSync(join(sandbox.vaultImport, `keystore-${key}.json`), 'utf8');
    const password = readFileSync(join(sandbox.vaultImport, `keystore-${key}.txt`), 'utf8');
    const imported = await keymanager<{ data: { status: string }[] }>('nimbus-geth-1', 'POST', {
      keystores: [keystore],
      passwords: [password],
      slashing_protection: removed.slashing_protection,
    });
    expect(imported.data[0]?.status).to.equal('imported');
    await eventually('B signs', 4 * EPOCH_MS, async () => (await signaturesOf(key)).length > atA);
    const places = (await signaturesOf(key)).map((signature) => signature.validator_client);
    expect(new Set(places.slice(0, atA))).to.deep.equal(new Set(['lighthouse-geth-1']));
    expect(new Set(places.slice(atA))).to.deep.equal(new Set(['nimbus-geth-1']));
  });

  it('fault partition: the Keymanager API is gone, the keys sign on', async () => {
    const { public_keys, keymanager_uri } = await client('prysm-geth-1');
    const put = (body: string) =>
      control('validator-clients/prysm-geth-1/faults', {
        method: 'PUT',
        body,
        headers: { 'content-type': 'application/json' },
      });
    await put('{"partition": true}');
    const answer = await fetch(`${keymanager_uri}/eth/v1/keystores`).then(
      () => 'answered',
      () => 'cut',
    );
    expect(answer).to.equal('cut');
    const [key = ''] = public_keys;
    const signed = (await signaturesOf(key)).length;
    await eventually('it signs on', 4 * EPOCH_MS, async () => (await signaturesOf(key)).length > signed);
    await put('{}');
    expect((await fetch(`${keymanager_uri}/eth/v1/keystores`)).status).to.equal(401);
  });

  it('fault resurrect_on_restart: a deleted key is back after the restart and signs', async () => {
    const put = (body: string) => control('validator-clients/grandine-geth-1/faults', { method: 'PUT', body });
    await put('{"resurrect_on_restart": true}');
    const { public_keys } = await client('grandine-geth-1');
    const [key = ''] = public_keys;
    await keymanager('grandine-geth-1', 'DELETE', { pubkeys: [key] });
    expect((await client('grandine-geth-1')).public_keys).not.to.include(key);
    await control('validator-clients/grandine-geth-1/restart', { method: 'POST' });
    expect((await client('grandine-geth-1')).public_keys).to.include(key);
    await put('{}');
  });

  it('refuses unknown parts (404), unknown faults (400) and malformed JSON (400)', async () => {
    const status = async (path: string, init: RequestInit) =>
      (await fetch(`${sandbox.controlUri}/sandbox/${path}`, init)).status;
    expect(await status('validator-clients/nobody/restart', { method: 'POST' })).to.equal(404);
    expect(await status('validator-clients/teku-geth-1/faults', { method: 'PUT', body: '{"x":1}' })).to.equal(400);
    expect(await status('validator-clients/teku-geth-1/faults', { method: 'PUT', body: '{' })).to.equal(400);
    expect(await status('nothing', {})).to.equal(404);
  });

  it("the referee's self-test sees its pair and leaves the referee clean", async () => {
    const answer = await control<{ saw: boolean; slashable: { kind: string }[] }>('referee/self-test', {
      method: 'POST',
    });
    expect(answer.saw).to.equal(true);
    expect((await control<{ slashable: unknown[] }>('referee')).slashable).to.deep.equal([]);
  });

  it('an execution node answers as its implementation over HTTP, in batches and over WebSocket', async () => {
    const uri = sandbox.executionUris.nethermind ?? '';
    const post = <T>(body: unknown) => json<T>(uri, { method: 'POST', body: JSON.stringify(body) });
    const call = (method: string, id = 1) => ({ jsonrpc: '2.0', id, method, params: [] });
    const version = await post<{ result: string }>(call('web3_clientVersion'));
    expect(version.result).to.match(/^Nethermind\//);
    const batch = await post<{ id: number; result: string }[]>([call('eth_chainId', 1), call('web3_clientVersion', 2)]);
    expect(batch.find(({ id }) => id === 1)?.result).to.equal('0x7a69');
    expect(batch.find(({ id }) => id === 2)?.result).to.equal(version.result);
    const control = await post<{ error: { code: number } }>(call('anvil_mine'));
    expect(control.error.code).to.equal(-32601);
    const socket = new WebSocket(uri.replace('http', 'ws'));
    const answer = await new Promise<string>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('open', () => socket.send(JSON.stringify(call('eth_blockNumber'))));
      socket.on('message', (data) => resolve(data.toString()));
    });
    socket.terminate();
    expect(JSON.parse(answer).result).to.match(/^0x/);
  });

  it('the relay takes BLS-valid registrations only, tells them, and forgets them when told', async () => {
    const secret = SecretKey.fromKeygen(Buffer.alloc(32, 9));
    const message = {
      fee_recipient: `0x${'12'.repeat(20)}`,
      gas_limit: '60000000',
      timestamp: '1700000000',
      pubkey: publicKeyHex(secret),
    };
    const register = (gas_limit: string) =>
      fetch(`${sandbox.relayUri}/eth/v1/builder/validators`, {
        method: 'POST',
        body: JSON.stringify([
          { message: { ...message, gas_limit }, signature: sign(secret, registrationSigningRoot(message)) },
        ]),
      });
    expect((await register('1')).status).to.equal(400);
    expect((await register(message.gas_limit)).status).to.equal(200);
    const held = await json<unknown[]>(`${sandbox.relayUri}/eth/v1/builder/validators`);
    expect(held).to.have.lengthOf(1);
    await fetch(`${sandbox.relayUri}/eth/v1/builder/validators/${message.pubkey}`, { method: 'DELETE' });
    expect(await json<unknown[]>(`${sandbox.relayUri}/eth/v1/builder/validators`)).to.deep.equal([]);
  });

  it('C1: /sandbox/* never shows parts that came from an inventory file, and can do nothing to them', async () => {
    const own = parse(readFileSync(sandbox.inventoryPath, 'utf8')) as Record<string, { name: string }[]>;
    for (const [path, list] of [
      ['validator-clients', own.validator_clients],
      ['beacon-nodes', own.beacon_nodes],
      ['execution-nodes', own.execution_nodes],
    ] as const) {
      const shown = await control<{ name: string; sandbox: boolean }[]>(path);
      expect(shown.map(({ name }) => name)).to.have.members((list ?? []).map(({ name }) => name));
      expect(shown.every((part) => part.sandbox)).to.equal(true);
      const faults = { method: 'PUT', body: '{}' };
      const foreign = await fetch(`${sandbox.controlUri}/sandbox/${path}/outside-geth/faults`, faults);
      expect(foreign.status, path).to.equal(404);
    }
  });

  it('C1: /sandbox on the broker listener passes on, and refuses pages elsewhere and proxies', async () => {
    const koa = new Koa();
    koa.use(sandboxRoutes(sandbox, createLogger('silent')));
    const listening = await listen(createServer(koa.callback()), 0);
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${listening.uri}${path}`, { headers })).status;
    expect(await status('/sandbox/referee')).to.equal(200);
    expect(await status('/sandbox/nothing')).to.equal(404);
    expect(await status('/elsewhere')).to.equal(404);
    expect(await status('/sandbox/referee', { origin: 'https://evil.example' })).to.equal(403);
    expect(await status('/sandbox/referee', { 'x-forwarded-for': '10.0.0.1' })).to.equal(403);
    expect(await status('/sandbox/referee', { 'sec-fetch-site': 'cross-site' })).to.equal(403);
    expect(await status('/sandbox/referee', { origin: listening.uri, 'sec-fetch-site': 'same-origin' })).to.equal(200);
    await listening.close();
  });

  it('the deposit contract is there from the start, and its signing root is the network-independent one', async () => {
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getCode',
      params: [sandbox.depositContract, 'latest'],
    });
    const { result } = await json<{ result: string }>(sandbox.executionUris.geth ?? '', { method: 'POST', body });
    expect(result.length).to.be.greaterThan(1_000);
    const root = depositSigningRoot({
      pubkey: `0x${'aa'.repeat(48)}`,
      withdrawal_credentials: sandbox.withdrawalCredentials,
      amountGwei: 32_000_000_000n,
    });
    expect(root).to.have.lengthOf(32);
  });
});
