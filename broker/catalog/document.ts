/** The catalog document as an operator writes it (config/catalog.yaml), and its schema. Names are OSB's where OSB has one. */
import type { RpcGroup, RpcLimits } from '../../src/gateway/endpoint.js';
import { compileSchema, type Schema } from '../../src/validate.js';

export type Kind = 'validator' | 'bundle' | 'rpc' | 'middleware';

/** A consensus or execution implementation, in the version the operator runs. */
export interface ClientEntry {
  readonly title: string;
  readonly version: string;
  /** Versions of engine_getPayload it speaks (execution-apis, src/engine): V4 is Prague's, V5 Osaka's. */
  readonly engine_api: readonly string[];
}

/** broker.md, Node probes; seconds, within the draft's ranges. */
export interface Probe {
  readonly path: string;
  readonly timeout_sec: number;
  readonly check_interval_sec: number;
  readonly failure_threshold: number;
  readonly success_threshold: number;
  readonly initial_delay_sec?: number;
  readonly app_start_timeout_sec?: number;
}

export interface PlanEntry {
  readonly name: string;
  /** A GUID of its own; without it the id is derived from the names and is as stable as they are. */
  readonly id?: string;
  readonly description: string;
  readonly free?: boolean;
  readonly execution?: string;
  readonly engine_api?: string;
  readonly members?: readonly { readonly consensus: string; readonly execution: string }[];
  readonly groups?: readonly RpcGroup[];
  readonly limits?: RpcLimits;
  readonly region?: string;
  readonly keys_per_instance?: number;
  readonly incentive?: string;
  /** Quota of the incentive: keys of all instances of the plan together that it is for. */
  readonly incentive_keys?: number;
  readonly probes?: { readonly liveness: Probe; readonly readiness: Probe };
  readonly binding?: { readonly lifetime_seconds: number; readonly renew_before_seconds: number };
  readonly maximum_polling_seconds: number;
  readonly maintenance: { readonly version: string; readonly description: string };
}

export interface ServiceEntry {
  readonly name: string;
  readonly id?: string;
  readonly kind: Kind;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly consensus?: string;
  readonly middleware?: { readonly name: string; readonly version: string };
  readonly plans: readonly PlanEntry[];
}

export interface CatalogDocument {
  /** UUID under which ids are derived (RFC 9562, version 5). Never change it: every id would change. */
  readonly namespace: string;
  readonly clients: {
    readonly consensus: Readonly<Record<string, ClientEntry>>;
    readonly execution: Readonly<Record<string, ClientEntry>>;
  };
  readonly services: readonly ServiceEntry[];
}

const NAME: Schema = { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 63 };
const GUID: Schema = {
  type: 'string',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$',
};
const TEXT: Schema = { type: 'string', minLength: 1, maxLength: 2000 };
const SEMVER: Schema = { type: 'string', pattern: '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(-[0-9A-Za-z.-]+)?$' };
const VERSION: Schema = { type: 'string', pattern: '^v?\\d+\\.\\d+(\\.\\d+)?(-[0-9A-Za-z.-]+)?$' };
const ENGINE: Schema = { type: 'string', pattern: '^V[1-9]$' };
const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const object = (required: readonly string[], properties: Record<string, Schema>): Schema => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
});

const client = object(['title', 'version', 'engine_api'], {
  title: TEXT,
  version: VERSION,
  engine_api: { type: 'array', minItems: 1, uniqueItems: true, items: ENGINE },
});
const clients: Schema = { type: 'object', minProperties: 1, propertyNames: NAME, additionalProperties: client };

const probe = object(['path', 'timeout_sec', 'check_interval_sec', 'failure_threshold', 'success_threshold'], {
  path: { type: 'string', pattern: '^/', maxLength: 255 },
  timeout_sec: whole(1, 300),
  check_interval_sec: whole(1, 300),
  failure_threshold: whole(1, 10),
  success_threshold: whole(1, 10),
  initial_delay_sec: whole(0, 3600),
  app_start_timeout_sec: whole(1, 1800),
});

const limits = object(['units_per_second', 'burst', 'batch', 'body_bytes', 'subscriptions'], {
  units_per_second: whole(1, 1_000_000),
  burst: whole(1, 10_000_000),
  batch: whole(1, 100),
  body_bytes: whole(1024, 16_777_216),
  subscriptions: whole(0, 10_000),
});

const plan = object(['name', 'description', 'maximum_polling_seconds', 'maintenance'], {
  name: NAME,
  id: GUID,
  description: TEXT,
  free: { type: 'boolean' },
  execution: NAME,
  engine_api: ENGINE,
  members: {
    type: 'array',
    minItems: 2,
    maxItems: 32,
    items: object(['consensus', 'execution'], { consensus: NAME, execution: NAME }),
  },
  groups: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['read', 'logs', 'send', 'trace'] } },
  limits,
  region: NAME,
  keys_per_instance: whole(1, 1_000_000),
  incentive: TEXT,
  incentive_keys: whole(0, 1_000_000),
  probes: object(['liveness', 'readiness'], { liveness: probe, readiness: probe }),
  binding: object(['lifetime_seconds', 'renew_before_seconds'], {
    lifetime_seconds: whole(60, 315_360_000),
    renew_before_seconds: whole(0, 315_360_000),
  }),
  maximum_polling_seconds: whole(1, 31_536_000),
  maintenance: object(['version', 'description'], { version: SEMVER, description: TEXT }),
});

const service = object(['name', 'kind', 'title', 'description', 'tags', 'plans'], {
  name: NAME,
  id: GUID,
  kind: { enum: ['validator', 'bundle', 'rpc', 'middleware'] },
  title: TEXT,
  description: TEXT,
  tags: { type: 'array', uniqueItems: true, items: { type: 'string', minLength: 1, maxLength: 63 } },
  consensus: NAME,
  middleware: object(['name', 'version'], { name: NAME, version: VERSION }),
  plans: { type: 'array', minItems: 1, maxItems: 100, items: plan },
});

export const isCatalogDocument = compileSchema<CatalogDocument>(
  object(['namespace', 'clients', 'services'], {
    namespace: GUID,
    clients: object(['consensus', 'execution'], { consensus: clients, execution: clients }),
    services: { type: 'array', minItems: 1, maxItems: 200, items: service },
  }),
);
