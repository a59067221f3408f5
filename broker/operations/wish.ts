import type { Wish } from '../../src/fleet/index.js';
import type { Plan } from '../catalog/plan.js';
import type { MiddlewareRequest } from '../middleware-service.js';
import { readParameters } from '../parameters.js';
import type { Parameters, ServiceInstance } from '../service-instance.js';

type Maker = Pick<ServiceInstance, 'id' | 'owner' | 'address' | 'withdrawalCredentials' | 'subjectKind'>;

/** Whether instances of the plan are keys of the fleet. */
export const isOfFleet = (kind: Plan['kind']) => kind === 'validator' || kind === 'bundle';

/** Where the keys are to be: as asked, else as the plan says. */
export function regionOf(plan: Plan, parameters: Parameters): string | undefined {
  return readParameters(parameters).region ?? plan.entry.region;
}

/** What the fleet is asked for. */
export function wishOf(maker: Maker, plan: Plan, parameters: Parameters): Wish {
  const read = readParameters(parameters);
  return {
    instanceId: maker.id,
    party: maker.owner,
    subjectKind: maker.subjectKind,
    members: plan.members,
    keys: read.keys,
    wish: read.wish,
    ...(maker.address ? { address: maker.address } : {}),
    ...(maker.withdrawalCredentials ? { withdrawalCredentials: maker.withdrawalCredentials } : {}),
    ...(read.publicKeys ? { publicKeys: read.publicKeys } : {}),
    plan: plan.key,
    ...optional('region', regionOf(plan, parameters)),
    ...optional('feeRecipient', read.feeRecipient),
    ...optional('gasLimit', read.gasLimit),
    ...optional('graffiti', read.graffiti),
  };
}

/** What the middleware is asked for. */
export function registrationOf(maker: Maker, parameters: Parameters): MiddlewareRequest {
  const read = readParameters(parameters);
  return {
    instanceId: maker.id,
    party: maker.owner,
    publicKeys: read.publicKeys ?? [],
    feeRecipient: read.feeRecipient ?? '',
    ...(maker.address ? { address: maker.address } : {}),
    ...optional('gasLimit', read.gasLimit),
  };
}

function optional<K extends string>(key: K, value: string | undefined): { [key in K]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: string });
}
