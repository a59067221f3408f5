// npm run conformance: runs the tests that carry requirement ids and prints which requirement they show. --json: one
// document on stdout. Exit code 1 when a requirement has no test, or one that did not pass.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './bootstrap.mjs';
import { root } from './sources.mjs';

const json = process.argv.includes('--json');
await prepare();
const { default: Mocha } = await import('mocha');
const { idsOf, REQUIREMENTS } = await import('../dist/test/conformance/requirements.js');
const { mochaHooks } = await import('../dist/test/support/hooks.js');

const mocha = new Mocha({ reporter: class {}, rootHooks: mochaHooks, ...timeout() });
for (const file of testFiles()) mocha.addFile(file);
await mocha.loadFilesAsync();
keepCarriers(mocha.suite);
const shown = await run();
const table = REQUIREMENTS.map(({ id, text }) => {
  const tests = shown.filter(({ ids }) => ids.includes(id)).map(({ title, state }) => ({ title, state }));
  return { id, requirement: text, result: resultOf(tests), tests };
});
if (json) process.stdout.write(`${JSON.stringify({ requirements: table, totals: totals() })}\n`);
else print();
process.exit(table.every(({ result }) => result === 'pass') && shown.every(({ state }) => state !== 'fail') ? 0 : 1);

function timeout() {
  return { timeout: JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8')).timeout };
}

/** Only files whose source has a heading with an id are loaded: others would start what nobody asks for. */
function testFiles() {
  return readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(root, 'dist/test', name))
    .filter((file) => /\b(describe|it)\(\s*["'`]([A-Z]\.?\d{1,2}[,: ]|OSB 2\.17)/.test(readFileSync(file, 'utf8')))
    .sort();
}

function keepCarriers(suite) {
  const known = new Set(REQUIREMENTS.map(({ id }) => id));
  suite.tests = suite.tests.filter((test) => idsOf(test.titlePath()).some((id) => known.has(id)));
  for (const inner of suite.suites) keepCarriers(inner);
}

/** Resolves to every test and how it ended. */
function run() {
  const ended = [];
  const note = (test, state) => {
    ended.push({ ids: idsOf(test.titlePath()), title: test.titlePath().join(' › '), state });
    if (!json && process.stderr.isTTY) process.stderr.write(`\r${ended.length} tests`);
  };
  return new Promise((resolve) => {
    const runner = mocha.run(() => {
      if (!json && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      resolve(ended);
    });
    runner.on('pass', (test) => note(test, 'pass'));
    runner.on('pending', (test) => note(test, 'skipped'));
    runner.on('fail', (test, fault) => {
      note(test, 'fail');
      process.stderr.write(`\n${test.titlePath().join(' › ')}\n${fault.stack ?? fault}\n`);
    });
  });
}

function resultOf(tests) {
  if (tests.length === 0) return 'no test';
  if (tests.some(({ state }) => state === 'fail')) return 'fail';
  return tests.some(({ state }) => state === 'pass') ? 'pass' : 'skipped';
}

function totals() {
  const counts = { requirements: table.length, pass: 0, fail: 0, skipped: 0, 'no test': 0, tests: shown.length };
  for (const { result } of table) counts[result] += 1;
  return counts;
}

function print() {
  for (const { id, requirement, result, tests } of table) {
    process.stdout.write(`${id.padEnd(8)}${result.padEnd(9)}${requirement}\n`);
    for (const { title, state } of tests)
      process.stdout.write(`${' '.repeat(17)}· ${title}${state === 'pass' ? '' : ` (${state})`}\n`);
  }
  const { requirements, tests, ...results } = totals();
  const counted = Object.entries(results).map(([result, count]) => `${count} ${result}`);
  process.stdout.write(`${requirements} requirements: ${counted.join(', ')}; ${tests} tests\n`);
}
