import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { systemClock } from '../../src/clock.js';
import { loadInventory } from '../../src/fleet/inventory/load-inventory.js';
import type { Inventory } from '../../src/fleet/inventory.js';
import { createMoves } from '../../src/fleet/moves/index.js';
import { createDataKey } from '../../src/keys/data-key.js';
import { createLedger } from '../../src/keys/slashing-protection/ledger.js';
import { createVault } from '../../src/keys/vault/vault.js';
import { createLogger } from '../../src/logger.js';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.js';
import { type TestDatabase, testDatabase } from '../support/database.js';

const logger = createLogger('warn');

/** Real PostgreSQL, real HTTP, the sandbox's validator clients, chain and referee. */
describe('moves in the sandbox fleet', function () {
  this.timeout(180_000);
  let folder: string;
  let sandbox: Sandbox;
  let database: TestDatabase;
  let moves: ReturnType<typeof createMoves>;
  let inventory: Inventory;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ovsb-moves-'));
    [database, sandbox] = await Promise.all([
      testDatabase(),
      startSandbox({ dataDir: folder, slotMs: 500, chainId: 31337, logger }),
    ]);
    const text = await readFile(sandbox.inventoryPath, 'utf8');
    inventory = loadInventory([{ path: sandbox.inventoryPath, text }], [sandbox.tokenFolder]);
    const { dataSource } = database;
    const vault = createVault(dataSource, createDataKey(randomBytes(32)));
    expect(await vault.importFolder(sandbox.vaultImport)).to.equal(64);
    const ledger = createLedger(dataSource);
    moves = createMoves({
      dataSource,
      vault,
      ledger,
      inventory: () => inventory,
      clock: systemClock,
      logger,
      options: { pollMs: 500 },
    });
  });
  after(async () => {
    await moves?.close();
    await sandbox?.stop();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  it('adopts the fleet as it is: one holder per key', async () => {
    await moves.adopt(AbortSignal.timeout(30_000));
    const placed = await moves.placements();
    expect(placed).to.have.length(64);
    expect(placed.every(({ holder }) => inventory.validatorClients.some(({ name }) => name === holder))).to.equal(true);
    await moves.adopt(AbortSignal.timeout(30_000));
    await moves.reconcile(AbortSignal.timeout(30_000));
    expect(await moves.pages()).to.deep.equal([]);
  });

  it('moves three keys, each with its evidence; the referee sees no slashable pair', async () => {
    await referee((report) => report.finalized > 0);
    const { from, to, keys } = await chosen(3);
    const begun = Date.now();
    const ids = await start(keys, from, to);
    await advanceUntil(ids, 'placed', 120_000);
    logger.warn({ seconds: (Date.now() - begun) / 1000 }, 'three keys moved');
    const placed = new Map((await moves.placements()).map((place) => [place.publicKey, place.holder]));
    for (const key of keys) expect(placed.get(key)).to.equal(to);
    for (const id of ids) {
      const move = await moves.get(id);
      const states = move?.evidence.flatMap(({ kind, detail }) =>
        kind === 'commit' ? [(detail as { to?: string }).to] : [],
      );
      expect(states?.filter((state) => state !== undefined)).to.deep.equal([
        'draining',
        'confirming',
        'restarted',
        'quiet',
        'ready',
        'importing',
        'verify',
        'placed',
      ]);
      expect(new Set(move?.evidence.map(({ kind }) => kind))).to.include.members([
        'delete',
        'list',
        'restart',
        'liveness',
        'import',
      ]);
    }
    await moves.reconcile(AbortSignal.timeout(30_000));
    expect(await moves.pages()).to.deep.equal([]);
    expect((await referee(() => true)).slashable).to.deep.equal([]);
  });

  it('brings a lying, failing and slow client to rest: deletes that lie, 5xx after the effect, a late POST', async () => {
    const { from, to, keys } = await chosen(2);
    await faults(from, { delete_lies: 2, answer_5xx_after_effect: 1 });
    await faults(to, { delay_post_ms: 1500 });
    const ids = await start(keys, from, to);
    await advanceUntil(ids, 'placed', 150_000);
    await faults(from, {});
    await faults(to, {});
    expect((await referee(() => true)).slashable).to.deep.equal([]);
  });

  it('catches a client that resurrects a key: deleted within 30 s, a page, the client quarantined', async () => {
    const { from, to, keys } = await chosen(1);
    const [key = ''] = keys;
    await faults(from, { resurrect_on_restart: true });
    const ids = await start(keys, from, to);
    await advanceUntil(ids, 'hold', 120_000);
    expect((await moves.pages()).map(({ kind }) => kind)).to.include('resurrected key');
    expect((await moves.paused())?.reason).to.contain('resurrected key');
    await faults(from, {});
    await advance(3);
    const move = await moves.get(ids[0] ?? '');
    expect(move?.state).to.equal('hold');
    expect((await moves.placements()).find(({ publicKey }) => publicKey === key)?.holder).to.equal(undefined);
    expect((await referee(() => true)).slashable).to.deep.equal([]);
  });

  it('the reconciler deletes what came back after its move was over', async () => {
    await moves.resume();
    const { from, to, keys } = await chosen(1);
    const [key = ''] = keys;
    const ids = await start(keys, from, to);
    await advanceUntil(ids, 'placed', 120_000);
    const client = inventory.validatorClients.find(({ name }) => name === from);
    const keymanager = `${client?.keymanagerUri}/eth/v1/keystores`;
    const authorization = `Bearer ${(await readFile(client?.tokenFile ?? '', 'utf8')).trim()}`;
    await partitionedFromChain(from, async () => {
      const copy = await database.dataSource.query('SELECT keystore FROM keystore WHERE public_key = $1', [key]);
      expect(copy).to.have.length(1);
      const folderCopy = join(sandbox.vaultImport, `keystore-${key}`);
      const body = {
        keystores: [await readFile(`${folderCopy}.json`, 'utf8')],
        passwords: [(await readFile(`${folderCopy}.txt`, 'utf8')).trim()],
      };
      const headers = { authorization, 'content-type': 'application/json' };
      const back = await fetch(keymanager, { method: 'POST', headers, body: JSON.stringify(body) });
      expect(back.status).to.equal(200);
      await moves.reconcile(AbortSignal.timeout(30_000));
      const listed = (await (await fetch(keymanager, { headers: { authorization } })).json()) as {
        data: { validating_pubkey: string }[];
      };
      expect(listed.data.map(({ validating_pubkey }) => validating_pubkey)).not.to.include(key);
    });
    expect((await moves.pages()).map(({ kind, publicKey }) => [kind, publicKey])).to.deep.include([
      'resurrected key',
      key,
    ]);
  });

  /** The key that comes back must not sign, or the referee would see a true pair: its beacon node is down meanwhile. */
  async function partitionedFromChain(client: string, task: () => Promise<void>): Promise<void> {
    const nodes = inventory.validatorClients.find(({ name }) => name === client)?.beaconNodes ?? [];
    for (const node of nodes) await control(`/sandbox/beacon-nodes/${node}/faults`, 'PUT', { down: true });
    try {
      await task();
    } finally {
      for (const node of nodes) await control(`/sandbox/beacon-nodes/${node}/faults`, 'PUT', {});
    }
  }

  async function chosen(count: number): Promise<{ from: string; to: string; keys: string[] }> {
    const placed = (await moves.placements()).filter(({ moveId }) => moveId === undefined);
    const counts = new Map<string, string[]>();
    for (const { publicKey, holder } of placed)
      if (holder) counts.set(holder, [...(counts.get(holder) ?? []), publicKey]);
    const [from = '', keys = []] = [...counts].sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
    const to =
      inventory.validatorClients.find(({ name }) => name !== from && (counts.get(name)?.length ?? 0) < 8)?.name ?? '';
    return { from, to, keys: keys.slice(0, count) };
  }

  function start(keys: readonly string[], from: string, to: string): Promise<string[]> {
    return database.dataSource.transaction(async (manager) => {
      const ids: string[] = [];
      for (const publicKey of keys) ids.push(await moves.start({ publicKey, from, to, reason: 'test' }, manager));
      return ids;
    });
  }

  async function advanceUntil(ids: readonly string[], state: string, limitMs: number): Promise<void> {
    const end = Date.now() + limitMs;
    for (;;) {
      await moves.advance(AbortSignal.timeout(60_000));
      const now = await Promise.all(ids.map((id) => moves.get(id)));
      if (now.every((move) => move?.state === state)) return;
      if (Date.now() > end)
        throw new Error(JSON.stringify(now.map((move) => [move?.state, move?.waiting, move?.holdReason])));
      await pause(500);
    }
  }

  async function advance(times: number): Promise<void> {
    for (let count = 0; count < times; count += 1) {
      await moves.advance(AbortSignal.timeout(60_000));
      await pause(1000);
    }
  }

  interface Report {
    slashable: unknown[];
    finalized: number;
    epoch: number;
  }

  async function referee(enough: (report: Report) => boolean): Promise<Report> {
    for (let count = 0; count < 90; count += 1) {
      const report = (await (await fetch(`${sandbox.controlUri}/sandbox/referee`)).json()) as Report;
      if (enough(report)) return report;
      await pause(1000);
    }
    throw new Error('the referee never said so');
  }

  const faults = (client: string, set: object) => control(`/sandbox/validator-clients/${client}/faults`, 'PUT', set);

  async function control(path: string, method: string, body: object): Promise<void> {
    const answer = await fetch(`${sandbox.controlUri}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status, await answer.text()).to.be.lessThan(300);
  }
});
