/** docs/api.md: the whole public surface, from the code that serves it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parameterSchemas } from '../../broker/catalog/parameter-schemas.js';
import { readCatalog } from '../../broker/catalog/read.js';
import { STATUS } from '../../broker/errors.js';
import { allCommands } from '../../src/cli/index.js';
import { validateConfigFile } from '../../src/config-schema.js';
import { FLEET_STATUS } from '../../src/fleet/fleet-errors.js';
import { validateInventory } from '../../src/fleet/inventory/inventory-schema.js';
import { validateDiversity } from '../../src/fleet/targets/targets-schema.js';
import { METHODS } from '../../src/gateway/groups.js';
import { RPC_CODES } from '../../src/gateway/json-rpc.js';
import { ROOT } from '../../src/paths.js';
import { ENDPOINTS, schemaOf } from './endpoints.js';
import { type Area, areas } from './routes.js';
import { schemaTable, table } from './schema-table.js';

const KEYS_PER_INSTANCE = 256;

const VARIABLES: Readonly<Record<string, string>> = {
  OVSB_CONFIG: 'the configuration file; without it `config/sandbox.yaml` for `npm start`, none for `ovsb serve`',
  OVSB_PORT: 'port of the listener, 1 to 65535',
  OVSB_HOST: 'address of the listener',
  OVSB_PUBLIC_URL: '`public_url`; for the other commands, where the broker answers',
  OVSB_DATA_DIR: '`data_dir`, an absolute path; for the other commands, where `credentials.json` lies',
  OVSB_POLICIES: '`policies`',
  OVSB_INVENTORY: '`inventory`; in the sandbox its parts come beside the sandbox’s own',
  OVSB_SANDBOX_SLOT_MS: '`sandbox.slot_ms`, 50 to 60000',
  OVSB_LOG_LEVEL: '`log_level`',
  DATABASE_URL: '`database_url`',
};

/** The whole document. @throws Error naming routes that ENDPOINTS does not describe, or variables without a word here. */
export async function apiDocument(): Promise<string> {
  const all = areas();
  requireSame(
    'scripts/api/endpoints.ts',
    all.flatMap(({ endpoints }) => endpoints),
    Object.keys(ENDPOINTS),
  );
  const area = (name: string) => endpointSections(all.find((each) => each.name === name)?.endpoints ?? []);
  const parts = [
    head(all),
    section(
      'UMA',
      `Issuer: \`<public_url>/authz\`. Bodies: at most 64 kB. Errors: \`{error, error_description}\`.`,
      area('UMA'),
    ),
    section('Open Service Broker', BROKER_HEAD, area('Open Service Broker'), provisionParameters(), brokerErrors()),
    section('Fleet', 'Errors: `{error, description}`.', area('Fleet'), fleetErrors()),
    section(
      'JSON-RPC',
      '[rpc.md](rpc.md) tells it for dApp developers.',
      area('JSON-RPC'),
      rpcPlans(),
      methods(),
      rpcErrors(),
    ),
    section('Sandbox', 'Elsewhere these paths are 404.', area('Sandbox')),
    section('Probes', area('Probes')),
    section('Command line', COMMANDS_HEAD, ...(await commandSections())),
    section(
      'Configuration',
      'A YAML file; relative paths start at its folder. The environment goes before the file.',
      variables(),
      schemaTable(schemaOf(validateConfigFile)),
    ),
    section(
      'Inventory',
      'The YAML document of the key `inventory`. Read again within two seconds of a change.',
      schemaTable(schemaOf(validateInventory)),
    ),
    section(
      'diversity.yaml',
      'In the policy folder. Read again within two seconds of a change.',
      schemaTable(schemaOf(validateDiversity)),
    ),
    section('Policies', POLICIES_HEAD, actions(), claims()),
  ];
  return `${parts.join('\n\n')}\n`;
}

const BROKER_HEAD = `Open Service Broker API 2.13 to 2.17: \`X-Broker-API-Version\` is required, else 412. Credentials: an RPT, or a
platform's basic account. Without one: 401 with a ticket. Bodies: JSON objects, at most 64 kB, 32 levels deep. Ids: 1 to 255 characters.
Errors: \`{error, description, instance_usable?, update_repeatable?}\`. [platforms.md](platforms.md) tells it for platform teams.`;

const COMMANDS_HEAD = `\`npx --no ovsb <command>\` in the checkout. Exit code: 0; 1 refused or failed; 2 wrong usage. The commands that talk to a running broker find it by
\`OVSB_PUBLIC_URL\` or \`OVSB_PORT\`, and its credentials in \`OVSB_DATA_DIR\`. \`npm start -- …\` takes the options of \`serve\`.`;

const POLICIES_HEAD = `What policies may decide on, from \`policies/schema.cedarschema\`, which also has every fact; [policies/README.md](../policies/README.md)
tells how to write them.`;

function head(all: readonly Area[]): string {
  const count = all.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
  return `# The public surface

<!-- Written by npm run docs from the code: change the code, or scripts/api/, and run it again. -->

${count} endpoints on one listener. A request whose \`Host\` is not a name of the broker is 421. Where a permission is lacking, the answer is 401
with \`WWW-Authenticate: UMA realm="…", as_uri="…", ticket="…"\`; the ticket goes to the token endpoint.`;
}

const section = (name: string, ...parts: readonly string[]) => [`## ${name}`, ...parts].join('\n\n');

function endpointSections(endpoints: readonly string[]): string {
  return endpoints.map(endpointSection).join('\n\n');
}

function endpointSection(name: string): string {
  const { does, who, answers, parameters, body } = ENDPOINTS[name] as (typeof ENDPOINTS)[string];
  const rows = Object.entries(parameters ?? {}).map(([parameter, says]) => [`\`${parameter}\``, says]);
  return [
    `### ${name}`,
    `${does[0]?.toUpperCase()}${does.slice(1).replace(/\.$/, '')}.`,
    `- Who may: ${who}.\n- Answers: ${answers}.`,
    ...(rows.length > 0 ? [table(['parameter', ''], rows)] : []),
    ...(body ? [`JSON body:\n\n${bodyTable(schemaOf(body))}`] : []),
  ].join('\n\n');
}

/** `anyOf [one, list of them]` is shown as the one. */
function bodyTable(schema: Record<string, unknown>): string {
  const [first] = (schema.anyOf ?? []) as Record<string, unknown>[];
  return first ? `${schemaTable(first)} A list of 1 to 128 such objects serves too.` : schemaTable(schema);
}

function provisionParameters(): string {
  const of = (kind: Parameters<typeof parameterSchemas>[0], title: string) => {
    const { create, update, bind } = parameterSchemas(kind, KEYS_PER_INSTANCE);
    const names = (schema?: Record<string, unknown>) =>
      Object.keys((schema?.properties ?? {}) as object)
        .map((name) => `\`${name}\``)
        .join(', ');
    const binding = bind ? ` Binding takes: ${names(bind)}.` : ' It cannot be bound.';
    return `#### ${title}\n\n${schemaTable(create)} An update takes: ${names(update)}.${binding}`;
  };
  return [
    `### \`parameters\` by kind of plan`,
    'Each plan of the catalog carries these schemas (draft-04); unknown parameters are 400. The most keys of an instance are the plan’s `keys_per_instance`.',
    of('validator', 'Validator plans and bundles'),
    of('rpc', 'RPC plans'),
    of('middleware', 'Middleware plans'),
  ].join('\n\n');
}

const statusRows = (status: Readonly<Record<string, number>>, named: (code: string) => string) =>
  Object.entries(status).map(([code, number]) => [`\`${named(code)}\``, String(number)]);

const brokerErrors = () =>
  `### Errors of the broker\n\n${table(
    ['`error`', 'status'],
    statusRows(STATUS, (code) => code),
  )}`;

function fleetErrors(): string {
  const snake = (code: string) => code.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
  return `### Errors of the fleet\n\n${table(['`error`', 'status'], statusRows(FLEET_STATUS, snake))}`;
}

function rpcPlans(): string {
  const file = join(ROOT, 'config/catalog.yaml');
  const { services } = readCatalog(readFileSync(file, 'utf8'), file);
  const plans = services.filter(({ kind }) => kind === 'rpc').flatMap((service) => service.plans);
  const rows = plans.map(({ name, groups = [], limits, binding }) => [
    `\`${name}\``,
    groups.join(', '),
    ...(limits
      ? [limits.units_per_second, limits.burst, limits.batch, limits.body_bytes, limits.subscriptions]
      : ['', '', '', '', '']
    ).map(String),
    binding ? `${binding.lifetime_seconds / 86_400} days` : 'until unbound',
  ]);
  const columns = ['plan', 'groups', 'units/s', 'burst', 'batch', 'body, bytes', 'subscriptions', 'credential'];
  return `### Plans of \`config/catalog.yaml\`\n\n${table(columns, rows)}`;
}

function methods(): string {
  const rows = [...METHODS.values()].map(({ name, group, cost }) => [group, `\`${name}\``, String(cost)]);
  return `### Methods\n\nExact names; everything else is −32601. A group needs the scope \`rpc:<group>\`; \`any\` needs none.\n\n${table(['group', 'method', 'units'], rows)}`;
}

function rpcErrors(): string {
  const rows = Object.entries(RPC_CODES).map(([name, code]) => [String(code), name]);
  return `### Errors of the gateway\n\nA node’s own errors pass through as they are.\n\n${table(['code', ''], rows)}`;
}

async function commandSections(): Promise<string[]> {
  const tree = (command: Command): Command[] => [command, ...command.commands.flatMap(tree)];
  return (await allCommands()).flatMap(tree).map(commandSection);
}

function commandSection(command: Command): string {
  const path: string[] = [];
  for (let at: Command | null = command; at; at = at.parent) path.unshift(at.name());
  const rows = [
    ...command.registeredArguments.map((argument) => [`\`${argument.name()}\``, argument.description]),
    ...command.options.map(({ flags, description, defaultValue, defaultValueDescription }) => [
      `\`${flags}\``,
      `${description}${defaultValue === undefined ? '' : ` (default: ${defaultValueDescription ?? String(defaultValue)})`}`,
    ]),
  ];
  return [
    `### ovsb ${path.join(' ')}`,
    `${command.description()[0]?.toUpperCase()}${command.description().slice(1)}.`,
    ...(rows.length > 0 ? [table(['option', ''], rows)] : []),
  ].join('\n\n');
}

function variables(): string {
  const read = ['src/load-config.ts', 'src/cli/broker-address.ts'].map((file) =>
    readFileSync(join(ROOT, file), 'utf8'),
  );
  const names = new Set(read.join('').match(/\b(OVSB_[A-Z_]+|DATABASE_URL)\b/g));
  requireSame('VARIABLES of scripts/api/document.ts', [...names], Object.keys(VARIABLES));
  const rows = Object.entries(VARIABLES).map(([name, says]) => [`\`${name}\``, says]);
  return table(['variable', 'sets'], rows);
}

const cedarSchema = () => readFileSync(join(ROOT, 'policies/schema.cedarschema'), 'utf8');

function actions(): string {
  const found = [...cedarSchema().matchAll(/action ([^;]+?) appliesTo \{[^}]*?resource: (\[[^\]]*\]|\w+)/g)];
  const rows = found.map(([, names = '', resources = '']) => [
    names.replaceAll('"', '`'),
    resources.replace(/[[\]]/g, '').trim().replace(/\s+/g, ' '),
  ]);
  return `### Actions\n\n${table(['action (scope)', 'on'], rows)}`;
}

function claims(): string {
  const pattern =
    /@friendly\("([^"]*)"\)\s*@claim_format\("([^"]*)"\)\s*(?:@claim_type\("[^"]*"\)\s*)?(\w+)\?: ([^,]+),/g;
  const rows = [...cedarSchema().matchAll(pattern)].map(([, friendly = '', format = '', name = '', type = '']) => [
    `\`${name}\``,
    type,
    friendly,
    `\`${format}\``,
  ]);
  return `### Claims\n\n${table(['claim', 'type', '', 'proved by'], rows)}`;
}

/** Nothing of the code stays undescribed, and nothing is described that is not there. */
function requireSame(where: string, inCode: readonly string[], described: readonly string[]): void {
  const missing = inCode.filter((name) => !described.includes(name));
  const surplus = described.filter((name) => !inCode.includes(name));
  if (missing.length + surplus.length > 0)
    throw new Error(`${where} lacks [${missing.join(', ')}] and has too much [${surplus.join(', ')}]`);
}
