// npm test: whatever is missing first, then mocha; further arguments are mocha's (npm test -- --grep K5).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';
import { root } from './sources.mjs';

await prepare();
const args = process.argv.slice(2);
const named = args.some((arg, at) => arg.startsWith('dist/') && !args[at - 1]?.startsWith('--'));
const files = named ? [] : ['dist/test/**/*.test.js'];
const mocha = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...args, ...files], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => mocha.kill(signal));
mocha.once('exit', (code) => process.exit(code ?? 1));
