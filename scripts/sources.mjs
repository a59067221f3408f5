// Which files dist/ is made of, and whether it is made of them as they are now.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDERS = ['src', 'authz', 'broker', 'test', 'bench', 'scripts'];

/** Name of the file in dist/ that keeps the fingerprint of what it was built from. */
export const MARKER = '.built-from';

/** Every .ts file of the product, its tests, benchmarks and scripts, relative to the root, sorted. */
export function sources() {
  const found = ['ormconfig.ts'];
  for (const folder of FOLDERS.filter((name) => existsSync(join(root, name)))) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
        found.push(relative(root, join(entry.parentPath, entry.name)));
    }
  }
  return found.sort();
}

/** Changes when a source is added, removed, edited or touched, or the toolchain changes. */
export function fingerprint() {
  const hash = createHash('sha256');
  for (const file of [...sources(), 'package-lock.json', 'scripts/build.mjs']) {
    const { mtimeMs, size } = statSync(join(root, file));
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest('hex');
}

/** What dist/ was built from; undefined when there is none. */
export function builtFingerprint() {
  try {
    return readFileSync(join(root, 'dist', MARKER), 'utf8');
  } catch (missing) {
    if (missing.code === 'ENOENT') return undefined;
    throw missing;
  }
}
