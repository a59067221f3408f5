// npm test: whatever is missing first, then mocha; arguments are mocha's (npm test -- --grep K5). The whole suite runs as
// two mochas side by side: the tests that follow keys through a whole product mostly wait, the others compute.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';
import { root } from './sources.mjs';

const ALL = 'dist/test/**/*.test.js';
const PRODUCTS = ['dist/test/chaos/*.test.js', 'dist/test/journeys/*.test.js', 'dist/test/moves/sandbox-moves.test.js'];

await prepare();
const args = process.argv.slice(2);
process.exitCode = args.length > 0 ? await mocha([...args, ...(namesFiles(args) ? [] : [ALL])]) : await everything();

/** Both at once; what the second says is shown when it has ended, so that the two do not mix. */
async function everything() {
  const rest = PRODUCTS.flatMap((path) => ['--ignore', path]);
  const said = [];
  const [computing, waiting] = await Promise.all([mocha([...rest, ALL]), mocha(PRODUCTS, said)]);
  process.stdout.write(Buffer.concat(said));
  return Math.max(computing, waiting);
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
