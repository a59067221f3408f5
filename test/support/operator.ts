import { type Answer, fetchJson, UMA_GRANT, umaChallenge } from '../../src/cli/uma-client.js';
import type { BrokerProcess } from './broker-process.js';

/** The operator over HTTP: a ticket of the refused call, its own client authentication, the call again (product.md). */
export class Operator {
  constructor(private readonly broker: BrokerProcess) {}

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const send = (rpt?: string) =>
      fetchJson(`${this.broker.baseUrl}${path}`, {
        method,
        headers: {
          accept: 'application/json',
          'x-broker-api-version': '2.17',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(rpt === undefined ? {} : { authorization: `Bearer ${rpt}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const refused = await send();
    const challenge = umaChallenge(refused);
    if (challenge === undefined) return refused;
    const token = await operatorToken(this.broker, challenge.ticket);
    if (token.status !== 200) return token;
    return send(String(token.body.access_token));
  }
}

/** The operator's own client authentication (RFC 6749 2.3.1). */
export function operatorBasic({ credentials }: BrokerProcess): string {
  const { client_id, client_secret } = credentials.operator;
  return `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
}

/** What the token endpoint answers the operator's client for a ticket. */
export function operatorToken(broker: BrokerProcess, ticket: string): Promise<Answer> {
  return fetchJson(`${broker.baseUrl}/authz/token`, {
    method: 'POST',
    headers: { authorization: operatorBasic(broker) },
    body: new URLSearchParams({ grant_type: UMA_GRANT, ticket }),
  });
}

/** The platform's basic account on the OSB API. */
export function platformCall(broker: BrokerProcess, method: string, path: string, body?: unknown): Promise<Answer> {
  const { username, password } = broker.credentials.platform;
  return fetchJson(`${broker.baseUrl}${path}`, {
    method,
    headers: {
      'x-broker-api-version': '2.17',
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
