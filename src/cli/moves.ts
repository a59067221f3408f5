import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { type MoveBody, shortKey } from './fleet-bodies.js';
import { type OperatorClient, operatorClient } from './operator-client.js';
import { print, table } from './print.js';

interface Options {
  readonly state?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

const POLL_MS = 1000;
/** Between two batches there may be nothing underway for a moment. */
const QUIET_POLLS = 4;
const FINAL = new Set(['placed', 'aborted']);

/** `ovsb moves`: keys on their way, and where each stands. */
export function movesCommand(): Command {
  return new Command('moves')
    .description('keys on their way from one validator client to another, and those that arrived')
    .option(
      '--state <state>',
      'only those in this state: preflight, draining, confirming, restarted, quiet, ready, importing, verify, placed, aborted or hold',
    )
    .option('--watch', 'a line for each change, until no move is underway (a held one ends it with exit code 1)')
    .option('--json', 'one JSON document on stdout')
    .action((options: Options) => (options.watch ? watch(options) : list(options)));
}

async function list(options: Options): Promise<void> {
  const moves = await read(operatorClient(), options);
  const rows = moves.map((move) => [shortKey(move.public_key), move.from, move.to, move.state, move.reason]);
  const lines = rows.length === 0 ? ['no moves'] : table([['key', 'from', 'to', 'state', 'reason'], ...rows]);
  print(options.json, moves, lines);
}

async function watch(options: Options): Promise<void> {
  const operator = operatorClient();
  const states = new Map<string, string>();
  let moves: MoveBody[] = [];
  for (let quiet = 0; quiet < QUIET_POLLS; ) {
    moves = await read(operator, options);
    const changed = moves.filter((move) => states.get(move.id) !== move.state);
    // What had ended before the watch began is old news.
    const first = states.size === 0;
    for (const move of changed) states.set(move.id, move.state);
    const news = first ? changed.filter(({ state }) => !FINAL.has(state)) : changed;
    if (!options.json) for (const move of news) process.stdout.write(`${line(move, moves)}\n`);
    const underway = moves.some(({ state }) => !FINAL.has(state) && state !== 'hold');
    quiet = underway ? 0 : quiet + 1;
    await sleep(POLL_MS);
  }
  const held = moves.filter(({ state }) => state === 'hold');
  const placed = moves.filter(({ state }) => state === 'placed').length;
  print(options.json, moves, [
    `${placed} placed, ${held.length} held, ${moves.filter(({ state }) => state === 'aborted').length} aborted`,
  ]);
  if (held.length > 0) process.exitCode = 1;
}

async function read(operator: OperatorClient, { state }: Options): Promise<MoveBody[]> {
  const query = state === undefined ? '' : `?state=${encodeURIComponent(state)}`;
  const { body } = await operator.call('GET', `/fleet/moves${query}`);
  return (body as unknown as { moves: MoveBody[] }).moves;
}

function line(move: MoveBody, moves: readonly MoveBody[]): string {
  const done = moves.filter(({ state }) => FINAL.has(state)).length;
  const why = move.state === 'hold' || move.state === 'aborted' ? `: ${move.reason}` : '';
  return `${new Date(move.updated_at).toISOString().slice(11, 19)}  ${shortKey(move.public_key)}  ${move.from} → ${move.to}  ${move.state}${why}  (${done}/${moves.length} ended)`;
}
