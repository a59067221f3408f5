import type { EntityManager } from 'typeorm';
import { badRequest } from '../errors.js';
import { readParameters } from '../parameters.js';
import type { Parameters } from '../service-instance.js';
import { findInstance } from './rows.js';
import { isOfFleet } from './wish.js';

/**
 * An rpc instance follows only a validator instance of the same party; one that is not there and one of somebody else's
 * look the same (security.md B2).
 * @throws OsbError `BadRequest`.
 */
export async function requireOwnUpstream(manager: EntityManager, owner: string, parameters: Parameters): Promise<void> {
  const { validatorInstanceId } = readParameters(parameters);
  if (validatorInstanceId === undefined) return;
  const upstream = await findInstance(manager, validatorInstanceId);
  const follows =
    upstream && upstream.owner === owner && isOfFleet(upstream.kind) && upstream.state !== 'deprovisioning';
  if (!follows) throw badRequest('parameters.validator_instance_id names no validator instance of yours');
}
