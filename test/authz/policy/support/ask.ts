import { pino } from 'pino';
import type { Facts } from '../../../../authz/index.js';
import type { AssessRequest } from '../../../../authz/policy/types.js';

export const silent = pino({ level: 'silent' });
export const WALLET = '0x1111111111111111111111111111111111111111';
export const OTHER_WALLET = '0x2222222222222222222222222222222222222222';

export const partyOf = (address: string): string => `eip155:31337:${address}`;

/** A wallet that has proved itself; with `undefined`, a client that has shown nothing. */
export function wallet(
  address: string | undefined,
  attributes: Facts = {},
): Pick<AssessRequest, 'principal' | 'claims'> {
  if (address === undefined) return { principal: { party: 'client:app', kind: 'party', attributes }, claims: {} };
  return {
    principal: { party: partyOf(address), kind: 'party', address, attributes },
    claims: { eth_address: address },
  };
}

export const operator: Pick<AssessRequest, 'principal' | 'claims'> = {
  principal: { party: 'client:operator', kind: 'operator', attributes: {} },
  claims: {},
};

export const platform: Pick<AssessRequest, 'principal' | 'claims'> = {
  principal: { party: 'platform:platform', kind: 'platform', attributes: {} },
  claims: {},
};

export function ask(
  who: Pick<AssessRequest, 'principal' | 'claims'>,
  scope: string,
  resource: { type: string; key: string; attributes?: Facts },
  more: Partial<AssessRequest> = {},
): AssessRequest {
  return {
    clientId: 'app',
    context: {},
    nowSeconds: 1_763_700_000,
    ...who,
    scope,
    resource: { attributes: {}, ...resource },
    ...more,
  };
}
