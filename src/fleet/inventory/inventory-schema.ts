import { compileSchema } from '../../validate.js';

/** A node's or site's name: it stands in logs, reasons and URLs. */
const NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' };
const IMPLEMENTATION = { type: 'string', pattern: '^[a-z][a-z0-9-]{0,31}$' };
const HTTP = { type: 'string', pattern: '^https?://[^\\s@]+$', maxLength: 2048 };
const SHORT = { type: 'string', minLength: 1, maxLength: 255 };

const HOOK = {
  type: 'object',
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
  properties: {
    http: HTTP,
    command: { type: 'array', minItems: 1, maxItems: 32, items: { type: 'string', maxLength: 4096 } },
    kubernetes: {
      type: 'object',
      additionalProperties: false,
      required: ['namespace', 'workload'],
      properties: { namespace: SHORT, workload: SHORT },
    },
  },
};

export type HookDocument =
  | { http: string }
  | { command: string[] }
  | { kubernetes: { namespace: string; workload: string } };

export interface InventoryDocument {
  sites?: { name: string; region: string; fault_domain?: string }[];
  execution_nodes?: {
    name: string;
    implementation: string;
    uri: string;
    ws_uri?: string;
    site: string;
    probes?: object;
  }[];
  beacon_nodes?: {
    name: string;
    implementation: string;
    uri: string;
    execution_node: string;
    site: string;
    probes?: object;
    repoint?: HookDocument;
  }[];
  validator_clients?: {
    name: string;
    implementation: string;
    keymanager_uri: string;
    token_file: string;
    beacon_nodes: string[];
    site: string;
    capacity: number;
    signer?: 'local' | 'remote';
    restart?: HookDocument;
    repoint?: HookDocument;
  }[];
  operators?: { name: string }[];
}

const list = (required: readonly string[], properties: Record<string, unknown>) => ({
  type: 'array',
  maxItems: 20_000,
  items: { type: 'object', additionalProperties: false, required, properties },
});

/** product.md, Inventory. */
export const validateInventory = compileSchema<InventoryDocument>({
  type: 'object',
  additionalProperties: false,
  properties: {
    sites: list(['name', 'region'], { name: NAME, region: NAME, fault_domain: NAME }),
    execution_nodes: list(['name', 'implementation', 'uri', 'site'], {
      name: NAME,
      implementation: IMPLEMENTATION,
      uri: HTTP,
      ws_uri: { type: 'string', pattern: '^wss?://[^\\s@]+$', maxLength: 2048 },
      site: NAME,
      probes: { type: 'object' },
    }),
    beacon_nodes: list(['name', 'implementation', 'uri', 'execution_node', 'site'], {
      name: NAME,
      implementation: IMPLEMENTATION,
      uri: HTTP,
      execution_node: NAME,
      site: NAME,
      probes: { type: 'object' },
      repoint: HOOK,
    }),
    validator_clients: list(
      ['name', 'implementation', 'keymanager_uri', 'token_file', 'beacon_nodes', 'site', 'capacity'],
      {
        name: NAME,
        implementation: IMPLEMENTATION,
        keymanager_uri: HTTP,
        token_file: { type: 'string', minLength: 1, maxLength: 4096 },
        beacon_nodes: { type: 'array', minItems: 1, maxItems: 32, uniqueItems: true, items: NAME },
        site: NAME,
        capacity: { type: 'integer', minimum: 0, maximum: 1_000_000 },
        signer: { enum: ['local', 'remote'] },
        restart: HOOK,
        repoint: HOOK,
      },
    ),
    operators: list(['name'], { name: NAME }),
  },
});
