import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DocumentsInForce } from '../../src/database/documents-in-force.js';
import { type TestDatabase, temporaryFolder, testDatabase } from '../support/database.js';
import { quietLogger } from '../support/quiet-logger.js';
import { until } from '../support/until.js';

const YESTERDAY = new Date(Date.now() - 86_400_000);

describe('C3: replicas compare their documents', () => {
  let database: TestDatabase;
  const folder = temporaryFolder('documents');
  before(async () => {
    database = await testDatabase();
  });
  beforeEach(() => database.dataSource.query('DELETE FROM document_in_force'));
  after(async () => {
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  /** A replica whose policies lie in a folder of its own. */
  function replica(name: string, text: string, editedAt = new Date()) {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    const state = { text, skewMs: 0 };
    const edit = (next: string, at = new Date()) => {
      state.text = next;
      writeFileSync(join(path, 'rules.cedar'), next);
      utimesSync(join(path, 'rules.cedar'), at, at);
      utimesSync(path, at, at);
    };
    edit(text, editedAt);
    const clock = { nowMs: () => Date.now() + state.skewMs };
    const documents = new DocumentsInForce(database.dataSource, clock, quietLogger);
    documents.watch({ name: 'policies', paths: [path], hash: () => `hash of ${state.text}` });
    return { documents, edit, path, later: (ms: number) => (state.skewMs += ms) };
  }
  const desert = (seconds = 7) =>
    database.dataSource.query('UPDATE document_in_force SET confirmed_at = confirmed_at - make_interval(secs => $1)', [
      seconds,
    ]);

  it('the same documents are in force everywhere', async () => {
    const [first, second] = [replica('a', 'one'), replica('b', 'one')];
    await first.documents.look();
    await second.documents.look();
    expect([first.documents.differing(), second.documents.differing()]).to.deep.equal([undefined, undefined]);
  });

  it('an edit wins; who has not followed after three seconds stands aside until it does', async () => {
    const [first, second] = [replica('a', 'one'), replica('b', 'one')];
    await first.documents.look();
    await second.documents.look();
    first.edit('two');
    await first.documents.look();
    await second.documents.look();
    expect(second.documents.differing()).to.equal(undefined);
    second.later(3_000);
    expect(second.documents.differing()).to.contain('policies');
    expect(first.documents.differing()).to.equal(undefined);
    second.edit('two');
    await second.documents.look();
    expect(second.documents.differing()).to.equal(undefined);
  });

  it('a replica that starts with older files stands aside at once, one with newer files takes over', async () => {
    const first = replica('a', 'one');
    await first.documents.look();
    const older = replica('b', 'zero', YESTERDAY);
    await older.documents.look();
    expect(older.documents.differing()).to.contain('policies');
    const newer = replica('c', 'two', new Date(Date.now() + 60_000));
    await newer.documents.look();
    expect(newer.documents.differing()).to.equal(undefined);
    await first.documents.look();
    first.later(3_000);
    expect(first.documents.differing()).to.contain('policies');
  });

  it('where nobody is left that has what is in force, the next takes its place', async () => {
    await replica('a', 'one').documents.look();
    const older = replica('b', 'zero', YESTERDAY);
    await older.documents.look();
    expect(older.documents.differing()).to.contain('policies');
    await desert();
    await older.documents.look();
    older.later(3_000);
    await older.documents.look();
    expect(older.documents.differing()).to.equal(undefined);
  });

  it('after the database was away, who looks first takes no place of somebody who is still there', async () => {
    const first = replica('a', 'one');
    await first.documents.look();
    const older = replica('b', 'zero', YESTERDAY);
    await older.documents.look();
    await desert();
    await older.documents.look();
    expect(older.documents.differing()).to.contain('policies');
    await first.documents.look();
    older.later(3_000);
    await older.documents.look();
    expect(older.documents.differing()).to.contain('policies');
    expect(first.documents.differing()).to.equal(undefined);
  });

  it('before the first look nothing is known to be in force, so nothing is issued or ended', async () => {
    const { documents } = replica('a', 'one');
    expect(documents.differing()).to.contain('policies');
    await documents.look();
    expect(documents.differing()).to.equal(undefined);
  });

  it("an editor's lock that leads nowhere hinders no comparison", async () => {
    const first = replica('a', 'one');
    await first.documents.look();
    const second = replica('b', 'zero', YESTERDAY);
    const lock = join(second.path, '.#rules.cedar');
    symlinkSync('somebody@somewhere.42', lock);
    await second.documents.look();
    rmSync(lock);
    expect(second.documents.differing()).to.contain('policies');
  });

  it('of a replica that is closed the next takes the place within seconds', async () => {
    const first = replica('a', 'one');
    await first.documents.look();
    await first.documents.close();
    await until('the next one starts', 15_000, async () => {
      const older = replica('b', 'zero', YESTERDAY);
      await older.documents.look();
      return older.documents.differing() === undefined || undefined;
    });
  });

  it('a replica that is closed gives up nothing that another one has too', async () => {
    const [first, second] = [replica('a', 'one'), replica('b', 'one')];
    await first.documents.look();
    await second.documents.look();
    await first.documents.close();
    const older = replica('c', 'zero', YESTERDAY);
    await older.documents.look();
    expect(older.documents.differing()).to.contain('policies');
    await second.documents.look();
    await desert(2);
    const again = replica('c', 'zero', YESTERDAY);
    await again.documents.look();
    expect(again.documents.differing()).to.contain('policies');
  });

  it('of two edits at once one is in force', async () => {
    const replicas = [replica('a', 'one'), replica('b', 'one')];
    for (const { documents } of replicas) await documents.look();
    replicas.forEach(({ edit }, at) => {
      edit(`edit ${at}`);
    });
    await Promise.all(replicas.map(({ documents }) => documents.look()));
    await Promise.all(replicas.map(({ documents }) => documents.look()));
    for (const { later } of replicas) later(3_000);
    expect(replicas.filter(({ documents }) => documents.differing() !== undefined)).to.have.length(1);
  });
});
