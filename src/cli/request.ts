import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { PrivateKeyAccount } from 'viem/accounts';
import { DomainError } from '../errors.js';
import { cliBaseUrl, cliDataDir } from './broker-address.js';
import { type Progress, RequestingParty } from './requesting-party.js';
import { type Answer, fetchJson } from './uma-client.js';
import { newWallet, readWallet } from './wallet.js';

const CLIENT_ID = 'ovsb-cli';
const SANDBOX_CHAIN_ID = 31337;
/** OSB wants both; a wallet has neither organization nor space. */
const CONTEXT = { organization_guid: 'wallet', space_guid: 'wallet' };

interface Options {
  readonly plan: string;
  readonly keys?: number;
  readonly wallet?: string;
  readonly chainId: number;
  readonly timeout: number;
  readonly credentials?: string;
  readonly json?: boolean;
}

interface Plan {
  readonly serviceId: string;
  readonly planId: string;
  readonly name: string;
  readonly kind: string;
}

/** `ovsb request`: the staker's whole journey, a line per step (product.md, Commands). */
export function requestCommand(): Command {
  return new Command('request')
    .description('ask for a plan as a staker: catalog, ticket, wallet signature, RPT, provision, bind, one call')
    .requiredOption('--plan <service/plan>', 'for instance validator-nimbus/geth or rpc-ethereum/read')
    .option('--keys <n>', 'how many keys of a validator plan (default: 1)', positiveInteger)
    .option(
      '--wallet <file>',
      'file with a private key; without it a new wallet is made and kept in the data directory',
    )
    .option('--chain-id <id>', "the network's EIP-155 chain id", positiveInteger, SANDBOX_CHAIN_ID)
    .option('--timeout <seconds>', 'how long to wait for the operation or the operator', positiveInteger, 600)
    .option('--credentials <file>', "write the binding's credentials there (mode 0600); they are not printed")
    .option('--json', 'one JSON document on stdout')
    .action((options: Options) => request(options));
}

async function request(options: Options): Promise<void> {
  const steps: Record<string, unknown>[] = [];
  const progress: Progress = (step, line, facts = {}) => {
    if (!steps.some((done) => done.step === step)) steps.push({ step, ...facts });
    if (options.json !== true) process.stdout.write(`${step.padEnd(13)}${line}\n`);
  };
  try {
    await journey(options, progress);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ steps })}\n`);
  } catch (thrown) {
    if (!(thrown instanceof DomainError)) throw thrown;
    if (options.json === true) {
      const error = { code: thrown.code, description: thrown.message };
      process.stdout.write(`${JSON.stringify({ steps, error })}\n`);
    } else process.stderr.write(`refused: ${thrown.message}\n`);
    process.exitCode = 1;
  }
}

async function journey(options: Options, progress: Progress): Promise<void> {
  const baseUrl = cliBaseUrl();
  const { wallet, keepWallet } = walletFor(options);
  const quiet = (step: string, line: string, facts?: Record<string, unknown>) => {
    if (step === 'submitted') progress(step, line, facts);
  };
  let tell: Progress = quiet;
  const party = new RequestingParty({
    baseUrl,
    clientId: CLIENT_ID,
    chainId: options.chainId,
    wallet,
    approvalTimeoutSeconds: options.timeout,
    progress: (...told) => tell(...told),
  });

  const plan = await choosePlan(party, options.plan);
  progress('catalog', `${plan.name} is offered`, { plan: plan.name, service_id: plan.serviceId, plan_id: plan.planId });

  keepWallet();
  const instanceId = randomUUID();
  const instance = `/v2/service_instances/${instanceId}`;
  tell = progress;
  const accepted = await party.call('PUT', `${instance}?accepts_incomplete=true`, {
    statement: `Provision ${plan.name}.`,
    body: {
      service_id: plan.serviceId,
      plan_id: plan.planId,
      ...CONTEXT,
      ...(options.keys === undefined ? {} : { parameters: { keys: options.keys } }),
    },
  });
  tell = quiet;
  expectStatus(accepted, [200, 201, 202], 'provision');
  progress('provision', `instance ${instanceId} accepted`, {
    instance_id: instanceId,
    operation: accepted.body.operation,
  });

  const description =
    accepted.status === 202 ? await waitUntilSucceeded(party, instance, accepted, options) : 'nothing to wait for';
  progress('succeeded', description, { description });

  const credentials = await bind(party, instance, plan);
  if (options.credentials !== undefined) writeCredentials(options.credentials, credentials);
  progress('bind', bindLine(credentials), shown(credentials));
  if (plan.kind === 'rpc') await callBlockNumber(credentials, progress);
}

/** The wallet of the file named, else a new one that is kept once there is something to sign for. */
function walletFor(options: Options): { readonly wallet: PrivateKeyAccount; readonly keepWallet: () => void } {
  if (options.wallet !== undefined) return { wallet: readWallet(options.wallet), keepWallet: () => undefined };
  const { account, keep } = newWallet();
  const file = join(cliDataDir(), 'wallets', `${account.address.toLowerCase()}.json`);
  return {
    wallet: account,
    keepWallet() {
      keep(file);
      if (options.json !== true)
        process.stdout.write(`${'wallet'.padEnd(13)}new sandbox wallet ${account.address}, kept in ${file}\n`);
    },
  };
}

async function choosePlan(party: RequestingParty, wanted: string): Promise<Plan> {
  const answer = await party.call('GET', '/v2/catalog', { statement: 'Read the catalog.' });
  expectStatus(answer, [200], 'catalog');
  const services = answer.body.services as {
    id: string;
    name: string;
    plans: { id: string; name: string; metadata?: { ovsb?: { kind?: string } } }[];
  }[];
  const plans = services.flatMap((service) =>
    service.plans.map((plan) => ({
      serviceId: service.id,
      planId: plan.id,
      name: `${service.name}/${plan.name}`,
      kind: plan.metadata?.ovsb?.kind ?? 'unknown',
    })),
  );
  const found = plans.find((plan) => plan.name === wanted);
  if (found === undefined) {
    throw new DomainError('UnknownPlan', `no plan ${wanted}; there are: ${plans.map((plan) => plan.name).join(', ')}`);
  }
  return found;
}

/** Polls last_operation at the pace the broker asks for; tells each new description on stderr. */
async function waitUntilSucceeded(
  party: RequestingParty,
  instance: string,
  accepted: Answer,
  options: Options,
): Promise<string> {
  const operation = encodeURIComponent(String(accepted.body.operation ?? ''));
  const deadline = Date.now() + options.timeout * 1000;
  let told = '';
  for (;;) {
    const answer = await party.call('GET', `${instance}/last_operation?operation=${operation}`, {
      statement: 'Read my instance.',
    });
    expectStatus(answer, [200], 'last_operation');
    const { state, description } = answer.body as { state?: string; description?: string };
    if (description !== undefined && description !== told) {
      told = description;
      if (options.json !== true) process.stdout.write(`${''.padEnd(13)}${description}\n`);
    }
    if (state === 'succeeded') return told;
    if (state === 'failed') throw new DomainError('OperationFailed', told || 'the operation failed');
    if (Date.now() > deadline)
      throw new DomainError('TimedOut', `still ${told} after ${options.timeout} s; it goes on without us`);
    await sleep(Math.min(Number(answer.headers.get('retry-after') ?? 2), 10) * 1000);
  }
}

async function bind(party: RequestingParty, instance: string, plan: Plan): Promise<Record<string, unknown>> {
  const answer = await party.call('PUT', `${instance}/service_bindings/${randomUUID()}`, {
    statement: `Bind ${plan.name}.`,
    body: { service_id: plan.serviceId, plan_id: plan.planId },
  });
  expectStatus(answer, [200, 201], 'bind');
  return (answer.body.credentials ?? {}) as Record<string, unknown>;
}

async function callBlockNumber(credentials: Record<string, unknown>, progress: Progress): Promise<void> {
  const answer = await fetchJson(String(credentials.uri), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${String(credentials.bearer_token)}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }),
  });
  const { result } = answer.body;
  if (answer.status !== 200 || typeof result !== 'string') {
    throw new DomainError('NoBlock', `eth_blockNumber answered HTTP ${answer.status}: ${JSON.stringify(answer.body)}`);
  }
  progress('block', `block ${BigInt(result)} (eth_blockNumber over ${String(credentials.uri)})`, {
    block: Number(BigInt(result)),
  });
}

function expectStatus(answer: Answer, good: readonly number[], what: string): void {
  if (good.includes(answer.status)) return;
  const why = answer.body.description ?? answer.body.error_description ?? answer.body.error ?? 'no reason given';
  throw new DomainError(String(answer.body.error ?? 'Refused'), `${what}: HTTP ${answer.status}: ${String(why)}`);
}

/** For the application that will use them. */
function writeCredentials(file: string, credentials: Record<string, unknown>): void {
  writeFileSync(file, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
}

/** Everything but the secret. */
function shown(credentials: Record<string, unknown>): Record<string, unknown> {
  const { bearer_token: _secret, ...rest } = credentials;
  return { credentials: rest };
}

function bindLine(credentials: Record<string, unknown>): string {
  if (typeof credentials.uri === 'string') return `endpoint ${credentials.uri}`;
  const keys = Array.isArray(credentials.public_keys) ? credentials.public_keys.map(String) : [];
  return `${keys.length} key(s) on ${String(credentials.implementation)}: ${keys.map((key) => `${key.slice(0, 14)}…`).join(', ')}`;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1');
  return value;
}
