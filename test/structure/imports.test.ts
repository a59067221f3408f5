import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../../src/paths.js';

const KERNEL_FILES =
  /^src\/(errors|clock|logger|validate|job|paths|config|seal|encrypt-to)\.ts$|^src\/database\/|^ormconfig\.ts$/;

/** Longest prefix first. What is not listed (main, app, cli, migrations, ormconfig) may import anything. */
const AREAS = [
  'authz',
  'broker',
  'src/keys',
  'src/fleet',
  'src/gateway',
  'src/scheduler',
  'src/database',
  'src/http',
  'src/sandbox',
] as const;

/** A door is one file: nothing deeper may be imported. */
const ALLOWED: Record<(typeof AREAS)[number], readonly RegExp[]> = {
  authz: [/^src\/http\//],
  broker: [
    /^authz\/index\.ts$/,
    /^src\/keys\//,
    /^src\/gateway\/endpoint\.ts$/,
    /^src\/fleet\/index\.ts$/,
    /^src\/http\//,
  ],
  'src/fleet': [/^src\/keys\//, /^authz\/index\.ts$/, /^src\/http\//],
  'src/gateway': [/^authz\/index\.ts$/, /^src\/http\//],
  // The move protocol is the keys' work behind the door the fleet fixed: types only.
  'src/keys': [/^authz\/index\.ts$/, /^src\/http\//, /^src\/fleet\/moves\//, /^src\/fleet\/inventory\.ts$/],
  'src/scheduler': [],
  'src/database': [],
  'src/http': [],
  'src/sandbox': [],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function imports(): Import[] {
  const found: Import[] = [];
  for (const folder of ['src', 'authz', 'broker'].filter((name) => existsSync(join(ROOT, name)))) {
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const file = join(entry.parentPath, entry.name);
      for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\(|import) ?'(\.[^']+)'/g)) {
        const to = relative(ROOT, join(dirname(file), target)).replace(/\.js$/, '.ts');
        found.push({ from: relative(ROOT, file), to });
      }
    }
  }
  return found;
}

const areaOf = (file: string) => AREAS.find((area) => file.startsWith(`${area}/`));

describe('who may import whom (architecture.md)', () => {
  const all = imports();

  it('reads imports at all', () => expect(all.length).to.be.above(50));

  for (const area of AREAS) {
    it(`${area} imports only what it may`, () => {
      const wrong = all
        .filter(({ from, to }) => areaOf(from) === area && areaOf(to) !== area)
        .filter(({ to }) => !KERNEL_FILES.test(to) && !ALLOWED[area].some((allowed) => allowed.test(to)))
        .map(({ from, to }) => `${from} → ${to}`);
      expect(wrong).to.deep.equal([]);
    });
  }

  it('nothing inside an area imports in circles', () => {
    const circles = AREAS.flatMap((area) =>
      circlesOf(all.filter(({ from, to }) => [from, to].every((file) => areaOf(file) === area))),
    );
    expect(circles).to.deep.equal([]);
  });

  it('an entity imports no routes, and nothing but main and the tests imports app', () => {
    const wrong = all.filter(
      ({ from, to }) => (to === 'src/app.ts' && from !== 'src/main.ts') || (/-routes\.ts$/.test(to) && isEntity(from)),
    );
    expect(wrong).to.deep.equal([]);
  });
});

/** What is left when files that import nothing of the rest have been taken away, again and again, from either end. */
function circlesOf(edges: readonly Import[]): readonly string[] {
  const importing = new Set(edges.map(({ from }) => from));
  const imported = new Set(edges.map(({ to }) => to));
  const left = edges.filter(({ from, to }) => importing.has(to) && imported.has(from));
  return left.length < edges.length ? circlesOf(left) : left.map(({ from, to }) => `${from} → ${to}`);
}

function isEntity(file: string): boolean {
  return /^@Entity\(/m.test(readFileSync(join(ROOT, file), 'utf8'));
}
