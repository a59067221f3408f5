/** The sandbox's own control API, under the paths of product.md ("Sandbox only"); the broker passes `/sandbox/*` on to it. */
import { readFileSync } from 'node:fs';
import { compileSchema, problems, type Schema } from '../validate.js';
import type { BeaconNode } from './beacon/beacon-node.js';
import { type BeaconFaults, NO_BEACON_FAULTS } from './beacon/node-view.js';
import type { Chain } from './chain/chain.js';
import { type ExecutionFaults, type ExecutionNode, NO_EXECUTION_FAULTS } from './execution/execution-node.js';
import { type Answer, ok, Refusal, type Request, type Route } from './http.js';
import type { Referee } from './referee/referee.js';
import { isFaults } from './validator-client/faults.js';
import type { ValidatorClientHandle } from './validator-client/validator-client.js';

export interface Fleet {
  readonly chain: Chain;
  readonly referee: Referee;
  readonly validatorClients: ReadonlyMap<string, ValidatorClientHandle>;
  readonly beaconNodes: ReadonlyMap<string, BeaconNode>;
  readonly executionNodes: ReadonlyMap<string, ExecutionNode>;
  uri(part: string): string;
}

const flags = (...names: string[]): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(names.map((name) => [name, { type: 'boolean' }])),
});
export const isBeaconFaults = compileSchema<Partial<BeaconFaults>>(flags('syncing', 'optimistic', 'blind', 'down'));
export const isExecutionFaults = compileSchema<Partial<ExecutionFaults>>({
  type: 'object',
  additionalProperties: false,
  properties: {
    down: { type: 'boolean' },
    delay_ms: { type: 'integer', minimum: 0, maximum: 600_000 },
    status: { type: 'integer', minimum: 0, maximum: 599 },
  },
});

export function controlRoutes(fleet: Fleet): Route[] {
  return [
    ['GET', '/sandbox/referee', () => ok(refereeReport(fleet))],
    ['GET', '/sandbox/referee/signatures', (request) => signatures(fleet, request)],
    ['POST', '/sandbox/referee/self-test', () => ok({ sandbox: true, ...fleet.referee.selfTest() })],
    ['GET', '/sandbox/validator-clients', () => listClients(fleet)],
    ['PUT', '/sandbox/validator-clients/{name}/faults', (request) => setClientFaults(fleet, request)],
    ['POST', '/sandbox/validator-clients/{name}/restart', (request) => restartClient(fleet, request)],
    ['GET', '/sandbox/beacon-nodes', () => ok([...fleet.beaconNodes.values()].map(presentNode))],
    ['PUT', '/sandbox/beacon-nodes/{name}/faults', (request) => setBeaconFaults(fleet, request)],
    ['GET', '/sandbox/execution-nodes', () => ok([...fleet.executionNodes.values()].map(presentNode))],
    ['PUT', '/sandbox/execution-nodes/{name}/faults', (request) => setExecutionFaults(fleet, request)],
    ['GET', '/sandbox/execution-nodes/{name}/log', (request) => ok(named(fleet.executionNodes, request).log())],
  ];
}

function refereeReport({ chain, referee }: Fleet) {
  const { justified, finalized } = checkpoints(chain);
  return {
    epoch: chain.clock.epoch(),
    slot: chain.clock.slot(),
    ...referee.report(),
    justified,
    finalized,
    sandbox: true,
  };
}

function checkpoints(chain: Chain) {
  const { current_justified, finalized } = chain.finality();
  return { justified: Number(current_justified.epoch), finalized: Number(finalized.epoch) };
}

/** Who signed with this key, when: "at A before, at B after, none at A later". */
function signatures({ referee }: Fleet, request: Request): Answer {
  const publicKey = request.query.get('public_key')?.toLowerCase() ?? '';
  if (!/^0x[0-9a-f]{96}$/.test(publicKey)) throw new Refusal(400, 'public_key must be 48 bytes of 0x hex');
  return ok(referee.signaturesOf(publicKey));
}

/** `keys` counts; a client that is just restarting has `null`. */
async function listClients(fleet: Fleet): Promise<Answer> {
  const clients = [...fleet.validatorClients.values()].map(async (client) => {
    const status = await client.status().catch(() => undefined);
    const { name, implementation, tokenFile } = client.settings;
    return {
      name,
      implementation,
      keymanager_uri: fleet.uri(name),
      token: readFileSync(tokenFile, 'utf8').trim(),
      keys: status ? status.publicKeys.length : null,
      public_keys: status?.publicKeys ?? null,
      faults: status?.faults ?? null,
      started_at: client.started()?.startedAt ?? null,
      sandbox: true,
    };
  });
  return ok(await Promise.all(clients));
}

async function setClientFaults(fleet: Fleet, request: Request): Promise<Answer> {
  const client = named(fleet.validatorClients, request);
  const body = request.body;
  if (!isFaults(body)) throw new Refusal(400, problems(isFaults.errors).join('; '));
  return ok({ name: client.settings.name, faults: (await client.setFaults(body)).faults });
}

/** Answers when the new instance listens; `started_at` is later than the call. */
async function restartClient(fleet: Fleet, request: Request): Promise<Answer> {
  const client = named(fleet.validatorClients, request);
  const { startedAt, instanceId } = await client.restart();
  return ok({ name: client.settings.name, started_at: startedAt, instance_id: instanceId });
}

function setBeaconFaults(fleet: Fleet, request: Request): Answer {
  const node = named(fleet.beaconNodes, request);
  if (!isBeaconFaults(request.body)) throw new Refusal(400, problems(isBeaconFaults.errors).join('; '));
  node.faults = { ...NO_BEACON_FAULTS, ...request.body };
  return ok(presentNode(node));
}

function setExecutionFaults(fleet: Fleet, request: Request): Answer {
  const node = named(fleet.executionNodes, request);
  if (!isExecutionFaults(request.body)) throw new Refusal(400, problems(isExecutionFaults.errors).join('; '));
  node.faults = { ...NO_EXECUTION_FAULTS, ...request.body };
  return ok(presentNode(node));
}

function presentNode(node: BeaconNode | ExecutionNode) {
  return { name: node.name, implementation: node.implementation, uri: node.uri, faults: node.faults, sandbox: true };
}

function named<Part>(parts: ReadonlyMap<string, Part>, request: Request): Part {
  const part = parts.get(request.params.name ?? '');
  if (!part) throw new Refusal(404, `the sandbox has no part ${(request.params.name ?? '').slice(0, 80)}`);
  return part;
}
