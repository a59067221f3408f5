import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { HttpCaller } from '../../src/fleet/moves/outside/http-call.js';
import { callRestartHook } from '../../src/fleet/moves/outside/restart-hook.js';
import { temporaryFolder } from '../support/database.js';

describe('a restart hook that is a command', () => {
  const folder = temporaryFolder('hook');
  const http = new HttpCaller();
  after(async () => {
    await http.close();
    rmSync(folder, { recursive: true });
  });
  const restart = (...command: string[]) => callRestartHook({ command }, http, () => 7);

  it('C3: gets its arguments as they are written, without a shell, and none of the broker’s environment', async () => {
    const said = join(folder, 'said.json');
    const tell = `require('fs').writeFileSync(${JSON.stringify(said)}, JSON.stringify([process.argv.slice(1), Object.keys(process.env)]))`;
    const words = ['$(touch /tmp/never)', '; exit 1', '$HOME', 'a b'];
    process.env.OVSB_TEST_SECRET = 'of the broker';
    try {
      const answer = await restart(process.execPath, '-e', tell, ...words);
      expect(answer).to.deep.equal({
        outcome: 'answered',
        startedAtMs: 7,
        raw: { command: process.execPath, exit: 0 },
      });
    } finally {
      delete process.env.OVSB_TEST_SECRET;
    }
    const [argv, environment] = JSON.parse(readFileSync(said, 'utf8')) as [string[], string[]];
    expect(argv).to.deep.equal(words);
    expect(environment.filter((name) => name !== 'PATH' && !name.startsWith('__'))).to.deep.equal([]);
  });

  it('a command that fails, or is not there, restarted nothing', async () => {
    expect((await restart(process.execPath, '-e', 'process.exit(3)')).outcome).to.equal('unanswered');
    expect((await restart(join(folder, 'nothing'))).outcome).to.equal('unanswered');
  });
});
