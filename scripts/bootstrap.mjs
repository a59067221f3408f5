// Brings a fresh checkout to the point where dist/ can run: installs what is missing, builds what is newer than dist/.
// Uses nothing but Node itself, because nothing else is there yet. Writes below the checkout and npm's cache only.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const lockFolder = join(root, '.bootstrap-lock');
const LONGEST_BOOTSTRAP_MS = 15 * 60_000;

/** @param say where progress goes: a line at a time. Takes milliseconds when nothing is missing. */
export async function prepare(say = (line) => process.stderr.write(`${line}\n`)) {
  requireNode();
  if (isInstalled() && (await isBuilt())) return;
  await locked(say, async () => {
    if (!isInstalled()) await install(say);
    linkCommand();
    if (!(await isBuilt())) await build(say);
  });
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 11) || (major === 22 && minor >= 13) || (major === 20 && minor >= 19))
    return;
  process.stderr.write(
    `Node ${process.versions.node} is not supported: use 20.19 or newer, 22.13 or newer, or 24.11 or newer\n`,
  );
  process.exit(1);
}

/** npm's own record of what it installed names every package of the lock file in its version (other platforms' excepted). */
function isInstalled() {
  const wanted = readJson(join(root, 'package-lock.json')).packages;
  const found = readJson(join(modules, '.package-lock.json'))?.packages;
  if (found === undefined) return false;
  return Object.entries(wanted).every(
    ([place, item]) =>
      place === '' || item.optional === true || item.devOptional === true || found[place]?.version === item.version,
  );
}

async function install(say) {
  if (existsSync(modules) && lstatSync(modules).isSymbolicLink()) {
    throw new Error(`${modules} is a link to packages that do not fit package-lock.json; run "npm ci" where it leads`);
  }
  say('ovsb: installing packages (once; a minute or two) …');
  const began = Date.now();
  const flags = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  await (npm === undefined ? run('npm', flags) : run(process.execPath, [npm, ...flags]));
  say(`ovsb: packages installed in ${seconds(began)} s`);
}

async function build(say) {
  const began = Date.now();
  const { build: buildAll } = await import('./build.mjs');
  await buildAll();
  say(`ovsb: built in ${seconds(began)} s`);
}

async function isBuilt() {
  const { fingerprint, builtFingerprint } = await import('./sources.mjs');
  return builtFingerprint() === fingerprint();
}

/** `npx ovsb` inside the checkout finds its command among the installed ones. */
function linkCommand() {
  const link = join(modules, '.bin', 'ovsb');
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync('../../scripts/ovsb.mjs', link);
}

/** One bootstrap at a time in a checkout; a lock whose process is gone, or older than any install, is taken over. */
async function locked(say, work) {
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lockFolder);
      break;
    } catch (taken) {
      if (taken.code !== 'EEXIST') throw taken;
      if (isStale()) rmSync(lockFolder, { recursive: true, force: true });
      else if (!told) say('ovsb: waiting for another start that installs or builds …');
      await sleep(200);
    }
  }
  try {
    writeFileSync(join(lockFolder, 'pid'), String(process.pid));
    await work();
  } finally {
    rmSync(lockFolder, { recursive: true, force: true });
  }
}

function isStale() {
  try {
    if (Date.now() - statSync(lockFolder).mtimeMs > LONGEST_BOOTSTRAP_MS) return true;
    const pid = Number(readFileSync(join(lockFolder, 'pid'), 'utf8'));
    process.kill(pid, 0);
    return false;
  } catch (gone) {
    return gone.code === 'ESRCH';
  }
}

/** Runs to the end, its output on our stderr; a signal meant for us ends it first. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    const forward = (signal) => {
      child.kill(signal);
      process.exitCode = 1;
    };
    process.once('SIGTERM', forward).once('SIGINT', forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      process.off('SIGTERM', forward).off('SIGINT', forward);
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args[0]} ended with ${signal ?? code}`));
    });
  });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (missing) {
    if (missing.code === 'ENOENT') return undefined;
    throw missing;
  }
}

function seconds(began) {
  return ((Date.now() - began) / 1000).toFixed(1);
}
