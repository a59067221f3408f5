import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { loadInventory } from '../../src/fleet/inventory/load-inventory.js';
import { watchInventory } from '../../src/fleet/inventory/watch-inventory.js';
import { expandTargets } from '../../src/fleet/targets/expand-targets.js';
import { loadTargets } from '../../src/fleet/targets/load-targets.js';
import { ROOT } from '../../src/paths.js';

const logger = pino({ level: 'silent' });

const SANDBOX = `
sites: [{ name: home, region: eu, fault_domain: rack-1 }]
execution_nodes:
  - { name: geth-1, implementation: geth, uri: "http://127.0.0.1:8545/", site: home }
beacon_nodes:
  - { name: teku-1, implementation: teku, uri: "http://127.0.0.1:5051", execution_node: geth-1, site: home }
validator_clients:
  - name: teku-geth
    implementation: teku
    keymanager_uri: http://127.0.0.1:7500
    token_file: tokens/teku.txt
    beacon_nodes: [teku-1]
    site: home
    capacity: 64
`;

describe('F inventory', () => {
  let folder: string;
  let nowMs: number;
  const file = (name: string) => join(folder, name);
  const load = (...texts: string[]) =>
    loadInventory(
      texts.map((text, i) => ({ path: file(`${i}.yaml`), text })),
      [file('tokens')],
    );

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ovsb-inventory-'));
    nowMs = Date.now();
    mkdirSync(file('tokens'));
    writeFileSync(file('tokens/teku.txt'), 'api-token', { mode: 0o600 });
    writeFileSync(file('outside.txt'), 'api-token');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reads a document, with defaults', () => {
    const inventory = load(SANDBOX);
    expect(inventory.operators).to.deep.equal([{ name: 'main' }]);
    expect(inventory.executionNodes[0]?.uri).to.equal('http://127.0.0.1:8545');
    expect(inventory.validatorClients[0]).to.deep.include({ signer: 'local', tokenFile: file('tokens/teku.txt') });
  });

  it('merges documents, which may refer to each other', () => {
    const more = `beacon_nodes: [{ name: nimbus-1, implementation: nimbus, uri: "http://127.0.0.1:5052", execution_node: geth-1, site: home }]`;
    expect(load(SANDBOX, more).beaconNodes.map((node) => node.name)).to.deep.equal(['teku-1', 'nimbus-1']);
  });

  it('names all faults together, each with file:line:column', () => {
    const more = `
sites: [{ name: home, region: eu }]
validator_clients:
  - { name: other, implementation: teku, keymanager_uri: "http://127.0.0.1:7500/", token_file: ./outside.txt, beacon_nodes: [nowhere], site: mars, capacity: 1 }
`;
    expect(() => load(SANDBOX, more))
      .to.throw()
      .with.property('message')
      .that.match(/1\.yaml:2:\d+ sites has the name home twice \(first at .*0\.yaml:2:\d+\)/)
      .and.match(/1\.yaml:4:\d+ there is no site named mars/)
      .and.match(/1\.yaml:4:\d+ there is no beacon node named nowhere/)
      .and.match(/1\.yaml:4:\d+ keymanager_uri is teku-geth's/)
      .and.not.match(/undefined/);
    expect(() => load(SANDBOX.replace('capacity: 64', 'capacity: many'))).to.throw(
      /0\.yaml:14:5 .*capacity must be integer/,
    );
    expect(() =>
      load(SANDBOX.replace('signer', 'x').replace('capacity: 64', 'capacity: 1\n    signr: local')),
    ).to.throw(/0\.yaml:15:5 .*signr/);
    expect(() => load('sites: [')).to.throw(/0\.yaml:1:/);
  });

  it('C3 takes tokens only from the token folders, links followed', () => {
    symlinkSync(file('outside.txt'), file('tokens/link.txt'));
    for (const path of ['outside.txt', 'tokens/link.txt', '../../etc/passwd']) {
      expect(() => load(SANDBOX.replace('tokens/teku.txt', path)), path).to.throw(
        /token_file (lies outside|cannot be read)/,
      );
    }
    expect(() => load(SANDBOX.replace('teku.txt', 'absent.txt'))).to.throw(/0\.yaml:11:5 token_file cannot be read/);
  });

  it('C3 A9 reloads after one stable second, keeps the last good one, refuses new identities', () => {
    const path = file('inventory.yaml');
    writeFileSync(path, SANDBOX);
    const watched = watchInventory({
      paths: [path],
      tokenFolders: [file('tokens')],
      inUse: (name) => name === 'teku-geth',
      writableByOthers: 'refuse',
      clock: { nowMs: () => nowMs },
      logger,
    });
    const put = (text: string) => {
      writeFileSync(path, text);
      watched.check();
      nowMs += 500;
      watched.check();
      const early = watched.current().validatorClients[0]?.capacity;
      nowMs += 600;
      watched.check();
      return early;
    };
    expect(put(SANDBOX.replace('64', '128')), 'not yet').to.equal(64);
    expect(watched.current().validatorClients[0]?.capacity).to.equal(128);
    put(SANDBOX.replace('64', 'x'));
    expect(watched.fault()).to.match(/inventory\.yaml:14:5/);
    expect(watched.current().validatorClients[0]?.capacity).to.equal(128);
    put(SANDBOX.replace('7500', '7501'));
    expect(watched.fault()).to.equal('teku-geth: keymanager_uri changes only at a restart');
    put(SANDBOX.replace('teku-geth', 'renamed'));
    expect(watched.fault()).to.contain("renamed: keymanager_uri is teku-geth's").and.contain('cannot be taken out');
    put(SANDBOX.replace('capacity: 64', 'capacity: 64\n    restart: { command: [sh, -c, "true"] }'));
    expect(watched.fault()).to.equal('teku-geth: restart changes only at a restart');
    put(SANDBOX.replace('64', '96'));
    expect(watched.fault()).to.equal(undefined);
    chmodSync(path, 0o666);
    watched.check();
    expect(watched.fault()).to.contain('writable by group or others');
    expect(watched.current().validatorClients[0]?.capacity).to.equal(96);
  });
});

describe('F targets', () => {
  const load = (text: string) => loadTargets({ path: 'diversity.yaml', text });

  it('the shipped file holds a third per consensus and two thirds per execution implementation, mode approve, batches of 8', () => {
    const path = join(ROOT, 'policies', 'diversity.yaml');
    const policy = loadTargets({ path, text: readFileSync(path, 'utf8') });
    expect(policy.mode).to.equal('approve');
    expect(policy.targets).to.deep.include({ layer: 'consensus', name: '*', max: 1 / 3, inner: 0.95 / 3 });
    expect(policy.targets.find((target) => target.layer === 'execution')?.max).to.equal(2 / 3);
    expect(policy.batch.most).to.equal(8);
  });

  it('reads fractions, percentages and presets; own targets stand before presets', () => {
    const policy = load(
      'presets: [lido-el-2025-q4]\ntargets:\n  - { layer: execution, name: "*", max: 60 %, min: 0.1, inner: 1/2 }',
    );
    expect(policy.targets).to.deep.equal([{ layer: 'execution', name: '*', max: 0.6, min: 0.1, inner: 0.5 }]);
  });

  it('refuses with file:line:column', () => {
    expect(() => load('mode: sometimes')).to.throw(/diversity\.yaml:1:1 .*mode must be equal to one of/);
    expect(() => load('targets:\n  - { layer: consensus, name: geth, max: 2 }')).to.throw(/diversity\.yaml:2:37/);
    expect(() => load('targets:\n  - { layer: consensus, name: geth, max: 0.2, min: 0.3 }')).to.throw(
      /diversity\.yaml:2:47 min is above max/,
    );
    expect(() => load('targets:\n  - { layer: group, name: both, max: 0.2 }')).to.throw(/no group named both/);
    expect(() => load('targets: [{layer: pair, name: a/b, max: 0.1}, {layer: pair, name: a/b, max: 0.2}]')).to.throw(
      /another target/,
    );
  });

  it('spells out "*" with the names of the inventory', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ovsb-targets-'));
    mkdirSync(join(folder, 'tokens'));
    writeFileSync(join(folder, 'tokens/teku.txt'), 'x');
    const inventory = loadInventory([{ path: join(folder, 'i.yaml'), text: SANDBOX }], [join(folder, 'tokens')]);
    const policy = load(
      'targets: [{layer: consensus, name: "*", max: 0.5}, {layer: fault_domain, name: "*", max: 0.6}]',
    );
    expect(expandTargets(policy.targets, {}, inventory).map((bound) => `${bound.layer} ${bound.name}`)).to.deep.equal([
      'consensus teku',
      'fault_domain rack-1',
    ]);
    rmSync(folder, { recursive: true });
  });
});
