// npm run docs: writes docs/api.md from the code.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';
import { root } from './sources.mjs';

await prepare();
const { apiDocument } = await import('../dist/scripts/api/document.js');
writeFileSync(join(root, 'docs/api.md'), await apiDocument());
