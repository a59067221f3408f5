import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { ROOT } from '../../../src/paths.js';
import { policyFolder } from './support/folder.js';

const COMMAND = pathToFileURL(join(ROOT, 'dist/src/cli/policy.js')).href;
const RUN = `import { policyCommand } from ${JSON.stringify(COMMAND)};
const wrong = (thrown) => { process.exitCode = thrown.exitCode === 0 ? 0 : 2; };
const command = policyCommand();
for (const one of [command, ...command.commands]) one.exitOverride();
await command.parseAsync(['node', 'policy', ...process.argv.slice(1)]).catch(wrong);`;

function ovsbPolicy(...words: string[]) {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', RUN, '--', ...words], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

describe('ovsb policy', () => {
  it('check: good files exit 0; bad ones exit 1 with file:line:column; --json is one document', () => {
    expect(ovsbPolicy('check').out).to.match(/\d+ policies in \d+ files are good; policy set [0-9a-f]{64}/);
    const folder = policyFolder({ 'x.cedar': 'permit (principal, action == OVSB::Action::"raed", resource);' });
    const bad = ovsbPolicy('check', '--policies', folder.path);
    expect(bad).to.include({ code: 1, out: '' });
    expect(bad.err).to.match(/^policies\/x\.cedar:1:30: .* — did you mean `OVSB::Action::"read"`\?\n$/);
    const json = JSON.parse(ovsbPolicy('check', '--policies', folder.path, '--json').out);
    expect(json.error.faults[0]).to.include({ file: 'policies/x.cedar', line: 1, column: 30 });
    folder.remove();
    expect(ovsbPolicy('check', '--policies', '/nowhere')).to.include({ code: 1 });
  });

  it('check: warns of an @issuer that its condition does not test: it is advice to clients', () => {
    const policy = (id: string, condition: string) =>
      `@id("${id}") @issuer("https://id.example") permit (principal, action, resource) when { ${condition} };\n`;
    const country = 'context.claims has country && context.claims.country == "IE"';
    const tested = `context.claims has iss && context.claims.iss == "https://id.example" && ${country}`;
    const folder = policyFolder({ 'x.cedar': policy('any', country) + policy('one', tested) });
    const run = ovsbPolicy('check', '--policies', folder.path);
    expect(run.code).to.equal(0);
    expect(run.err).to.match(/^policies\/x\.cedar:1: warning: any names an @issuer[^\n]*\n$/);
    expect(JSON.parse(ovsbPolicy('check', '--policies', folder.path, '--json').out).warnings).to.have.length(1);
    expect(ovsbPolicy('check').err).to.not.include('@issuer');
    folder.remove();
  });

  it('test: runs the tests beside the policies', () => {
    const run = ovsbPolicy('test', '--json');
    expect(run.code).to.equal(0);
    expect(JSON.parse(run.out)).to.include({ failed: 0 });
  });

  it('explain and replay work on an export, offline', () => {
    const question = {
      principal: { party: 'client:app', kind: 'party', attributes: {} },
      clientId: 'app',
      scope: 'pause',
      resource: { type: 'fleet', key: 'fleet', attributes: {} },
      claims: {},
      context: {},
      nowSeconds: 0,
    };
    const row = {
      id: '7',
      at: '2026-01-01T00:00:00.000Z',
      party: 'client:app',
      resource: question.resource,
      scopes: ['pause'],
      outcome: 'permit',
      reason: 'r',
      policies: [],
      claim_names: [],
      policy_set: '',
      question,
    };
    const folder = policyFolder({ 'decisions.json': JSON.stringify({ decisions: [row] }) });
    const file = join(folder.path, 'decisions.json');
    const explained = ovsbPolicy('explain', '7', '--decisions', file);
    expect(explained.out)
      .to.include('with these files: deny')
      .and.include('operator.cedar')
      .and.include('principal.kind is "party"');
    expect(ovsbPolicy('explain', '--decisions', file, '--outcome', 'deny').err).to.include('no recorded decision fits');
    expect(ovsbPolicy('explain', '--decisions', file, '--outcome', 'permit').code).to.equal(0);
    const replayed = ovsbPolicy('replay', '--decisions', file);
    expect(replayed.out)
      .to.match(/^loses {7}client:app {2}pause on fleet fleet: permit → deny/)
      .and.include('1 decisions asked again');
    expect(ovsbPolicy('explain', '8', '--decisions', file)).to.include({ code: 1 });
    writeFileSync(file, `${JSON.stringify(row)}\n${JSON.stringify({ ...row, id: '6' })}\n`);
    expect(ovsbPolicy('replay', '--decisions', file).out, 'NDJSON').to.include(
      '2 decisions asked again: 0 gains, 2 loses',
    );
    writeFileSync(file, '[{"no": "decision"}]');
    expect(ovsbPolicy('replay', '--decisions', file).err).to.include('nor one decision a line');
    folder.remove();
  });
});
