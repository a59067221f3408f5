/** What the broker's verbs work with. */
import type { DataSource } from 'typeorm';
import type { Guard, ProtectionApi, Subject } from '../authz/index.js';
import type { Clock } from '../src/clock.js';
import type { FleetProvisioning } from '../src/fleet/index.js';
import type { RpcEndpoints } from '../src/gateway/endpoint.js';
import type { DataKey } from '../src/keys/data-key.js';
import type { Logger } from '../src/logger.js';
import type { Catalog } from './catalog/catalog.js';
import type { Middleware } from './middleware-service.js';
import type { Resources } from './resources.js';
import type { Serially } from './serially.js';

export interface BrokerDeps {
  readonly dataSource: DataSource;
  readonly guard: Guard;
  readonly protection: ProtectionApi;
  readonly fleet: FleetProvisioning;
  readonly rpc: RpcEndpoints;
  readonly dataKey: DataKey;
  readonly catalog: Catalog;
  readonly resources: Resources;
  /** Origin without a trailing slash. */
  readonly publicUrl: string;
  /** The authorization server's issuer. */
  readonly issuer: string;
  readonly chainId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly middleware?: Middleware;
  /** Whether every key it names belongs to an instance of its own. */
  readonly holdsKeys?: (subject: Subject, publicKeys: readonly string[]) => Promise<boolean>;
  /** Whether a party controls the withdrawal credentials of every key it names; undefined when that is not known. */
  readonly controlsKeys?: (subject: Subject, publicKeys: readonly string[]) => Promise<boolean | undefined>;
  readonly serially: Serially;
}
