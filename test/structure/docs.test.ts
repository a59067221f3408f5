import { readFileSync } from 'node:fs';
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
});
