import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { SandboxInfo } from '../../src/sandbox/start.js';

const SLOT_MS = 250;

interface Report {
  epoch: number;
  slot: number;
  signatures: number;
  finalized: number;
  slashable: unknown[];
}

describe('the sandbox and kill -9 of the broker', function () {
  this.timeout(120_000);
  let dataDir: string;
  let holder: ChildProcess | undefined;

  before(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'ovsb-sandbox-kill-'));
  });

  after(async () => {
    await kill();
    await sleep(1_500);
    rmSync(dataDir, { recursive: true });
  });

  async function hold(): Promise<SandboxInfo> {
    const script = fileURLToPath(new URL('../sandbox/support/sandbox-holder.js', import.meta.url));
    const child = spawn(process.execPath, [script, dataDir, String(SLOT_MS)], { stdio: ['pipe', 'pipe', 'inherit'] });
    holder = child;
    const signal = AbortSignal.timeout(40_000);
    const [line] = await once(createInterface({ input: child.stdout }), 'line', { signal });
    return JSON.parse(String(line)) as SandboxInfo;
  }

  async function kill(): Promise<void> {
    const child = holder;
    holder = undefined;
    if (!child) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async function answers(uri: string): Promise<boolean> {
    return fetch(uri, { signal: AbortSignal.timeout(500) }).then(
      () => true,
      () => false,
    );
  }

  const report = async (info: SandboxInfo) =>
    (await (await fetch(`${info.controlUri}/sandbox/referee`)).json()) as Report;
  const keysOf = async (info: SandboxInfo) => {
    const clients = await (await fetch(`${info.controlUri}/sandbox/validator-clients`)).json();
    return (clients as { name: string; public_keys: string[] }[]).map(({ name, public_keys }) => ({
      name,
      public_keys,
    }));
  };

  it('leaves no orphan after a second, and continues where it was: ports, keys, signatures, clock, finality', async () => {
    const first = await hold();
    const inventory = readFileSync(first.inventoryPath, 'utf8');
    let before = await report(first);
    for (let attempt = 0; attempt < 200 && before.finalized === 0; attempt++) {
      await sleep(100);
      before = await report(first);
    }
    const keys = await keysOf(first);
    await kill();
    await sleep(1_200);
    for (const uri of [first.controlUri, first.anvilUri, ...Object.values(first.beaconUris)]) {
      expect(await answers(uri), `${uri} still answers`).to.equal(false);
    }

    const second = await hold();
    expect(readFileSync(second.inventoryPath, 'utf8')).to.equal(inventory);
    expect(second.genesisTimeMs).to.equal(first.genesisTimeMs);
    expect(await keysOf(second)).to.deep.equal(keys);
    let after = await report(second);
    expect(after.signatures).to.be.at.least(before.signatures);
    expect(after.slot).to.be.greaterThan(before.slot);
    for (let attempt = 0; attempt < 200 && after.finalized <= before.epoch; attempt++) {
      await sleep(100);
      after = await report(second);
    }
    expect(after.finalized, 'finality resumes').to.be.greaterThan(before.epoch);
    expect(after.slashable).to.deep.equal([]);
  });

  it('survives kills at any moment of a start without a slashable pair or a broken file', async () => {
    await kill();
    for (const delayMs of [300, 900, 1_700, 2_600]) {
      const starting = hold().catch(() => undefined);
      await sleep(delayMs);
      await kill();
      await Promise.race([starting, sleep(100)]);
    }
    const info = await hold();
    await sleep(3 * 8 * SLOT_MS);
    const final = await report(info);
    expect(final.slashable).to.deep.equal([]);
    expect((await keysOf(info)).flatMap((client) => client.public_keys)).to.have.lengthOf(64);
  });
});
