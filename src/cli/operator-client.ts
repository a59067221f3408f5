import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Credentials, readCredentials } from '../credentials.js';
import { DomainError } from '../errors.js';
import { cliBaseUrl, cliDataDir } from './broker-address.js';
import {
  type Answer,
  accessTokenOf,
  callBroker,
  fetchJson,
  tokenEndpoint,
  UMA_GRANT,
  umaChallenge,
} from './uma-client.js';

export interface OperatorClient {
  /**
   * One call as the operator. A 401 with a ticket is answered by the UMA grant with the operator's own client
   * authentication, and the call repeated; the RPT is kept and widened from call to call.
   * @throws DomainError for every answer that is not 2xx, with the broker's own words.
   */
  call(method: string, path: string, body?: unknown): Promise<Answer>;
}

/** Finds the running broker and its operator's credentials (OVSB_PUBLIC_URL or OVSB_PORT, OVSB_DATA_DIR). */
export function operatorClient(): OperatorClient {
  const baseUrl = cliBaseUrl();
  const credentials = operatorCredentials();
  let rpt: string | undefined;

  return {
    async call(method, path, body) {
      const call = { method, path, body };
      const first = await callBroker(baseUrl, rpt, call);
      const challenge = umaChallenge(first);
      if (challenge) rpt = await exchange(baseUrl, challenge.asUri, credentials, challenge.ticket, rpt);
      return expectSuccess(challenge ? await callBroker(baseUrl, rpt, call) : first, `${method} ${path}`);
    },
  };
}

function operatorCredentials(): Credentials {
  const file = join(cliDataDir(), 'credentials.json');
  if (!existsSync(file)) {
    throw new DomainError(
      'NoCredentials',
      `${file} does not exist: start the broker first, or set OVSB_DATA_DIR to its data directory`,
    );
  }
  return readCredentials(file);
}

/** UMA Grant 3.3.1, with HTTP basic client authentication (RFC 6749 2.3.1). The secret goes to our own broker only. */
async function exchange(
  baseUrl: string,
  issuer: string,
  { operator }: Credentials,
  ticket: string,
  rpt: string | undefined,
): Promise<string> {
  const endpoint = await tokenEndpoint(baseUrl, issuer);
  const form = new URLSearchParams({ grant_type: UMA_GRANT, ticket });
  if (rpt) form.set('rpt', rpt);
  const pair = `${encodeURIComponent(operator.client_id)}:${encodeURIComponent(operator.client_secret)}`;
  const answer = await fetchJson(endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    body: form,
  });
  return accessTokenOf(expectSuccess(answer, 'authorization').body);
}

function expectSuccess(answer: Answer, what: string): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer;
  const { error, error_description, description, message, request_id } = answer.body;
  const why = String(description ?? error_description ?? message ?? error ?? 'no reason given');
  const trace = request_id === undefined ? '' : ` (request ${String(request_id)})`;
  throw new DomainError(String(error ?? 'Refused'), `${what}: HTTP ${answer.status}: ${why}${trace}`, {
    status: answer.status,
  });
}
