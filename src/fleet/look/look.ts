import type { DataSource } from 'typeorm';
import type { Clock } from '../../clock.js';
import { reasonOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { InventorySource } from '../inventory.js';
import type { Moves } from '../moves/index.js';
import { type NodeKind, NodeState } from './node-state.js';
import { type Finding, type Network, probeBeaconNode, probeExecutionNode, probeValidatorClient } from './probe.js';
import { KEYS_PER_REQUEST, readStakes } from './read-stakes.js';
import { ValidatorStake } from './validator-stake.js';

/** Balances change by epoch at most; credentials hardly ever. */
const STAKE_FRESH_MS = 300_000;
/** A look must end before the next but one begins; more keys wait for the next look. */
const STAKE_REQUESTS_PER_LOOK = 8;
const PROBES_AT_ONCE = 32;

export interface LookDeps {
  readonly dataSource: DataSource;
  readonly moves: Pick<Moves, 'placements'>;
  readonly inventory: InventorySource;
  /** Nodes of another one are refused. */
  readonly network?: Network;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One look at the whole fleet: probes every part, refreshes old stakes. Idempotent; two at once only do work twice. */
export async function look(deps: LookDeps, signal: AbortSignal): Promise<void> {
  await writeStates(deps, await probeAll(deps, signal));
  await refreshStakes(deps, signal);
}

interface Found extends Finding {
  readonly kind: NodeKind;
  readonly name: string;
}

async function probeAll({ inventory, network }: LookDeps, signal: AbortSignal): Promise<Found[]> {
  const { executionNodes, beaconNodes, validatorClients } = inventory();
  const probes: (() => Promise<Found>)[] = [
    ...executionNodes.map(
      (node) => async () => found('execution_node', node.name, await probeExecutionNode(node, signal, network)),
    ),
    ...beaconNodes.map(
      (node) => async () => found('beacon_node', node.name, await probeBeaconNode(node, signal, network)),
    ),
    ...validatorClients.map(
      (client) => async () => found('validator_client', client.name, await probeValidatorClient(client, signal)),
    ),
  ];
  const results: Found[] = [];
  for (let start = 0; start < probes.length && !signal.aborted; start += PROBES_AT_ONCE) {
    results.push(...(await Promise.all(probes.slice(start, start + PROBES_AT_ONCE).map((probe) => probe()))));
  }
  // An abort makes probes fail; that says nothing of the nodes.
  return signal.aborted ? [] : results;
}

function found(kind: NodeKind, name: string, finding: Finding): Found {
  return { kind, name, ...finding };
}

async function writeStates({ dataSource, clock, logger }: LookDeps, found: readonly Found[]): Promise<void> {
  if (found.length === 0) return;
  const now = new Date(clock.nowMs());
  const before = new Map(
    (await dataSource.getRepository(NodeState).find()).map((row) => [`${row.kind} ${row.name}`, row]),
  );
  const rows = found.map(({ kind, name, ...finding }) => {
    const old = before.get(`${kind} ${name}`);
    const { state, detail } = settled(finding, old);
    if (old?.state !== state)
      logger[state === 'refused' ? 'error' : 'info']({ kind, name, state, detail }, 'node state');
    return { kind, name, state, detail, since: old?.state === state ? old.since : now, checkedAt: now };
  });
  await dataSource.getRepository(NodeState).upsert(rows, ['kind', 'name']);
}

/** Who does not answer has not become of our network: a foreign node stays refused until it says otherwise. */
function settled(found: Finding, old: NodeState | undefined): Finding {
  return found.state === 'down' && old?.state === 'refused' ? { state: 'refused', detail: old.detail } : found;
}

async function refreshStakes(
  { dataSource, moves, inventory, clock, logger }: LookDeps,
  signal: AbortSignal,
): Promise<void> {
  const stakes = dataSource.getRepository(ValidatorStake);
  const limit = KEYS_PER_REQUEST * STAKE_REQUESTS_PER_LOOK;
  const fresh = new Date(clock.nowMs() - STAKE_FRESH_MS);
  const seen = new Map(
    (await stakes.find({ select: { publicKey: true, seenAt: true } })).map((row) => [row.publicKey, row.seenAt]),
  );
  const due = (await moves.placements())
    .map((placement) => placement.publicKey)
    .filter((publicKey) => (seen.get(publicKey) ?? new Date(0)) < fresh)
    .slice(0, limit);
  const states = await dataSource.getRepository(NodeState).findBy({ kind: 'beacon_node', state: 'up' });
  const up = new Set(states.map((row) => row.name));
  const node = inventory().beaconNodes.find(({ name }) => up.has(name));
  if (!node) return;
  for (let start = 0; start < due.length && !signal.aborted; start += KEYS_PER_REQUEST) {
    try {
      const rows = await readStakes(node.uri, due.slice(start, start + KEYS_PER_REQUEST), signal);
      const seenAt = new Date(clock.nowMs());
      if (rows.length > 0)
        await stakes.upsert(
          rows.map((row) => ({ ...row, seenAt })),
          ['publicKey'],
        );
    } catch (thrown) {
      logger.warn({ node: node.name, reason: reasonOf(thrown) }, 'stakes could not be read');
      return;
    }
  }
}
