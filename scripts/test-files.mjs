// The compiled test files, and how they are shared out to mochas that run side by side.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { root } from './sources.mjs';

const tests = join(root, 'dist/test');
/** Loads for groups of about the same length. The first two follow keys through whole products and mostly wait. */
const GROUPS = [
  ['journeys/', 'moves/sandbox-moves'],
  ['chaos/', 'database/', 'keys/', 'moves/', 'sandbox/', 'scheduler/', 'fleet/'],
];

/** Every test file, relative to the root. */
export function testFiles() {
  return readdirSync(tests, { recursive: true })
    .filter((file) => file.endsWith('.test.js'))
    .sort()
    .map((file) => relative(root, join(tests, file)));
}

/** Those that use the test database. What starts a product of its own, or has no database, says nothing new by URL. */
export function databaseTestFiles() {
  const database = join(tests, 'support/database.js');
  const known = new Map();
  const reaches = (file) => {
    if (file === database) return true;
    if (!known.has(file)) {
      known.set(file, false);
      known.set(file, importsOf(file).some(reaches));
    }
    return known.get(file);
  };
  return testFiles().filter((file) => reaches(join(root, file)));
}

/** Local modules of the tests that this one imports. */
function importsOf(file) {
  const found = readFileSync(file, 'utf8').matchAll(/\bfrom\s*["'](\.[^"']+)["']/g);
  return [...found].map(([, path]) => resolve(dirname(file), path)).filter((path) => path.startsWith(tests));
}

/** The files in groups, none of them empty; a file is in the first group that names it, else in the last. */
export function grouped(files) {
  const groups = [...GROUPS, ['']].map(() => []);
  for (const file of files) {
    const at = GROUPS.findIndex((names) => names.some((name) => relative(tests, join(root, file)).startsWith(name)));
    groups.at(at).push(file);
  }
  return groups.filter((group) => group.length > 0);
}
