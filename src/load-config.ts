import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { Config } from './config.js';
import { type ConfigFile, LOG_LEVELS, type StakeSourceFile, validateConfigFile } from './config-schema.js';
import { reasonOf } from './errors.js';
import { openIdConfig } from './openid-config.js';
import { ROOT } from './paths.js';

/** All that is wrong with the configuration, one line per fault, each with its place. */
export class ConfigFaults extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

export interface ConfigRequest {
  readonly mode: Config['mode'];
  /** The YAML file; undefined: OVSB_CONFIG, else config/sandbox.yaml for the sandbox and nothing for serve. */
  readonly file?: string;
  readonly validatorApi?: Config['validatorApi'];
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Reads the file, lets the environment override it, and answers the whole or refuses the whole.
 * Relative paths in the file start at its own folder, those in the environment at the working directory.
 * @throws ConfigFaults
 */
export function loadConfig(request: ConfigRequest): Config {
  const faults: string[] = [];
  const environment = readEnvironment(request.environment, faults);
  const chosen = request.file ?? request.environment.OVSB_CONFIG;
  const path = chosen ? resolve(chosen) : request.mode === 'sandbox' ? join(ROOT, 'config/sandbox.yaml') : undefined;
  const file = path ? readConfigFile(path, faults) : {};
  const folder = path ? dirname(path) : process.cwd();
  const config = merge(request, file, folder, environment, faults);
  if (faults.length > 0) throw new ConfigFaults(faults);
  return config;
}

interface Environment {
  readonly port?: number;
  readonly host?: string;
  readonly publicUrl?: string;
  readonly dataDir?: string;
  readonly policies?: string;
  readonly inventory?: string;
  readonly slotMs?: number;
  readonly logLevel?: string;
  readonly databaseUrl?: string;
}

function readEnvironment(variables: NodeJS.ProcessEnv, faults: string[]): Environment {
  const text = (name: string, accepts: (value: string) => boolean, rule: string) => {
    const value = variables[name];
    if (value === undefined || value === '') return {};
    if (accepts(value)) return { value };
    faults.push(`${name} ${rule}`);
    return {};
  };
  const whole = (name: string, least: number, most: number) => {
    const { value } = text(
      name,
      (digits) => /^\d{1,9}$/.test(digits) && Number(digits) >= least && Number(digits) <= most,
      `must be a whole number from ${least} to ${most}`,
    );
    return value === undefined ? undefined : Number(value);
  };
  const any = () => true;
  return withoutUndefined({
    port: whole('OVSB_PORT', 1, 65_535),
    host: text('OVSB_HOST', any, '').value,
    publicUrl: text('OVSB_PUBLIC_URL', isOrigin, 'must be an http or https origin without a path').value,
    dataDir: text('OVSB_DATA_DIR', isAbsolute, 'must be an absolute path').value,
    policies: text('OVSB_POLICIES', any, '').value,
    inventory: text('OVSB_INVENTORY', any, '').value,
    slotMs: whole('OVSB_SANDBOX_SLOT_MS', 50, 60_000),
    logLevel: text('OVSB_LOG_LEVEL', (level) => LOG_LEVELS.includes(level), `must be one of ${LOG_LEVELS.join(', ')}`)
      .value,
    databaseUrl: text('DATABASE_URL', (url) => /^postgres(ql)?:\/\//.test(url), 'must begin with postgres://').value,
  });
}

function readConfigFile(path: string, faults: string[]): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (failure) {
    faults.push(`${path}: ${reasonOf(failure)}`);
    return {};
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    faults.push(`${path}:${line}:${col} ${error.message.split('\n')[0]}`);
  }
  if (document.errors.length > 0) return {};
  const content: unknown = document.toJS({ maxAliasCount: 10 }) ?? {};
  if (validateConfigFile(content)) return content;
  for (const fault of validateConfigFile.errors ?? []) {
    const extra = 'additionalProperty' in fault.params ? [String(fault.params.additionalProperty)] : [];
    const place = [...fault.instancePath.split('/').slice(1), ...extra];
    const allowed = 'allowedValues' in fault.params ? `: ${(fault.params.allowedValues as string[]).join(', ')}` : '';
    const said = extra.length > 0 ? 'is not a known field' : `${fault.message ?? fault.keyword}${allowed}`;
    faults.push(`${path}:${lineOf(document, place, lines)} ${place.join('.') || 'document'} ${said}`);
  }
  return {};
}

/** The line of the deepest node on the way to `place`. */
function lineOf(document: Document.Parsed, place: readonly string[], lines: LineCounter): number {
  for (let depth = place.length; depth >= 0; depth--) {
    const node = document.getIn(place.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function merge(
  request: ConfigRequest,
  file: ConfigFile,
  folder: string,
  environment: Environment,
  faults: string[],
): Config {
  const sandbox = request.mode === 'sandbox';
  const [listener] = file.listeners ?? [];
  const listening = splitAddress(listener?.address ?? '127.0.0.1:8080');
  const host = environment.host ?? listening.host;
  const port = environment.port ?? listening.port;
  const inFile = (path: string) => resolve(folder, path);
  const secretIn = (path: string, place: string) => readSecretFile(inFile(path), place, faults);
  const chosen = (fromEnvironment: string | undefined, fromFile: string | undefined) =>
    fromEnvironment ? resolve(fromEnvironment) : fromFile && inFile(fromFile);
  const trustedProxies = file.trusted_proxies ?? [];
  if (!isLoopback(host) && !listener?.tls && trustedProxies.length === 0) {
    faults.push(`listeners.0.address ${host} is not loopback: give the listener tls, or name trusted_proxies`);
  }
  const scheme = listener?.tls ? 'https' : 'http';
  const named = host.includes(':') ? `[${host}]` : host;
  const chainId = file.chain_id ?? (sandbox ? 31_337 : undefined);
  if (chainId === undefined) faults.push('chain_id is required: the network whose wallets sign (1 is mainnet)');
  const publicUrl = environment.publicUrl ?? file.public_url ?? `${scheme}://${named}:${port}`;
  const dataDir = environment.dataDir ?? (file.data_dir ? inFile(file.data_dir) : join(ROOT, 'data'));
  const dataKeyFile = file.data_key_file ? inFile(file.data_key_file) : join(dataDir, 'data-key');
  if (!sandbox && dirname(dataKeyFile) === dataDir) {
    faults.push(
      'data_key_file is required, outside data_dir: 64 hex digits (openssl rand -hex 32), kept apart from backups',
    );
  }
  return withoutUndefined({
    mode: request.mode,
    host,
    port,
    publicUrl: URL.canParse(publicUrl) ? new URL(publicUrl).origin : publicUrl,
    dataDir,
    databaseUrl: environment.databaseUrl ?? file.database_url,
    policiesDir: chosen(environment.policies, file.policies) ?? join(ROOT, 'policies'),
    catalogPath: file.catalog ? inFile(file.catalog) : join(ROOT, 'config/catalog.yaml'),
    dataKeyFile,
    inventoryPath: chosen(environment.inventory, file.inventory),
    logLevel: environment.logLevel ?? file.log_level ?? 'info',
    validatorApi: request.validatorApi ?? { enabled: false, persistPassword: false },
    sandbox: sandbox ? { slotMs: environment.slotMs ?? file.sandbox?.slot_ms ?? 1_000 } : undefined,
    chainId: chainId ?? 0,
    requestInterval: { submittedSeconds: file.request_submitted_interval_seconds ?? 5 },
    decisionLog: { keepDays: file.decision_log?.keep_days ?? 90 },
    hostNames: file.host_names ?? [],
    trustedProxies,
    tls: listener?.tls && readTls(listener.tls, inFile),
    metricsToken: file.metrics && secretIn(file.metrics.token_file, 'metrics.token_file'),
    ...openIdConfig(file, (path, place) => secretIn(path, place) ?? '', faults),
    stakeSources: stakeSources(file.stake_sources ?? [], faults),
    registration: withoutUndefined({
      open: file.registration?.open ?? sandbox,
      forgetUnusedDays: file.registration?.forget_unused_days ?? 30,
      initialAccessToken:
        file.registration?.initial_access_token_file &&
        secretIn(file.registration.initial_access_token_file, 'registration.initial_access_token_file'),
    }),
  });
}

const WEI_PER_ETHER = '1000000000000000000';

/** Named by an address each, once: a token that counts twice would be stake that is not there. */
function stakeSources(files: readonly StakeSourceFile[], faults: string[]): Config['stakeSources'] {
  const sources = files.map(({ name, token, wei_per_token: rate = WEI_PER_ETHER }) => ({
    name,
    token: token.toLowerCase(),
    weiPerToken: BigInt(rate),
  }));
  for (const [index, { token }] of sources.entries()) {
    if (sources.findIndex((other) => other.token === token) !== index)
      faults.push(`stake_sources.${index}.token ${token} is named twice`);
  }
  return sources;
}

function readTls(
  tls: { cert: string; key: string; client_ca?: string },
  inFile: (path: string) => string,
): NonNullable<Config['tls']> {
  return withoutUndefined({
    cert: inFile(tls.cert),
    key: inFile(tls.key),
    clientCa: tls.client_ca && inFile(tls.client_ca),
  });
}

function readSecretFile(path: string, place: string, faults: string[]): string | undefined {
  try {
    const secret = readFileSync(path, 'utf8').trim();
    if (secret === '') faults.push(`${place} ${path} is empty`);
    return secret;
  } catch (failure) {
    faults.push(`${place} ${reasonOf(failure)}`);
    return undefined;
  }
}

function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.username === '';
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Absent, not undefined: what exactOptionalPropertyTypes asks. */
function withoutUndefined<T extends object>(value: { [K in keyof T]: T[K] | undefined }): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Present<T>;
}
