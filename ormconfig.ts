import 'reflect-metadata';
import { DataSource, type MigrationInterface } from 'typeorm';
import { DpopProof } from './authz/dpop-proof.js';
import { RefreshToken, Rpt, UmaGrant } from './authz/grant.js';
import { OAuthRecord } from './authz/oauth-record.js';
import { PersistedClaims } from './authz/persisted-claims.js';
import { PolicyDecision } from './authz/policy/decision.js';
import { DecisionRetention } from './authz/policy/decision-retention.js';
import { OwnerDocument } from './authz/policy/owner/owner-document.js';
import { PermissionTicket } from './authz/protection/permission-ticket.js';
import { Resource } from './authz/protection/resource.js';
import { ApprovalRequest } from './authz/requests/approval-request.js';
import { RevocationRow } from './authz/revocation.js';
import { SigningKey } from './authz/signing-key.js';
import { DashboardLink } from './broker/dashboard-link.js';
import { Operation } from './broker/operation.js';
import { ServiceBinding } from './broker/service-binding.js';
import { ServiceInstance } from './broker/service-instance.js';
import { Tombstone } from './broker/tombstone.js';
import type { DatabaseConnection } from './src/database/connection.js';
import { NodeState } from './src/fleet/look/node-state.js';
import { ValidatorStake } from './src/fleet/look/validator-stake.js';
import { RelayRegistration } from './src/fleet/mev-boost/relay-registration.js';
import { Assignment } from './src/fleet/moves/entities/assignment.js';
import { Evidence } from './src/fleet/moves/entities/evidence.js';
import { KeyTombstone } from './src/fleet/moves/entities/key-tombstone.js';
import { Move } from './src/fleet/moves/entities/move.js';
import { MoverPause } from './src/fleet/moves/entities/mover-pause.js';
import { Page } from './src/fleet/moves/entities/page.js';
import { SigningRight } from './src/fleet/moves/entities/signing-right.js';
import { PlannedMove, RebalancingPlan } from './src/fleet/plans/rebalancing-plan.js';
import { PoolBalance } from './src/fleet/provisioning/pool-balance.js';
import { InstanceAllocation, SandboxStake, WishRow } from './src/fleet/provisioning/wish-row.js';
import { RpcEndpoint } from './src/gateway/rpc-endpoint.js';
import { RpcUsage } from './src/gateway/rpc-usage.js';
import { ProtectionLedger } from './src/keys/slashing-protection/protection-ledger.js';
import { SignedAttestationRow } from './src/keys/slashing-protection/signed-attestation.js';
import { SignedBlockRow } from './src/keys/slashing-protection/signed-block.js';
import { Keystore } from './src/keys/vault/keystore.js';
import { Authz1763700000001 } from './src/migrations/authz.js';
import { Broker1763700000005 } from './src/migrations/broker.js';
import { Database1763700000000 } from './src/migrations/database.js';
import { Fleet1763700000004 } from './src/migrations/fleet.js';
import { Gateway1763700000006 } from './src/migrations/gateway.js';
import { Keys1763700000003 } from './src/migrations/keys.js';
import { MevBoost1763700000007 } from './src/migrations/mev-boost.js';
import { Policy1763700000002 } from './src/migrations/policy.js';

/** Every table's entity, by name: what is not here does not exist. */
export const entities: (new () => object)[] = [
  // authz
  ApprovalRequest,
  DpopProof,
  OAuthRecord,
  PermissionTicket,
  PersistedClaims,
  RefreshToken,
  Resource,
  RevocationRow,
  Rpt,
  SigningKey,
  UmaGrant,
  // broker
  DashboardLink,
  Operation,
  ServiceBinding,
  ServiceInstance,
  Tombstone,
  // fleet
  InstanceAllocation,
  NodeState,
  PlannedMove,
  PoolBalance,
  RebalancingPlan,
  RelayRegistration,
  SandboxStake,
  ValidatorStake,
  WishRow,
  // fleet/moves
  Assignment,
  Evidence,
  KeyTombstone,
  Move,
  MoverPause,
  Page,
  SigningRight,
  // gateway
  RpcEndpoint,
  RpcUsage,
  // keys
  Keystore,
  ProtectionLedger,
  SignedAttestationRow,
  SignedBlockRow,
  // policy
  OwnerDocument,
  PolicyDecision,
  DecisionRetention,
];

/** In the order they run; one file per change, never edited once released. */
export const migrations: (new () => MigrationInterface)[] = [
  Database1763700000000,
  Authz1763700000001,
  Policy1763700000002,
  Keys1763700000003,
  Fleet1763700000004,
  Broker1763700000005,
  Gateway1763700000006,
  MevBoost1763700000007,
];

/** A data source that is not yet connected. The schema comes from migrations alone; `synchronize` is never used. */
export function createDataSource(connection: DatabaseConnection): DataSource {
  return new DataSource({
    type: 'postgres',
    ...connection,
    entities,
    migrations,
    synchronize: false,
    installExtensions: false,
    migrationsTransactionMode: 'each',
  });
}
