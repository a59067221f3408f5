import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DataDirectoryInUse, lockDataDirectory } from '../../src/database/data-directory-lock.js';
import { ownIdentity } from '../../src/database/process-identity.js';
import { temporaryFolder } from '../support/database.js';

describe('the data directory lock', () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder('lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function refusal(): Promise<unknown> {
    return lockDataDirectory(folder).then(
      (lock) => lock.release(),
      (refused: unknown) => refused,
    );
  }

  it('refuses a second holder in one line that names the directory and the reason', async () => {
    const lock = await lockDataDirectory(folder);
    const refused = await refusal();
    expect(refused).to.be.instanceOf(DataDirectoryInUse);
    const { message } = refused as Error;
    expect(message).to.contain(folder).and.contain('in use by another ovsb').and.not.contain('\n');
    lock.release();
    expect(await refusal()).to.equal(undefined);
  });

  it('goes to exactly one of twenty starters, also when it is stale', async () => {
    await lockDataDirectory(folder).then((lock) => lock.release());
    writeFileSync(join(folder, 'lock', '7'), JSON.stringify({ ...ownIdentity(), startedAt: '1' }));
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDirectory(folder)));
    const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(held).to.have.lengthOf(1);
    expect(readdirSync(join(folder, 'lock'))).to.deep.equal(['8']);
    held[0]?.release();
  });

  it('tells its holder when it is taken away', async () => {
    const lost = new Promise<string>((resolve) => void lockDataDirectory(folder, resolve));
    await sleep(100);
    rmSync(join(folder, 'lock'), { recursive: true });
    expect(await lost).to.contain('ENOENT');
  });

  it('is not kept by a process id that has gone to another process', async () => {
    await lockDataDirectory(folder).then((lock) => lock.release());
    writeFileSync(join(folder, 'lock', '1'), JSON.stringify({ ...ownIdentity(), startedAt: '1' }));
    expect(await refusal()).to.equal(undefined);
  });

  it('believes the beat of a holder in another container, and not a silent one', async () => {
    await lockDataDirectory(folder).then((lock) => lock.release());
    const file = join(folder, 'lock', '1');
    writeFileSync(file, JSON.stringify({ pid: 1, startedAt: '1', space: 'elsewhere' }));
    const beat = setInterval(() => utimesSync(file, new Date(), new Date()), 300);
    expect(await refusal()).to.be.instanceOf(DataDirectoryInUse);
    clearInterval(beat);
    expect(await refusal()).to.equal(undefined);
  });
});
