import type { EntityManager } from 'typeorm';
import type { PageItem } from './change.js';

/**
 * Raises a page once, and with it the pause: any page stops new moves until someone resumes.
 * @param publicKey empty when it is about no single key.
 * @returns whether it is new.
 */
export async function raisePage(page: PageItem, publicKey: string, manager: EntityManager): Promise<boolean> {
  const [raised] = await manager.query<{ id: string }[]>(
    `INSERT INTO page (kind, public_key, validator_client, text) VALUES ($1, $2, $3, $4)
     ON CONFLICT (kind, public_key, validator_client) WHERE acknowledged_at IS NULL DO NOTHING RETURNING id`,
    [page.kind, publicKey, page.validatorClient ?? '', page.text],
  );
  if (!raised) return false;
  await manager.query(`INSERT INTO mover_pause (reason, since) VALUES ($1, now()) ON CONFLICT (id) DO NOTHING`, [
    `page: ${page.text}`,
  ]);
  return true;
}
