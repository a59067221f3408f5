import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { Clock } from '../../src/clock.js';
import type { Resource } from '../protection/resource.js';
import { ApprovalRequest } from './approval-request.js';

/** A refusal answers the same party's repeats for this long; after that it may ask again. */
const DENIAL_SECONDS = 15 * 60;

export interface Waiting {
  readonly party: string;
  readonly clientId: string;
  readonly resource: Resource;
  readonly scopes: readonly string[];
  /** Digest of the request's parameters when they are known (security.md B1). */
  readonly digest?: string;
  readonly reason: string;
  readonly policies: readonly string[];
}

export type Standing =
  | { readonly state: 'approved' }
  | { readonly state: 'denied'; readonly reason: string | undefined }
  | { readonly state: 'pending' };

/** Requests that policies leave to the resource owner. */
export class ApprovalQueue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly lifetimeSeconds: number,
  ) {}

  /** How the owner stands to this request; files it when it is new. Safe to call in parallel: one pending row results. */
  async ask(waiting: Waiting): Promise<Standing> {
    const known = await this.#standing(waiting);
    if (known !== undefined) return known;
    const now = new Date(this.clock.nowMs());
    await this.dataSource.query(
      `INSERT INTO approval_request
         (id, party, client_id, resource_id, resource, scopes, digest, reason, policies, state, created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', $10, $11)
       ON CONFLICT (party, resource_id, scopes, digest) WHERE state = 'pending'
       DO UPDATE SET reason = excluded.reason, policies = excluded.policies,
         created_at = CASE WHEN approval_request.expires_at <= excluded.created_at THEN excluded.created_at ELSE approval_request.created_at END,
         expires_at = CASE WHEN approval_request.expires_at <= excluded.created_at THEN excluded.expires_at ELSE approval_request.expires_at END`,
      [
        randomUUID(),
        waiting.party,
        waiting.clientId,
        waiting.resource.id,
        JSON.stringify(shown(waiting.resource)),
        [...waiting.scopes].sort(),
        waiting.digest ?? '',
        waiting.reason,
        waiting.policies,
        now,
        new Date(now.getTime() + this.lifetimeSeconds * 1000),
      ],
    );
    return { state: 'pending' };
  }

  /**
   * Is this very request approved? With a digest the approval is spent on it: the same digest may come again (a repeat of
   * the same PUT), another one may not.
   */
  async honour(party: string, resourceId: string, scope: string, digest: string | undefined): Promise<boolean> {
    const now = new Date(this.clock.nowMs());
    const subject = [party, resourceId, scope, now];
    const approved = `party = $1 AND resource_id = $2 AND $3 = ANY(scopes) AND expires_at > $4`;
    if (digest === undefined) {
      const rows = await this.dataSource.query(
        `SELECT 1 FROM approval_request WHERE ${approved} AND state = 'approved' AND digest = '' LIMIT 1`,
        subject,
      );
      return (rows as unknown[]).length > 0;
    }
    const repeat = await this.dataSource.query(
      `SELECT 1 FROM approval_request WHERE ${approved} AND state = 'used' AND digest = $5 LIMIT 1`,
      [...subject, digest],
    );
    if ((repeat as unknown[]).length > 0) return true;
    const [used] = (await this.dataSource.query(
      `UPDATE approval_request SET state = 'used', digest = $5
       WHERE id = (SELECT id FROM approval_request WHERE ${approved} AND state = 'approved' AND digest IN ('', $5)
                   ORDER BY digest DESC, created_at LIMIT 1 FOR UPDATE) AND state = 'approved'
       RETURNING id`,
      [...subject, digest],
    )) as [unknown[], number];
    return used.length > 0;
  }

  /** Newest first. Expired ones that nobody decided are shown as `expired`. */
  async list(limit = 500): Promise<ApprovalRequest[]> {
    return this.dataSource.getRepository(ApprovalRequest).find({ order: { createdAt: 'DESC' }, take: limit });
  }

  /** Decides a pending request, once. Returns it, or undefined when there is none by this id that waits. */
  async decide(
    id: string,
    state: 'approved' | 'denied',
    by: string,
    reason?: string,
  ): Promise<ApprovalRequest | undefined> {
    const now = this.clock.nowMs();
    const seconds = state === 'approved' ? this.lifetimeSeconds : DENIAL_SECONDS;
    const [rows] = (await this.dataSource.query(
      `UPDATE approval_request SET state = $2, decided_at = $3, decided_by = $4, decision_reason = $5, expires_at = $6
       WHERE id = $1 AND state = 'pending' AND expires_at > $3 RETURNING id`,
      [id, state, new Date(now), by, reason ?? null, new Date(now + seconds * 1000)],
    )) as [unknown[], number];
    return rows.length === 0 ? undefined : this.find(id);
  }

  async find(id: string): Promise<ApprovalRequest | undefined> {
    return (await this.dataSource.getRepository(ApprovalRequest).findOneBy({ id })) ?? undefined;
  }

  async #standing(waiting: Waiting): Promise<Standing | undefined> {
    const [row] = (await this.dataSource.query(
      `SELECT state, decision_reason FROM approval_request
       WHERE party = $1 AND resource_id = $2 AND scopes @> $3 AND digest = $4 AND expires_at > $5
         AND state IN ('pending', 'approved', 'denied')
       ORDER BY created_at DESC LIMIT 1`,
      [waiting.party, waiting.resource.id, waiting.scopes, waiting.digest ?? '', new Date(this.clock.nowMs())],
    )) as { state: 'pending' | 'approved' | 'denied'; decision_reason: string | null }[];
    if (row === undefined) return undefined;
    return row.state === 'denied'
      ? { state: 'denied', reason: row.decision_reason ?? undefined }
      : { state: row.state };
  }
}

function shown(resource: Resource): ApprovalRequest['resource'] {
  return { type: resource.type, key: resource.key, name: resource.document.name ?? resource.key };
}
