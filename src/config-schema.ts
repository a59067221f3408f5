import { compileSchema } from './validate.js';

/** The YAML file as the operator writes it. Every field may be absent. */
export interface ConfigFile {
  readonly public_url?: string;
  readonly data_dir?: string;
  readonly database_url?: string;
  readonly policies?: string;
  readonly catalog?: string;
  readonly data_key_file?: string;
  readonly inventory?: string;
  readonly log_level?: string;
  readonly chain_id?: number;
  readonly host_names?: readonly string[];
  readonly trusted_proxies?: readonly string[];
  readonly metrics?: { readonly token_file: string };
  readonly listeners?: readonly ListenerFile[];
  readonly sandbox?: { readonly slot_ms?: number };
  readonly request_submitted_interval_seconds?: number;
  readonly decision_log?: { readonly keep_days?: number };
  readonly sign_in?: readonly SignInFile[];
  readonly id_token_issuers?: readonly IdTokenIssuerFile[];
  readonly stake_sources?: readonly StakeSourceFile[];
  readonly registration?: {
    readonly open?: boolean;
    readonly initial_access_token_file?: string;
    readonly forget_unused_days?: number;
  };
}

export interface SignInFile {
  readonly name: string;
  readonly issuer: string;
  readonly client_id: string;
  readonly client_secret_file: string;
  readonly scope?: string;
  readonly claims?: Readonly<Record<string, string>>;
}

export interface IdTokenIssuerFile {
  readonly issuer: string;
  readonly audience?: string;
  readonly jwks_uri?: string;
  readonly claims?: Readonly<Record<string, string>>;
  readonly require_nonce?: boolean;
}

/** A staking pool's token: its holders' stake. */
export interface StakeSourceFile {
  readonly name: string;
  readonly token: string;
  readonly wei_per_token?: string;
}

export interface ListenerFile {
  readonly address: string;
  readonly tls?: { readonly cert: string; readonly key: string; readonly client_ca?: string };
  readonly serves?: readonly string[];
}

const path = { type: 'string', minLength: 1 };
const text = { type: 'string', minLength: 1, maxLength: 1024 };
/** Our claim name → the token's. */
const claims = {
  type: 'object',
  maxProperties: 64,
  propertyNames: { pattern: '^[a-z][a-z0-9_]{0,63}$' },
  additionalProperties: text,
};
const LISTENER_PARTS = ['console', 'broker', 'authz', 'rpc', 'keys', 'signer', 'admin'];
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export const validateConfigFile = compileSchema<ConfigFile>({
  type: 'object',
  additionalProperties: false,
  properties: {
    public_url: { type: 'string', pattern: '^https?://[^/?#]+/?$' },
    data_dir: path,
    database_url: { type: 'string', pattern: '^postgres(ql)?://' },
    policies: path,
    catalog: path,
    data_key_file: path,
    inventory: path,
    log_level: { enum: LOG_LEVELS },
    chain_id: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    host_names: { type: 'array', items: { type: 'string', minLength: 1 }, maxItems: 64 },
    trusted_proxies: { type: 'array', items: { type: 'string', minLength: 1 }, maxItems: 64 },
    metrics: {
      type: 'object',
      additionalProperties: false,
      required: ['token_file'],
      properties: { token_file: path },
    },
    listeners: {
      type: 'array',
      minItems: 1,
      // This version opens one.
      maxItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['address'],
        properties: {
          address: { type: 'string', pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]]+):[0-9]{1,5}$' },
          tls: {
            type: 'object',
            additionalProperties: false,
            required: ['cert', 'key'],
            properties: { cert: path, key: path, client_ca: path },
          },
          serves: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: LISTENER_PARTS } },
        },
      },
    },
    sandbox: {
      type: 'object',
      additionalProperties: false,
      properties: { slot_ms: { type: 'integer', minimum: 50, maximum: 60_000 } },
    },
    request_submitted_interval_seconds: { type: 'integer', minimum: 1, maximum: 3600 },
    decision_log: {
      type: 'object',
      additionalProperties: false,
      properties: { keep_days: { type: 'integer', minimum: 1, maximum: 36_500 } },
    },
    sign_in: {
      type: 'array',
      // The claims page's buttons are numbered by one digit.
      maxItems: 8,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'issuer', 'client_id', 'client_secret_file'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 64 },
          issuer: text,
          client_id: text,
          client_secret_file: path,
          scope: { type: 'string', pattern: '^openid( [!#-\\[\\]-~]+)*$' },
          claims,
        },
      },
    },
    id_token_issuers: {
      type: 'array',
      maxItems: 64,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['issuer'],
        properties: { issuer: text, audience: text, jwks_uri: text, claims, require_nonce: { type: 'boolean' } },
      },
    },
    stake_sources: {
      type: 'array',
      maxItems: 8,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'token'],
        properties: {
          name: { type: 'string', minLength: 1, maxLength: 64 },
          token: { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' },
          wei_per_token: { type: 'string', pattern: '^[1-9][0-9]{0,20}$' },
        },
      },
    },
    registration: {
      type: 'object',
      additionalProperties: false,
      properties: {
        open: { type: 'boolean' },
        initial_access_token_file: path,
        forget_unused_days: { type: 'integer', minimum: 1, maximum: 3650 },
      },
    },
  },
});
