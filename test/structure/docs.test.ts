import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { apiDocument } from '../../scripts/api/document.js';
import { validateConfigFile } from '../../src/config-schema.js';
import { ROOT } from '../../src/paths.js';

describe('documentation', () => {
  it('docs/api.md is what npm run docs writes', async () => {
    expect(readFileSync(join(ROOT, 'docs/api.md'), 'utf8')).to.equal(await apiDocument());
  });

  it('docs/authorization.md: its configuration is one that the broker takes', () => {
    const text = readFileSync(join(ROOT, 'docs/authorization.md'), 'utf8');
    const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '');
    expect(examples).to.have.length(1);
    for (const example of examples) {
      expect(validateConfigFile(parse(example)), JSON.stringify(validateConfigFile.errors)).to.equal(true);
    }
  });

  it('docs/security.md: the files of its table exist, and the tests it names carry the id', () => {
    const rows = readFileSync(join(ROOT, 'docs/security.md'), 'utf8').match(/^\| [BC][1-8] .*$/gm) ?? [];
    expect(rows.length).to.be.greaterThan(10);
    for (const row of rows) {
      const [id = '', , where = '', shown = ''] = row
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
      expect(named(where), row).to.not.deep.equal([]);
      for (const file of named(where)) expect(existsSync(join(ROOT, file)), file).to.equal(true);
      for (const file of named(shown)) {
        const tests = readFileSync(join(ROOT, 'test', file), 'utf8');
        expect(new RegExp(`['"\`].*\\b${id}\\b`).test(tests), `${file} has no test of ${id}`).to.equal(true);
      }
    }
  });
});
