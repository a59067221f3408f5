import { type Answer, fetchJson } from '../../src/cli/uma-client.js';
import type { BrokerProcess } from './broker-process.js';

const UMA_GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket';

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
    const ticket = /ticket="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1];
    if (refused.status !== 401 || ticket === undefined) return refused;
    const { client_id, client_secret } = this.broker.credentials.operator;
    const token = await fetchJson(`${this.broker.baseUrl}/authz/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: UMA_GRANT, ticket }),
    });
    if (token.status !== 200) return token;
    return send(String(token.body.access_token));
  }
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
