// Transpiles every TypeScript file to dist/, mirroring the tree, so that `npm start`, `npm test`, worker threads and
// child processes all run the same plain JavaScript. Types are checked by `npm run types`, not here.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folders = ['src', 'authz', 'broker', 'test', 'bench'];

/** Every .ts file below the product's source folders, relative to the root. */
function sources() {
  const found = ['ormconfig.ts'];
  for (const folder of folders.filter((name) => existsSync(join(root, name)))) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
        found.push(relative(root, join(entry.parentPath, entry.name)));
    }
  }
  return found;
}

/** Builds dist/ from nothing; resolves when it is whole. Needs node_modules. */
export async function build() {
  const { build: transpile } = await import('esbuild');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await transpile({
    absWorkingDir: root,
    entryPoints: sources(),
    outdir: 'dist',
    outbase: '.',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
