import type { DataSource } from 'typeorm';
import type { Finding } from './findings.js';
import { raisePage } from './pages.js';

const TEXTS: Record<Finding['kind'], (client: string) => string> = {
  'resurrected key': (client) =>
    `resurrected key: ${client} has a key again that was deleted there; deleted again, client quarantined`,
  'unknown holder': (client) => `unknown holder: ${client} has a key whose signing right is elsewhere or nobody's`,
  'unknown key': (client) => `unknown key: ${client} has a key that is not in the vault`,
  'listed twice': (clients) => `listed twice: a key without a signing right is at ${clients}`,
  'missing key': (client) => `missing key: ${client} holds the signing right but does not list the key`,
};

/** Raises a finding's page, unless people acknowledged the same one since the key's right last changed. */
export async function tell(dataSource: DataSource, finding: Finding): Promise<void> {
  const { kind, publicKey, client } = finding;
  if (kind !== 'resurrected key' && (await wasAcknowledged(dataSource, finding))) return;
  const page = { kind, text: TEXTS[kind](client), validatorClient: client };
  await dataSource.transaction((manager) => raisePage(page, publicKey, manager));
}

/** A known oddity is told once: acknowledging it means living with it. */
async function wasAcknowledged(dataSource: DataSource, { kind, publicKey, client }: Finding): Promise<boolean> {
  const rows = await dataSource.query<unknown[]>(
    `SELECT FROM page WHERE kind = $1 AND public_key = $2 AND validator_client = $3 AND acknowledged_at IS NOT NULL
       AND raised_at > (SELECT COALESCE(max(since), '-infinity') FROM signing_right WHERE public_key = $2)`,
    [kind, publicKey, client],
  );
  return rows.length > 0;
}
