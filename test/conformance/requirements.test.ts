import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../../src/paths.js';
import { idsOf, REQUIREMENTS } from './requirements.js';

/** A heading in the sources; of `it(\`E.1: ${what}\`)` the head is told all the same. */
const HEADING = /\b(describe|it)\(\s*(['"`])((?:\\.|(?!\2).)*)\2/gs;

/** Every id that some test's own heading, or one around it, carries. */
function carriedInSources(): Set<string> {
  const folder = join(ROOT, 'test');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return new Set(
    files.flatMap((name) => {
      const headings = [...readFileSync(join(folder, name), 'utf8').matchAll(HEADING)].map(
        ([, , , title = '']) => title,
      );
      return headings.flatMap((heading) => idsOf([headings[0] ?? '', heading]));
    }),
  );
}

describe('requirements', () => {
  const ids = REQUIREMENTS.map(({ id }) => id);

  it('are listed once each, in a line', () => {
    expect(new Set(ids).size).to.equal(ids.length);
    for (const { text } of REQUIREMENTS) expect(text).to.match(/^\S.{4,110}\S$/);
  });

  it('are each carried by a test', () => {
    const carried = carriedInSources();
    expect(ids.filter((id) => !carried.has(id))).to.deep.equal([]);
  });

  it('no test carries a point of authorization.md that is not listed', () => {
    const dotted = [...carriedInSources()].filter((id) => id.includes('.'));
    expect(dotted.filter((id) => !ids.includes(id))).to.deep.equal([]);
  });

  it('ids are read at the head of a title', () => {
    expect(idsOf(['Guard', 'S.1, E.3, K5: all of it'])).to.deep.equal(['S.1', 'E.3', 'K5']);
    expect(idsOf(['OSB 2.17 x', '16 20 every poll'])).to.deep.equal(['OSB 16', 'OSB 20']);
    expect(idsOf(['B7: phishing', 'of 10 parallel ones, K5 too'])).to.deep.equal(['B7']);
    expect(idsOf(['elsewhere', '16 keys'])).to.deep.equal([]);
  });
});
