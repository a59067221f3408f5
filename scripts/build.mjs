// Transpiles every TypeScript file to dist/, mirroring the tree, so that `npm start`, `npm test`, worker threads and
// child processes all run the same plain JavaScript. Types are checked by `npm run types`, not here.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, MARKER, root, sources } from './sources.mjs';

/** Builds beside dist/ and puts it in its place whole. Needs node_modules. */
export async function build() {
  const { build: transpile, stop } = await import('esbuild');
  const made = `dist.${process.pid}`;
  const builtFrom = fingerprint();
  try {
    await transpile({
      absWorkingDir: root,
      entryPoints: sources(),
      outdir: made,
      outbase: '.',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'linked',
      logLevel: 'warning',
    });
    writeFileSync(join(root, made, MARKER), builtFrom);
    rmSync(join(root, 'dist'), { recursive: true, force: true });
    renameSync(join(root, made), join(root, 'dist'));
  } finally {
    await stop();
    rmSync(join(root, made), { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
