import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';

const MODULE = new URL('../../src/stop-signal.js', import.meta.url).href;
/** Says its process id, stays for half a minute, and says when it is to stop. */
const PROGRAM = `
import { stopSignal } from '${MODULE}';
stopSignal(() => undefined).act(async () => { console.log('stopping'); process.exit(0); });
setTimeout(() => process.exit(1), 30_000);
console.log(process.pid);
`;

describe('When the broker is asked to stop', () => {
  /** As npm does it: a shell between the two, which passes no signal on. */
  async function underShell(env: NodeJS.ProcessEnv) {
    const shell = spawn('/bin/sh', ['-c', '"$0" --input-type=module -e "$1" & wait', process.execPath, PROGRAM], {
      env: { ...process.env, npm_lifecycle_event: undefined, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(shell.stdout, 'data');
    return { shell, pid: Number.parseInt(text, 10), text: () => text };
  }

  it('the end of npm counts as the signal that its shell did not pass on', async () => {
    const { shell, text } = await underShell({ npm_lifecycle_event: 'start' });
    shell.kill('SIGTERM');
    await once(shell, 'close');
    expect(text()).to.contain('stopping');
  });

  it('the end of any other parent does not', async () => {
    const { shell, pid, text } = await underShell({});
    shell.kill('SIGTERM');
    await once(shell, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(text()).to.not.contain('stopping');
    process.kill(pid, 'SIGTERM');
    await once(shell, 'close');
    expect(text()).to.contain('stopping');
  });
});
