import type Router from '@koa/router';
import type { DataSource } from 'typeorm';
import type { Guard } from '../../authz/index.js';
import type { Clock } from '../clock.js';
import { reasonOf } from '../errors.js';
import type { Job } from '../job.js';
import type { Logger } from '../logger.js';
import type { FleetProvisioning, Pair, StakeHolder, StakeSource } from './contract.js';
import { holdings, sharesOf } from './diversity/shares.js';
import { WatchedDocument } from './documents/watched-document.js';
import { fleetRoutes } from './fleet-routes.js';
import { CachedView } from './fleet-view.js';
import type { OpenInventory } from './inventory/open-inventory.js';
import { look } from './look/look.js';
import { NodeState } from './look/node-state.js';
import type { Network } from './look/probe.js';
import type { MoveControl, Moves } from './moves/index.js';
import { offeredPairs } from './offered-pairs.js';
import { HighsSolver } from './planner/solver.js';
import { approvePlan } from './plans/approve-plan.js';
import { dispatchPlan } from './plans/dispatch-plan.js';
import { draftPlan, storePlan } from './plans/propose-plan.js';
import { RebalancingPlan } from './plans/rebalancing-plan.js';
import { StakeCheck } from './provisioning/check-stakes.js';
import { uncontrolledKeys } from './provisioning/controls-keys.js';
import { holdsKeys } from './provisioning/holds-keys.js';
import { keysOnPlan } from './provisioning/keys-on-plan.js';
import { PoolTokens, withPoolTokens } from './provisioning/pool-tokens.js';
import { createProvisioning } from './provisioning/provisioning.js';
import type { PoolToken } from './provisioning/read-pool-balance.js';
import { type Standing, standingOf } from './provisioning/standing.js';
import { startHindrance } from './provisioning/start-waiting.js';
import { loadTargets } from './targets/load-targets.js';
import type { DiversityPolicy } from './targets/targets.js';

export interface FleetOptions {
  readonly dataSource: DataSource;
  readonly moves: Moves & Pick<MoveControl, 'abort'>;
  readonly inventory: OpenInventory;
  /** policies/diversity.yaml. */
  readonly diversityPath: string;
  /** Nodes of another network are refused (security.md C1). */
  readonly network?: Network;
  readonly stake: StakeSource;
  /** Tokens of staking pools that count as stake beside it. */
  readonly poolTokens?: readonly PoolToken[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** While sealed no move starts and no plan is approved (security.md A1). */
  readonly seal: { sealed(): string | undefined };
  /** Unfinished moves of provisioning at once; the sandbox has 16. */
  readonly provisioningInFlight: number;
  readonly writableByOthers: 'refuse' | 'warn';
}

export interface Fleet {
  readonly provisioning: FleetProvisioning;
  /** `resourceId`: of the authz resource type `fleet`, key `fleet`, scopes read, plan, approve, pause. */
  routes(guard: Guard, resourceId: string): Router;
  readonly jobs: readonly Job[];
  readonly facts: {
    /** Whether any key of the fleet is known: without one there are no shares. */
    known(): boolean;
    consensusShare(implementation: string): Promise<number | undefined>;
    executionShare(implementation: string): Promise<number | undefined>;
    standing(party: StakeHolder): Promise<Standing>;
    /** Keys of all live instances of a plan of the catalog. */
    keysOnPlan(plan: string): Promise<number>;
    /** Whether the holder controls every key by its finalised withdrawal credentials. */
    controlsKeys(holder: StakeHolder, publicKeys: readonly string[]): Promise<boolean>;
    holdsKeys(party: string, publicKeys: readonly string[]): Promise<boolean>;
  };
  /** What the inventory's validator clients really follow, read anew each time. */
  offeredPairs(): readonly Pair[];
  /** Beacon nodes of another network, as the last look found them. */
  refusedBeaconNodes(): ReadonlySet<string>;
  /** Why provisioning cannot be served yet. */
  notReady(): string | undefined;
  /** That keys were given for stake that is no longer there; of the replica that runs the periodic work. */
  stakeWarnings(): readonly string[];
  /** Faults of the newest documents that were refused while the last good ones stay in force. */
  documentFaults(): readonly string[];
  /** SHA-256 (hex) of the diversity targets in force. */
  targetsHash(): string;
  /** Names of an instance's execution nodes for the gateway; without an instance the pool's. */
  upstreams: (endpoint: {
    readonly validatorInstanceId?: string;
  }) => Promise<ReturnType<FleetProvisioning['executionNodes']>>;
  close(): Promise<void>;
}

/** The fleet: what it is, what it should be, and the steps between. @throws DomainError `DocumentRefused` for bad targets. */
export function createFleet(options: FleetOptions): Fleet {
  const { dataSource, moves, clock, logger, seal } = options;
  const inventory = options.inventory.source;
  const network = options.network === undefined ? {} : { network: options.network };
  const targets = watchTargets(options);
  const diversity = () => targets.current();
  let hindrance: string | undefined;
  const know = async () => {
    hindrance = await startHindrance(plans);
  };
  const halted: FleetOptions['moves'] = {
    ...bound(moves),
    paused: async () => sealedPause(seal, clock) ?? moves.paused(),
    pause: (reason) => moves.pause(reason).then(know),
    resume: () => moves.resume().then(know),
  };
  const view = new CachedView({ dataSource, moves, inventory }, clock);
  const solver = new HighsSolver();
  const plans = { dataSource, moves: halted, inventory, diversity, solver, clock, logger };
  const states = new Map<string, NodeState>();

  options.inventory.protect((name) => view.last()?.keys.some((key) => key.validatorClient === name) ?? true);
  const tick = setInterval(() => {
    options.inventory.check();
    targets.check();
    refresh().catch((thrown: unknown) => logger.warn({ reason: reasonOf(thrown) }, 'the fleet could not be read'));
  }, 1000);
  tick.unref();
  const refresh = async () => {
    for (const row of await dataSource.getRepository(NodeState).find()) states.set(`${row.kind} ${row.name}`, row);
    await know();
    await view.current();
  };

  const share = async (layer: 'consensus' | 'execution', implementation: string) => {
    const shares = sharesOf(holdings((await view.current()).keys, inventory()));
    return shares.stakeGwei === 0n
      ? undefined
      : (shares[layer].find(({ name }) => name === implementation)?.share ?? 0);
  };
  const executionNodes = () => {
    const rank = { up: 0, unknown: 1, syncing: 2, down: 3, refused: 4 };
    const rankOf = (name: string) => rank[states.get(`execution_node ${name}`)?.state ?? 'unknown'];
    return inventory()
      .executionNodes.filter(({ name }) => rankOf(name) < rank.refused)
      .sort((a, b) => rankOf(a.name) - rankOf(b.name));
  };
  const { poolTokens: tokens = [] } = options;
  const poolTokens = new PoolTokens({ dataSource, tokens, nodes: executionNodes, clock, logger });
  const stake = tokens.length === 0 ? options.stake : withPoolTokens(options.stake, poolTokens);
  const stakeCheck = new StakeCheck(dataSource, stake, logger);
  const provisioning: FleetProvisioning = {
    ...createProvisioning({
      ...plans,
      stake,
      inFlight: options.provisioningInFlight,
      hindrance: () => hindrance,
    }),
    consensusShare: (implementation) => share('consensus', implementation),
    executionNodes,
  };

  return {
    provisioning,
    routes: (guard, resourceId) => fleetRoutes({ ...plans, view, seal }, guard, resourceId),
    jobs: [
      {
        name: 'look',
        schedule: '*/2 * * * * *',
        async run(signal) {
          await look({ dataSource, moves, inventory, clock, logger, ...network }, signal);
          await refresh();
        },
      },
      { name: 'plan', schedule: '*/30 * * * * *', run: () => planInAutoMode(plans) },
      // An epoch of 384 s has one run at least.
      {
        name: 'stakes',
        schedule: '20 */6 * * * *',
        async run(signal) {
          await poolTokens.forgetOld();
          await stakeCheck.run(signal);
        },
      },
      { name: 'dispatch', schedule: '* * * * * *', run: () => dispatchPlan(plans) },
    ],
    facts: {
      known: () => (view.last()?.keys.length ?? 0) > 0,
      consensusShare: provisioning.consensusShare,
      executionShare: (implementation) => share('execution', implementation),
      standing: (party) => standingOf({ dataSource, stake }, party),
      keysOnPlan: (plan) => keysOnPlan(plan, dataSource.manager),
      holdsKeys: (party, publicKeys) => holdsKeys(party, publicKeys, dataSource.manager),
      controlsKeys: async (holder, publicKeys) =>
        (await uncontrolledKeys(holder, publicKeys, dataSource.manager)).length === 0,
    },
    offeredPairs: () => offeredPairs(inventory()),
    refusedBeaconNodes: () =>
      new Set(
        [...states.values()].flatMap(({ kind, name, state }) =>
          kind === 'beacon_node' && state === 'refused' ? [name] : [],
        ),
      ),
    notReady: () => (view.last() ? undefined : 'the fleet has not been looked at yet'),
    stakeWarnings: () => stakeCheck.warnings(),
    documentFaults: () => [options.inventory.fault(), targets.fault()].filter((fault) => fault !== undefined),
    targetsHash: () => targets.hash(options.diversityPath),
    async upstreams({ validatorInstanceId }) {
      const nodes = provisioning.executionNodes();
      if (validatorInstanceId === undefined) return nodes;
      const endpoint = await provisioning.endpoint(validatorInstanceId);
      return nodes.filter(({ name }) => name === endpoint?.executionNode.name);
    },
    async close() {
      clearInterval(tick);
      await solver.close();
    },
  };
}

function watchTargets(options: FleetOptions): WatchedDocument<DiversityPolicy> {
  return new WatchedDocument({
    name: 'diversity targets',
    paths: [options.diversityPath],
    load: (texts) => loadTargets(texts[0] ?? { path: options.diversityPath, text: '' }),
    writableByOthers: options.writableByOthers,
    clock: options.clock,
    logger: options.logger,
  });
}

/** Mode auto: when nothing is in force and the fleet is outside its targets, a plan is made and approved at once. */
async function planInAutoMode(deps: Parameters<typeof dispatchPlan>[0]): Promise<void> {
  if (deps.diversity().mode !== 'auto' || (await deps.moves.paused())) return;
  const inForce = await deps.dataSource
    .getRepository(RebalancingPlan)
    .existsBy([{ state: 'approved' }, { state: 'running' }]);
  if (inForce) return;
  const draft = await draftPlan(deps);
  if (draft.result.moves.length === 0) return;
  const plan = await storePlan(deps, draft);
  await approvePlan(deps, plan.id, 'auto');
}

function sealedPause(seal: FleetOptions['seal'], clock: Clock): { reason: string; since: Date } | undefined {
  const reason = seal.sealed();
  return reason === undefined ? undefined : { reason: `sealed: ${reason}`, since: new Date(clock.nowMs()) };
}

/** Moves may be a class: its methods keep their object. */
function bound(moves: FleetOptions['moves']): FleetOptions['moves'] {
  return {
    start: (move, manager) => moves.start(move, manager),
    list: (filter) => moves.list(filter),
    get: (id) => moves.get(id),
    placements: (manager) => moves.placements(manager),
    pause: (reason) => moves.pause(reason),
    resume: () => moves.resume(),
    paused: () => moves.paused(),
    advance: (signal) => moves.advance(signal),
    reconcile: (signal) => moves.reconcile(signal),
    adopt: (signal) => moves.adopt(signal),
    abort: (id, manager) => moves.abort(id, manager),
  };
}
