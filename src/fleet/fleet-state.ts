import type { DataSource, EntityManager } from 'typeorm';
import type { Pair } from './contract.js';
import type { InventorySource } from './inventory.js';
import { DEFAULT_STAKE_GWEI } from './look/validator-stake.js';
import type { Moves, Placement } from './moves/index.js';

/** A key's live allocation to a service instance. */
export interface AllocatedTo extends Pair {
  readonly instanceId: string;
  readonly kind: 'soft' | 'hard';
  readonly allocatedAt: Date;
}

/** A key as planning and shares see it. */
export interface FleetKey {
  readonly publicKey: string;
  /** Where its signing right is, or where its unfinished move leads. */
  readonly validatorClient: string;
  readonly sinceMs: number;
  readonly stakeGwei: bigint;
  /** It has an unfinished move (hold included). */
  readonly moving: boolean;
  readonly allocation?: AllocatedTo;
}

export interface StateDeps {
  readonly dataSource: DataSource;
  readonly moves: Moves;
  readonly inventory: InventorySource;
}

/**
 * Every key that is at a validator client of the inventory or on its way to one, by public key. With a `manager` all is read
 * through its one connection: a transaction that waits for another of the pool could wait for ever.
 */
export async function fleetKeys(deps: StateDeps, manager?: EntityManager): Promise<FleetKey[]> {
  const placements = await deps.moves.placements(manager);
  const moving = placements.flatMap(({ moveId }) => moveId ?? []);
  const destination = manager
    ? await ownDestinations(moving, manager)
    : new Map((await deps.moves.list({ unfinished: true })).map((move) => [move.id, move.to]));
  return describeKeys(deps, placements, destination, manager ?? deps.dataSource.manager);
}

/** Where the moves lead that plans and wishes started; of others only the present holder is known. */
async function ownDestinations(moveIds: readonly string[], manager: EntityManager): Promise<Map<string, string>> {
  const rows: { move_id: string; to_client: string }[] = await manager.query(
    `SELECT move_id, to_client FROM planned_move WHERE move_id = ANY($1)
     UNION SELECT move_id, to_client FROM instance_allocation WHERE move_id = ANY($1) AND to_client IS NOT NULL`,
    [moveIds],
  );
  return new Map(rows.map((row) => [row.move_id, row.to_client]));
}

async function describeKeys(
  deps: StateDeps,
  placements: readonly Placement[],
  destination: ReadonlyMap<string, string>,
  manager: EntityManager,
): Promise<FleetKey[]> {
  const stakes: { public_key: string; effective_balance_gwei: string }[] = await manager.query(
    'SELECT public_key, effective_balance_gwei FROM validator_stake',
  );
  const stakeOf = new Map(stakes.map((row) => [row.public_key, BigInt(row.effective_balance_gwei)]));
  const allocated = await liveAllocations(manager);
  const clients = new Set(deps.inventory().validatorClients.map((client) => client.name));
  const keys = placements.flatMap((placement): FleetKey[] => {
    const validatorClient = destination.get(placement.moveId ?? '') ?? placement.holder;
    if (validatorClient === undefined || !clients.has(validatorClient)) return [];
    const allocation = allocated.get(placement.publicKey);
    return [
      {
        publicKey: placement.publicKey,
        validatorClient,
        sinceMs: placement.since.getTime(),
        stakeGwei: stakeOf.get(placement.publicKey) ?? DEFAULT_STAKE_GWEI,
        moving: placement.moveId !== undefined,
        ...(allocation && { allocation }),
      },
    ];
  });
  return keys.sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
}

async function liveAllocations(manager: EntityManager): Promise<Map<string, AllocatedTo>> {
  const rows: {
    public_key: string;
    consensus: string;
    execution: string;
    instance_id: string;
    kind: 'soft' | 'hard';
    allocated_at: Date;
  }[] = await manager.query(
    `SELECT a.public_key, a.consensus, a.execution, a.allocated_at, w.instance_id, w.kind
         FROM instance_allocation a JOIN wish w ON w.id = a.wish_id
        WHERE a.released_at IS NULL`,
  );
  return new Map(
    rows.map(({ public_key, consensus, execution, instance_id, kind, allocated_at }) => [
      public_key,
      { consensus, execution, instanceId: instance_id, kind, allocatedAt: allocated_at },
    ]),
  );
}

/** Names of validator clients that are up with a synced node route; before the first look nothing is known to be down. */
export async function usableClients(
  deps: StateDeps,
  manager: EntityManager = deps.dataSource.manager,
): Promise<Set<string>> {
  const rows: { kind: string; name: string; state: string }[] = await manager.query(
    'SELECT kind, name, state FROM node_state',
  );
  const bad = new Set(rows.filter((row) => row.state !== 'up').map((row) => `${row.kind} ${row.name}`));
  const { validatorClients, beaconNodes } = deps.inventory();
  const executionOf = new Map(beaconNodes.map((node) => [node.name, node.executionNode]));
  return new Set(
    validatorClients
      .filter(
        (client) =>
          !bad.has(`validator_client ${client.name}`) &&
          client.beaconNodes.some(
            (name) => !bad.has(`beacon_node ${name}`) && !bad.has(`execution_node ${executionOf.get(name) ?? ''}`),
          ),
      )
      .map((client) => client.name),
  );
}
