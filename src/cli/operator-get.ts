import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../errors.js';
import { cliDataDir } from './broker-address.js';
import { type Answer, fetchJson } from './requesting-party.js';

const UMA_GRANT = 'urn:ietf:params:oauth:grant-type:uma-ticket';

/** GET as the operator's own client: 401, ticket, RPT with its client authentication and no claim, GET again. */
export async function operatorGet(baseUrl: string, path: string): Promise<unknown> {
  const first = await fetchJson(`${baseUrl}${path}`);
  const answer = first.status === 401 ? await withPermission(baseUrl, path, first) : first;
  if (answer.status === 200) return answer.body;
  const why = answer.body.error_description ?? answer.body.error ?? answer.body.description ?? '';
  throw new DomainError('Refused', `${baseUrl}${path} answered ${answer.status}: ${String(why)}`);
}

async function withPermission(baseUrl: string, path: string, challenged: Answer): Promise<Answer> {
  const ticket = /ticket="([^"]+)"/.exec(challenged.headers.get('www-authenticate') ?? '')?.[1];
  if (ticket === undefined) return challenged;
  const { client_id: id, client_secret: secret } = await operatorCredentials();
  const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
  const discovery = await fetchJson(`${baseUrl}/authz/.well-known/uma2-configuration`);
  const token = await fetchJson(String(discovery.body.token_endpoint ?? `${baseUrl}/authz/token`), {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: UMA_GRANT, ticket }),
  });
  const rpt = token.body.access_token;
  if (typeof rpt !== 'string') return token;
  return fetchJson(`${baseUrl}${path}`, { headers: { authorization: `Bearer ${rpt}` } });
}

async function operatorCredentials(): Promise<{ client_id: string; client_secret: string }> {
  const file = join(cliDataDir(), 'credentials.json');
  try {
    const { operator } = JSON.parse(await readFile(file, 'utf8')) as {
      operator: { client_id: string; client_secret: string };
    };
    return operator;
  } catch (cause) {
    throw new DomainError('NoCredentials', `cannot read the operator's credentials from ${file}; set OVSB_DATA_DIR`, {
      cause,
    });
  }
}
