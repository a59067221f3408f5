import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createPolicyEngine } from '../../../authz/policy/engine.js';
import type { PolicyEngine } from '../../../authz/policy/types.js';
import { ask, silent, wallet } from './support/ask.js';
import { type PolicyFolder, policyFolder } from './support/folder.js';

const PERMIT = '@id("open") permit (principal, action, resource);\n';
const FORBID = '@id("shut") forbid (principal, action, resource);\n';
const question = ask(wallet(undefined), 'read', { type: 'plan', key: 'p' });

describe('hot reload of policies', () => {
  let folder: PolicyFolder;
  let engine: PolicyEngine;
  beforeEach(async () => {
    folder = policyFolder({ 'x.cedar': PERMIT });
    engine = await createPolicyEngine({ folder: folder.path, writableFiles: 'refuse', logger: silent });
  });
  afterEach(() => {
    engine.stop();
    folder.remove();
  });

  /** It takes two seconds at most; a busy machine is given more. */
  async function soon(holds: () => boolean): Promise<void> {
    const end = performance.now() + 20_000;
    while (!holds() && performance.now() < end) await sleep(20);
    expect(holds()).to.equal(true);
  }

  it('an edit comes into force, and listeners hear of it once', async () => {
    let heard = 0;
    engine.onChange(() => heard++);
    const before = engine.hash();
    folder.write('y.cedar', FORBID);
    await soon(() => engine.assess(question).outcome === 'deny');
    expect(engine.hash()).to.not.equal(before);
    expect(heard).to.equal(1);
  });

  it('a bad file is refused with its place while the old set stays; mending it clears the fault', async () => {
    const before = engine.hash();
    folder.write('x.cedar', `${PERMIT}permit (principal, action);`);
    await soon(() => engine.fault() !== undefined);
    expect(engine.fault()).to.match(/^policies\/x\.cedar:2:/);
    expect(engine.hash()).to.equal(before);
    expect(engine.assess(question).outcome).to.equal('permit');
    folder.write('x.cedar', PERMIT);
    await soon(() => engine.fault() === undefined);
  });

  it('C3: a file that is still being written is not read', async () => {
    for (let part = 0; part < 80; part++) {
      folder.write('x.cedar', `${PERMIT}// ${'x'.repeat(part)}\n${FORBID}`);
      await sleep(20);
      expect(engine.assess(question).outcome).to.equal('permit');
    }
    await soon(() => engine.assess(question).outcome === 'deny');
  });

  it('a folder that disappears leaves the set in force and is a fault until it is back', async () => {
    renameSync(folder.path, `${folder.path}.away`);
    await soon(() => engine.fault() !== undefined);
    expect(engine.assess(question).outcome).to.equal('permit');
    renameSync(`${folder.path}.away`, folder.path);
    await soon(() => engine.fault() === undefined);
  });
});
