import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockDataDirectory } from '../../src/database/data-directory-lock.js';
import { ROOT } from '../../src/paths.js';

describe('A start that is refused says why, at once and without a stack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ovsb-refused-'));
  const dataDir = join(folder, 'data');
  const policies = join(folder, 'policies');

  beforeEach(() => {
    rmSync(policies, { recursive: true, force: true });
    cpSync(join(ROOT, 'policies'), policies, { recursive: true });
  });

  after(() => rmSync(folder, { recursive: true }));

  /** `npm start`'s own script; resolves to its lines on stderr. */
  function start(env: Record<string, string>): Promise<{ code: number | null; lines: string[] }> {
    const child = spawn(process.execPath, ['scripts/start.mjs'], {
      cwd: ROOT,
      env: { ...process.env, OVSB_DATA_DIR: dataDir, OVSB_PORT: '1', OVSB_POLICIES: policies, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 60_000,
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    return new Promise((resolve) => {
      child.on('close', (code) => resolve({ code, lines: text.trimEnd().split('\n') }));
    });
  }

  async function freePort(): Promise<{ port: string; free(): Promise<void> }> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = String(typeof address === 'object' && address ? address.port : 0);
    return { port, free: () => new Promise((resolve) => server.close(() => resolve())) };
  }

  it('bad policies, targets and inventory: every fault with file:line:column and a fix, nothing started', async function () {
    this.timeout(70_000);
    appendFileSync(join(policies, 'wallets.cedar'), 'permit (principal, action, resource');
    writeFileSync(join(policies, 'diversity.yaml'), 'mode: approve\nsurprise: 1\n');
    const inventory = join(folder, 'inventory.yaml');
    writeFileSync(inventory, 'sites:\n  - {name: a}\n');
    const { port, free } = await freePort();
    await free();
    const { code, lines } = await start({ OVSB_PORT: port, OVSB_INVENTORY: inventory });
    expect(code).to.equal(1);
    expect(lines.join('\n')).to.match(/policies\/wallets\.cedar:\d+:\d+: unexpected end of input/);
    expect(lines.join('\n')).to.match(/diversity\.yaml:2:1 .*surprise/);
    expect(lines.join('\n')).to.match(/inventory\.yaml:2:5 .*region/);
    expect(lines.filter((line) => line.includes('fix: '))).to.have.length(3);
    expect(lines.filter((line) => !line.startsWith('ovsb: '))).to.deep.equal([]);
    expect(existsSync(join(dataDir, 'postgres'))).to.equal(false);
  });

  it('a taken address: one line that names it', async function () {
    this.timeout(70_000);
    const { port, free } = await freePort();
    const { code, lines } = await start({ OVSB_PORT: port });
    await free();
    expect(code).to.equal(1);
    expect(lines).to.deep.equal([
      `ovsb: 127.0.0.1:${port} is in use by another program; stop that one, or set OVSB_PORT to another port`,
    ]);
  });

  it('a data directory in use: one line that names it, whatever else is wrong', async function () {
    this.timeout(70_000);
    const lock = await lockDataDirectory(dataDir);
    const { port, free } = await freePort();
    const { code, lines } = await start({ OVSB_PORT: port });
    await free();
    lock.release();
    expect(code).to.equal(1);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.contain(`${dataDir} is in use by another ovsb (process ${process.pid})`);
  });
});
