import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPolicyEngine } from '../../../authz/policy/engine.js';
import { readPolicyFiles } from '../../../authz/policy/files.js';
import { loadPolicySet } from '../../../authz/policy/load.js';
import { statementsOf } from '../../../authz/policy/statements.js';
import { reasonOf } from '../../../src/errors.js';
import { silent } from './support/ask.js';
import { policyFolder } from './support/folder.js';

/** What the start says about these files; undefined when it starts. */
async function refusal(files: Readonly<Record<string, string>>, writableFiles: 'warn' | 'refuse' = 'refuse') {
  const folder = policyFolder(files);
  try {
    const engine = await createPolicyEngine({ folder: folder.path, writableFiles, logger: silent });
    engine.stop();
    return undefined;
  } catch (thrown) {
    return reasonOf(thrown);
  } finally {
    folder.remove();
  }
}

const GOOD = 'permit (principal, action, resource) when { principal.kind == "operator" };\n';

describe('policy files', () => {
  const cases: readonly [string, string, RegExp][] = [
    [
      'a missing comma',
      `// ä 😀\n${GOOD}\n  permit (principal, action resource);`,
      /^policies\/x\.cedar:4:29: unexpected token `resource` — expected .*`,`/,
    ],
    [
      'an unknown action',
      `${GOOD}permit (principal, action == OVSB::Action::"raed", resource);`,
      /^policies\/x\.cedar:2:30: unrecognized action .* — did you mean `OVSB::Action::"read"`\?/,
    ],
    [
      'an unknown claim',
      'permit (principal, action, resource)\nwhen { context.claims has eth_address &&\n  context.claims.eth_adress == "é" };',
      /^policies\/x\.cedar:3:3: attribute `claims\.eth_adress` .* — did you mean `claims\.eth_address`\?/,
    ],
    [
      'an optional fact without has',
      'permit (principal, action, resource is OVSB::Plan) when { resource.share_ppm < 3 };',
      /^policies\/x\.cedar:1:59: .*optional attribute `share_ppm`.* — try testing/,
    ],
    ['an unknown type', 'permit (principal, action, resource is OVSB::Pln);', /:1:40: .*did you mean `OVSB::Plan`/],
    ['a wrong effect', 'allow (principal, action, resource);', /:1:1: .*`permit` or `forbid`/],
    [
      'a missing semicolon',
      `${GOOD}permit (principal, action, resource)`,
      /^policies\/x\.cedar:2:37: unexpected end of input — expected `;`/,
    ],
    [
      'an unclosed text',
      `permit (principal, action, resource) when { principal.id == "x };\n${GOOD}`,
      /^policies\/x\.cedar:2:72: invalid token/,
    ],
    [
      'an unknown obligation',
      `@obligation("ask_mum") ${GOOD}`,
      /:1:1: unknown obligation "ask_mum" — .*owner_approval/,
    ],
    [
      'an obligation on a forbid',
      '@obligation("owner_approval") forbid (principal, action, resource);',
      /:1:1: a forbid cannot carry an obligation/,
    ],
    [
      'an id used twice',
      `@id("a") ${GOOD}@id("a") ${GOOD}`,
      /:2:1: @id\("a"\) is already used at policies\/x\.cedar:1 — /,
    ],
  ];
  for (const [name, text, expected] of cases) {
    it(`the start refuses ${name} with file:line:column and what to fix`, async () => {
      expect(await refusal({ 'x.cedar': text })).to.match(expected);
    });
  }

  it('all faults are told at once, in every file', async () => {
    const message = await refusal({
      'a.cedar': 'permit (principal, action, resource is OVSB::Pln);',
      'owners/o/b.cedar': `\npermit (principal, action == OVSB::Action::"raed", resource);`,
    });
    expect(message?.split('\n')).to.have.length(2);
    expect(message)
      .to.match(/policies\/a\.cedar:1:/)
      .and.match(/policies\/owners\/o\/b\.cedar:2:/);
  });

  it('an absent folder is refused with its path and what to set', async () => {
    const started = createPolicyEngine({ folder: '/nowhere/policies', writableFiles: 'warn', logger: silent });
    expect(await started.then(() => '', reasonOf)).to.match(
      /^\/nowhere\/policies:1:1: cannot be read: .* — OVSB_POLICIES/,
    );
  });

  it('a policy in a folder that is not read is refused, not silently left out', async () => {
    expect(await refusal({ 'sub/x.cedar': GOOD })).to.match(
      /^policies\/sub\/x\.cedar:1:1: policies are not read from here — move it/,
    );
    expect(await refusal({ 'owners/x.cedar': GOOD })).to.match(/^policies\/owners\/x\.cedar:1:1: /);
  });

  it('a broken or absent schema is refused with its place', async () => {
    expect(await refusal({ 'schema.cedarschema': 'namespace OVSB {\n  entity Party = { id: Strin };\n}' })).to.match(
      /^policies\/schema\.cedarschema:2:/,
    );
  });

  it('shares that name no template, or are not YAML, are refused with their line', async () => {
    const template =
      '@id("read-plan") permit (principal == ?principal, action == OVSB::Action::"read", resource == ?resource);';
    const share = (id: string) =>
      `shares:\n  - template: ${id}\n    principal: client:a\n    resource: { type: plan, key: p }\n`;
    expect(await refusal({ 't.cedar': template, 'shares.yaml': share('read-plan') })).to.equal(undefined);
    expect(await refusal({ 't.cedar': template, 'shares.yaml': share('red-plan') })).to.match(
      /^policies\/shares\.yaml:2:5: no template .* — did you mean `read-plan`\?/,
    );
    expect(await refusal({ 't.cedar': template, 'shares.yaml': 'shares: [' })).to.match(
      /^policies\/shares\.yaml:\d+:\d+: /,
    );
    expect(await refusal({ 't.cedar': template, 'shares.yaml': 'shares: [{}]' })).to.match(/template/);
  });

  it('B3: a share of one owner’s template never takes another’s of the same id', async () => {
    const template =
      '@id("view") permit (principal == ?principal, action == OVSB::Action::"use", resource == ?resource);';
    const share = (more: string) =>
      `shares:\n  - template: view\n${more}    principal: client:a\n    resource: { type: album, key: a }\n`;
    const owners = { 'owners/one/t.cedar': template, 'owners/two/t.cedar': template };
    expect(await refusal({ ...owners, 'shares.yaml': share('') })).to.match(
      /^policies\/shares\.yaml:2:5: the templates of two owners have the id "view" — name the `owner`/,
    );
    expect(await refusal({ ...owners, 'shares.yaml': share('    owner: three\n') })).to.match(/no template has the id/);
    const folder = policyFolder({ ...owners, 'shares.yaml': share('    owner: two\n') });
    const { policies } = loadPolicySet(await readPolicyFiles(folder.path));
    expect(policies.map(({ id, owner }) => [id, owner])).to.deep.equal([['view#1', 'two']]);
    folder.remove();
  });

  it('C3: files that group or world may write: refused, in the sandbox only warned of', async () => {
    for (const [mode, refused] of [
      ['refuse', true],
      ['warn', false],
    ] as const) {
      const folder = policyFolder({ 'x.cedar': GOOD });
      chmodSync(join(folder.path, 'x.cedar'), 0o666);
      const result = await createPolicyEngine({ folder: folder.path, writableFiles: mode, logger: silent }).then(
        (engine) => engine.stop(),
        (thrown) => reasonOf(thrown),
      );
      expect(result !== undefined).to.equal(refused);
      if (refused) expect(result).to.include('policies/x.cedar:1:1: is writable by group or world — chmod go-w');
      folder.remove();
    }
  });

  it('statements keep the file’s order and their bytes, whatever stands in texts and comments', () => {
    const text =
      '// ; one\n@id("a;b") permit(principal,action,resource); // ;\n\nforbid(principal,action,resource) when { principal.id == "\\";ü" };';
    const found = statementsOf(text);
    expect(found.map((one) => one.text.slice(0, 6))).to.deep.equal(['@id("a', 'forbid']);
    const bytes = Buffer.from(text);
    for (const one of found) expect(bytes.subarray(one.byteOffset).toString().startsWith(one.text)).to.equal(true);
    expect(statementsOf('// nothing\n')).to.deep.equal([]);
  });
});
