import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { apiDocument } from '../../scripts/api/document.js';
import { ROOT } from '../../src/paths.js';

describe('documentation', () => {
  it('docs/api.md is what npm run docs writes', async () => {
    expect(readFileSync(join(ROOT, 'docs/api.md'), 'utf8')).to.equal(await apiDocument());
  });
});
