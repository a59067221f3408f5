import type { Facts, FactValue } from '../contract.js';
import type { AssessRequest } from './types.js';

/** Names under which a fact could hold what nobody may read later. */
const SECRET = /secret|passw|token|mnemonic|private|keystore|credential|signature|authorization/i;
const MAX_BYTES = 16_384;

/**
 * What of a question is kept for replay: the facts policies can read, without secrets, and of the claims only those that
 * repeat who the party is anyway (its address in `eip155:1:0x…`); other claims stay as names beside it.
 * As JSON; undefined when it is larger than a decision is worth.
 */
export function recordedQuestion(request: AssessRequest): string | undefined {
  const kept: AssessRequest = {
    ...request,
    principal: { ...request.principal, attributes: withoutSecrets(request.principal.attributes) },
    resource: { ...request.resource, attributes: withoutSecrets(request.resource.attributes) },
    context: withoutSecrets(request.context),
    claims: ownClaims(request),
  };
  const text = JSON.stringify(kept);
  return text.length <= MAX_BYTES ? text : undefined;
}

function ownClaims({ claims, principal }: AssessRequest): Facts {
  const own = (value: FactValue) =>
    typeof value === 'string' && value !== '' && principal.party.split(/[:#]/).includes(value);
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => own(value)));
}

function withoutSecrets(facts: Facts): Facts {
  const kept = Object.entries(facts).filter(([name]) => !SECRET.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, isRecord(value) ? withoutSecrets(value) : value]));
}

function isRecord(value: FactValue): value is Facts {
  return typeof value === 'object' && !Array.isArray(value);
}
