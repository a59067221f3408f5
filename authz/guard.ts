import type { IncomingMessage } from 'node:http';
import { guardAnswer } from '../src/http/errors.js';
import type { Logger } from '../src/logger.js';
import type { Asker } from './asker.js';
import type { Assessor } from './assessor.js';
import { covers } from './authorization-assessment.js';
import type { Challenge, Decision, Facts, Guard, GuardOutcome, Permission, Subject } from './contract.js';
import type { DpopProofs } from './dpop.js';
import { tooManyTickets, unreachable } from './errors.js';
import { provenParty } from './gathered-claims.js';
import type { Platforms } from './platform.js';
import type { Assessment } from './policy/types.js';
import type { Resource } from './protection/resource.js';
import type { Resources } from './protection/resources.js';
import type { Tickets } from './protection/tickets.js';
import type { AddressLimit } from './rate-limit.js';
import { type ApprovalQueue, approvedBecause } from './requests/approval-queue.js';
import type { LiveRpt, Rpts } from './rpt.js';

export interface GuardParts {
  readonly issuer: string;
  readonly operatorId: string;
  readonly rpts: Rpts;
  readonly platforms: Platforms;
  readonly tickets: Tickets;
  readonly resources: Resources;
  readonly assessor: Assessor;
  readonly queue: ApprovalQueue;
  readonly proofs: DpopProofs;
  /** Why this replica may not decide now. */
  readonly standAside: () => string | undefined;
  /** Of tickets for whoever has no credential. */
  readonly ticketLimit: AddressLimit;
  readonly logger: Logger;
}

const CREDENTIALS = /^(Bearer|DPoP|Basic) +([\x21-\x7e]+)$/i;
const MAX_CREDENTIAL_CHARACTERS = 16_384;
const REALM = 'ovsb';

/** The guard of this product's own resource server (UMA Grant 3.2). Failures of the database end as `unreachable`. */
export function createGuard(parts: GuardParts): Guard {
  const guard: Guard = {
    identify: (request) => reachable(parts, () => identify(parts, request)),
    check: (request, wanted, context) => reachable(parts, () => check(parts, guard, request, wanted, context)),
    challenge: (wanted, request) => reachable(parts, () => challenge(parts, wanted, request)),
    confirm: (request, subject) => reachable(parts, () => confirm(parts, request, subject)),
    decide: (subject, wanted) => reachable(parts, () => decide(parts, subject, wanted)),
  };
  return guard;
}

async function reachable<T>({ logger, standAside }: GuardParts, ask: () => Promise<T>): Promise<T> {
  const reason = standAside();
  if (reason !== undefined) throw unreachable(new Error(reason));
  try {
    return await ask();
  } catch (fault) {
    if (guardAnswer(fault) !== undefined) throw fault;
    logger.error({ err: fault }, 'the authorization server could not be asked');
    throw unreachable(fault);
  }
}

interface Credential {
  readonly scheme: 'bearer' | 'dpop' | 'basic';
  readonly value: string;
}

function credentialOf(request: IncomingMessage): Credential | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > MAX_CREDENTIAL_CHARACTERS) return undefined;
  const match = CREDENTIALS.exec(header);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { scheme: match[1].toLowerCase() as Credential['scheme'], value: match[2] };
}

async function identify(parts: GuardParts, request: IncomingMessage): Promise<Subject | undefined> {
  const credential = credentialOf(request);
  if (credential === undefined) return undefined;
  if (credential.scheme === 'basic') return parts.platforms.byBasic(credential.value, request);
  if (credential.scheme === 'bearer') {
    const platform = parts.platforms.byBearer(credential.value, request);
    if (platform !== undefined) return platform;
  }
  const rpt = await parts.rpts.find(credential.value);
  // An RPT for another resource server's audience is worth nothing here (security.md B3), nor a bound one without DPoP.
  if (rpt === undefined || rpt.owner !== parts.operatorId) return undefined;
  if ((rpt.thumbprint !== undefined) !== (credential.scheme === 'dpop')) return undefined;
  return subjectOf(rpt);
}

function subjectOf(rpt: LiveRpt): Subject {
  const { address, withdrawalCredentials, encryptionPublicKey, claims } = provenParty(rpt.gathered);
  return {
    kind: rpt.kind,
    party: rpt.party,
    clientId: rpt.clientId,
    ...(address !== undefined && { address }),
    ...(withdrawalCredentials !== undefined && { withdrawalCredentials }),
    ...(encryptionPublicKey !== undefined && { encryptionPublicKey }),
    claims,
    permissions: rpt.permissions,
    tokenId: rpt.jti,
    expiresAt: rpt.expiresAt,
    proofOfPossession: rpt.thumbprint !== undefined,
  };
}

async function check(
  parts: GuardParts,
  guard: Guard,
  request: IncomingMessage,
  wanted: readonly Permission[],
  context: Facts = {},
): Promise<GuardOutcome> {
  const subject = await identify(parts, request);
  if (subject?.kind === 'platform') return checkPlatform(parts, subject, wanted, context);
  if (subject !== undefined && covers(subject.permissions, wanted) && (await confirm(parts, request, subject))) {
    return { kind: 'granted', subject };
  }
  return { kind: 'challenge', challenge: await guard.challenge(wanted, request) };
}

async function checkPlatform(
  parts: GuardParts,
  subject: Subject,
  wanted: readonly Permission[],
  context: Facts,
): Promise<GuardOutcome> {
  for (const { resourceId, scopes } of wanted) {
    for (const scope of scopes) {
      const decision = await decide(parts, subject, { resourceId, scope, context });
      if (decision.outcome !== 'permit') return { kind: 'denied', decision };
    }
  }
  return { kind: 'granted', subject };
}

/** The same header whatever was wrong, so that it tells nothing (S). */
async function challenge(
  parts: GuardParts,
  wanted: readonly Permission[],
  request: IncomingMessage | undefined,
): Promise<Challenge> {
  if (request !== undefined && !parts.ticketLimit.take(request)) throw tooManyTickets();
  const ticket = await parts.tickets.create({ owner: parts.operatorId, permissions: wanted });
  const header = `UMA realm="${REALM}", as_uri="${parts.issuer}", ticket="${ticket}"`;
  return { headers: { 'WWW-Authenticate': header, 'Cache-Control': 'no-store' }, ticket, asUri: parts.issuer };
}

async function confirm(parts: GuardParts, request: IncomingMessage, subject: Subject): Promise<boolean> {
  if (!subject.proofOfPossession) return true;
  const proof = request.headers.dpop;
  const credential = credentialOf(request);
  if (typeof proof !== 'string' || credential?.scheme !== 'dpop' || subject.tokenId === undefined) return false;
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const thumbprint = await parts.proofs.verify(proof, {
    method: request.method ?? '',
    url: `${new URL(parts.issuer).origin}${path}`,
    token: credential.value,
  });
  if (thumbprint === undefined) return false;
  const rpt = await parts.rpts.findById(subject.tokenId);
  return rpt?.thumbprint === thumbprint;
}

async function decide(parts: GuardParts, subject: Subject, wanted: Parameters<Guard['decide']>[1]): Promise<Decision> {
  const resource = (await parts.resources.byIds([wanted.resourceId])).get(wanted.resourceId);
  if (resource === undefined) return { outcome: 'deny', reason: 'the resource is gone', policies: [] };
  if (!resource.scopes.includes(wanted.scope))
    return { outcome: 'deny', reason: `the resource has no scope ${wanted.scope}`, policies: [] };
  const [answer] = await parts.assessor.assess(askerFor(subject), resource, [wanted.scope], {
    occasion: 'guard',
    ...(wanted.context !== undefined && { context: wanted.context }),
  });
  if (answer === undefined) throw new Error('the policies gave no answer');
  if (answer.outcome === 'permit') return { ...decisionOf(answer), outcome: 'permit' };
  if (answer.outcome !== 'owner_approval') return { ...decisionOf(answer), outcome: 'deny' };
  return awaitOwner(parts, subject, resource, wanted, answer);
}

async function awaitOwner(
  parts: GuardParts,
  subject: Subject,
  resource: Resource,
  { scope, digest }: Parameters<Guard['decide']>[1],
  answer: Assessment,
): Promise<Decision> {
  const approval = await parts.queue.honour(subject.party, resource.id, scope, digest);
  if (approval !== undefined) {
    const given = { reason: approvedBecause(approval, answer), policies: answer.policies };
    await parts.assessor.recordApproval(askerFor(subject), resource, scope, given, { occasion: 'guard' });
    return { outcome: 'permit', ...given };
  }
  const answered = await parts.queue.ask([
    {
      party: subject.party,
      clientId: subject.clientId,
      resource,
      scopes: [scope],
      ...(digest !== undefined && { digest }),
      reason: answer.reason,
      policies: answer.policies,
    },
  ]);
  if (answered.state === 'open') return { ...decisionOf(answer), outcome: 'owner_approval' };
  return { ...decisionOf(answer), outcome: 'deny', reason: answered.reason };
}

function decisionOf({ reason, policies }: Assessment): Omit<Decision, 'outcome'> {
  return { reason, policies };
}

function askerFor(subject: Subject): Asker {
  return {
    kind: subject.kind,
    party: subject.party,
    ...(subject.address !== undefined && { address: subject.address }),
    ...(subject.withdrawalCredentials !== undefined && { withdrawalCredentials: subject.withdrawalCredentials }),
    clientId: subject.clientId,
    claims: subject.claims,
  };
}
