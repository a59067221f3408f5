/**
 * The one gate in front of every endpoint: (subject, resource, scope) → one decision, whatever the credential.
 * Nothing of a body is believed or complained about before it.
 */
import type { IncomingMessage } from 'node:http';
import type { Guard, Subject } from '../authz/index.js';
import { challenged, OsbError } from './errors.js';
import { withOriginatingIdentity } from './middleware/originating-identity.js';
import { type KeptOrigin, type Origin, originOn } from './origin.js';

/** The subject of a credential that grants `scope` on the resource. @throws OsbError 401 with a ticket, or 403. */
export async function requirePermission(
  guard: Guard,
  request: IncomingMessage,
  resourceId: string,
  scope: string,
  origin: Origin = {},
): Promise<Subject> {
  const outcome = await guard.check(request, [{ resourceId, scopes: [scope] }], { ...origin });
  switch (outcome.kind) {
    case 'granted':
      return withOriginatingIdentity(outcome.subject, request);
    case 'challenge':
      throw challenged(outcome.challenge);
    case 'denied':
      throw new OsbError('Forbidden', outcome.decision.reason);
  }
}

/** A 401 whose ticket names the one permission. */
export async function challenge(
  guard: Guard,
  request: IncomingMessage,
  resourceId: string,
  scope: string,
): Promise<OsbError> {
  return challenged(await guard.challenge([{ resourceId, scopes: [scope] }], request));
}

/** What belongs to somebody: an instance or a binding. */
export interface Owned extends Partial<KeptOrigin> {
  readonly owner: string;
  readonly resourceId: string;
}

/**
 * Security.md B2: the owner passes with the permission; anybody else hears `absent`, unless the policies permit it.
 * Without a credential: a ticket for the resource, or for the broker when there is none.
 */
export async function requireOnOwned(
  guard: Guard,
  request: IncomingMessage,
  owned: Owned | undefined,
  scope: string,
  brokerResourceId: string,
  absent: () => OsbError,
): Promise<Subject> {
  const subject = await guard.identify(request);
  if (!subject) {
    throw owned
      ? await challenge(guard, request, owned.resourceId, scope)
      : await challenge(guard, request, brokerResourceId, 'instance:create');
  }
  if (!owned) throw absent();
  const origin = originOn(subject, owned);
  if (subject.party !== owned.owner) {
    const decision = await guard.decide(subject, { resourceId: owned.resourceId, scope, context: { ...origin } });
    if (decision.outcome !== 'permit') throw new OsbError('NotFound', absent().message);
  }
  return requirePermission(guard, request, owned.resourceId, scope, origin);
}

/**
 * For a body that names no plan: may this credential create anything at all? Then its faults may be told.
 * @throws OsbError 401 with a ticket for the broker, or 403.
 */
export async function requireAnyCreation(
  guard: Guard,
  request: IncomingMessage,
  subject: Subject,
  brokerResourceId: string,
  origin: Origin = {},
): Promise<void> {
  const creates = subject.permissions.some((permission) => permission.scopes.includes('instance:create'));
  if (subject.kind === 'platform' || !creates)
    await requirePermission(guard, request, brokerResourceId, 'instance:create', origin);
}
