import { createHash } from 'node:crypto';
import type { Facts, Subject } from '../../authz/index.js';
import type { BrokerDeps } from '../deps.js';
import { OsbError } from '../errors.js';
import { canonicalJson } from '../json.js';
import type { Origin } from '../origin.js';
import { readParameters } from '../parameters.js';
import type { Parameters } from '../service-instance.js';

export interface Asked {
  readonly instanceId: string;
  /** Of a bind: another binding is another request. */
  readonly bindingId?: string;
  readonly resourceId: string;
  readonly scope: string;
  readonly parameters: Parameters;
  /** Keys that come in addition to what the instance has; undefined when none do. */
  readonly addedKeys?: number;
  /** Of the instance that is made, or is there. */
  readonly origin: Origin;
}

/**
 * Security.md B1: an RPT is necessary, not sufficient. The same policies, asked with the request's parameters.
 * @throws OsbError `Forbidden` with the deciding policy's reason.
 */
export async function requirePermit(deps: BrokerDeps, subject: Subject, asked: Asked): Promise<void> {
  const { resourceId, scope } = asked;
  const decision = await deps.guard.decide(subject, {
    resourceId,
    scope,
    context: await contextOf(deps, subject, asked),
    digest: requestDigest(subject.party, asked),
  });
  if (decision.outcome === 'deny') throw new OsbError('Forbidden', decision.reason);
  if (decision.outcome === 'owner_approval')
    throw new OsbError('Forbidden', `waits for the operator's approval: ${decision.reason}`);
}

/** What an approval is for: hex SHA-256 of party, resource, scope, instance, parameters and binding; another one is another request. */
function requestDigest(party: string, { resourceId, scope, instanceId, parameters, bindingId }: Asked): string {
  return createHash('sha256')
    .update(canonicalJson([party, resourceId, scope, instanceId, parameters, bindingId]))
    .digest('hex');
}

async function contextOf(deps: BrokerDeps, subject: Subject, asked: Asked): Promise<Facts> {
  const read = readParameters(asked.parameters);
  const controlled = read.publicKeys ? await deps.controlsKeys?.(subject, read.publicKeys) : undefined;
  const held = read.publicKeys ? await deps.holdsKeys?.(subject, read.publicKeys) : undefined;
  const gasLimit = read.gasLimit === undefined ? Number.NaN : Number(read.gasLimit);
  return known({
    keys: asked.addedKeys,
    public_keys: read.publicKeys,
    keys_controlled: controlled,
    keys_own: held,
    fee_recipient: read.feeRecipient,
    gas_limit: Number.isSafeInteger(gasLimit) ? gasLimit : undefined,
    graffiti: read.graffiti,
    region: read.region,
    wish: read.wishGiven ? read.wish : undefined,
    validator_instance_id: read.validatorInstanceId,
    ...asked.origin,
  });
}

function known(facts: { readonly [name: string]: Facts[string] | undefined }): Facts {
  return Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, Facts[string]] => entry[1] !== undefined),
  );
}
