import type { BrokerDeps } from '../deps.js';
import { OsbError } from '../errors.js';
import type { OperationState } from '../operation.js';
import { SUCCEEDED_FOR_MS, type Tombstone } from '../tombstone.js';
import { latestOperation } from './rows.js';

export interface LastOperation {
  readonly state: OperationState;
  readonly description: string;
  readonly instance_usable?: boolean;
  readonly update_repeatable?: boolean;
}

/** OSB 2.17, Polling Last Operation. Whatever operation the poller names, the newest is told (requirement 16). */
export async function lastOperation(deps: BrokerDeps, instanceId: string): Promise<LastOperation> {
  const operation = await latestOperation(deps.dataSource.manager, instanceId);
  if (!operation) throw new OsbError('NotFound', 'no such instance');
  const { state, description, kind } = operation;
  const failed = state === 'failed' && kind !== 'provision';
  return {
    state,
    description,
    ...(failed ? { instance_usable: operation.instanceUsable ?? true } : {}),
    ...(failed && kind === 'update' ? { update_repeatable: true } : {}),
  };
}

/** What a poll hears of something deleted. @throws OsbError `Gone` a day later. */
export function lastOperationOfDeleted(nowMs: number, tombstone: Tombstone): LastOperation {
  if (nowMs - tombstone.deletedAt.getTime() >= SUCCEEDED_FOR_MS) throw new OsbError('Gone', 'deleted');
  return { state: 'succeeded', description: `deleted at ${tombstone.deletedAt.toISOString()}` };
}
