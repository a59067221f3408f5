// npm test: whatever is missing first, then mocha; arguments are mocha's (npm test -- --grep K5). Without arguments the
// whole suite, with --database the part that touches the database, both as mochas side by side.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';
import { root } from './sources.mjs';
import { databaseTestFiles, grouped, testFiles } from './test-files.mjs';

await prepare();
const args = process.argv.slice(2);
process.exitCode = await run();

function run() {
  if (args.length === 0) return sideBySide(testFiles());
  if (args.length === 1 && args[0] === '--database') return sideBySide(databaseTestFiles());
  return mocha(namesFiles(args) ? args : [...args, ...testFiles()]);
}

/** What the others say is shown when they have ended, so that they do not mix with the last, which is shown as it runs. */
async function sideBySide(files) {
  const groups = grouped(files);
  const said = groups.map(() => []);
  const codes = await Promise.all(
    groups.map((group, at) => mocha(group, at < groups.length - 1 ? said[at] : undefined)),
  );
  process.stdout.write(Buffer.concat(said.flat()));
  return Math.max(...codes);
}

function namesFiles(given) {
  return given.some((arg, at) => arg.startsWith('dist/') && !given[at - 1]?.startsWith('--'));
}

/** Resolves to the exit code; with `said`, what it prints is kept there. */
function mocha(given, said) {
  const child = spawn(process.execPath, [join(root, 'node_modules/mocha/bin/mocha.js'), ...given], {
    cwd: root,
    stdio: said ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  });
  child.stdout?.on('data', (chunk) => said.push(chunk));
  child.stderr?.on('data', (chunk) => said.push(chunk));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}
