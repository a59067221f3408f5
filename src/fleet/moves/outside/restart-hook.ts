import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { reasonOf } from '../../../errors.js';
import type { Hook } from '../../inventory.js';
import { bodyOf, faultOf, type HttpCaller } from './http-call.js';
import type { RestartAnswer } from './restarts.js';

const run = promisify(execFile);
const TIMEOUT_MS = 60_000;

/**
 * Restarts a process by its hook. HTTP: POST answers `{started_at}` (ms) once the new process listens. Command: argv
 * without a shell, a clean environment; its end is the new start.
 */
export async function callRestartHook(
  hook: Hook | undefined,
  http: HttpCaller,
  nowMs: () => number,
): Promise<RestartAnswer> {
  if (!hook)
    return { outcome: 'unsupported', reason: 'the inventory has no restart hook: evidence of a restart is needed' };
  if ('kubernetes' in hook)
    return { outcome: 'unsupported', reason: 'restart hooks of kind kubernetes are not supported yet' };
  if ('command' in hook) return runCommand(hook.command, nowMs);
  const reply = await http.send({ method: 'POST', url: hook.http, body: {}, timeoutMs: TIMEOUT_MS });
  const startedAt = (bodyOf(reply) as { started_at?: unknown } | undefined)?.started_at;
  if (typeof startedAt !== 'number') return { outcome: 'unanswered', reason: `restart hook: ${faultOf(reply)}` };
  return { outcome: 'answered', startedAtMs: startedAt, raw: { started_at: startedAt } };
}

async function runCommand(command: readonly string[], nowMs: () => number): Promise<RestartAnswer> {
  const [file, ...args] = command;
  if (file === undefined) return { outcome: 'unsupported', reason: 'the restart command is empty' };
  const begun = nowMs();
  try {
    await run(file, args, { timeout: TIMEOUT_MS, env: { PATH: process.env.PATH }, maxBuffer: 64 * 1024 });
    return { outcome: 'answered', startedAtMs: begun, raw: { command: file, exit: 0 } };
  } catch (thrown) {
    return { outcome: 'unanswered', reason: `restart command: ${reasonOf(thrown).slice(0, 200)}` };
  }
}
