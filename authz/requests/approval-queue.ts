import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../src/clock.js';
import { invalidRequest } from '../errors.js';
import type { Resource } from '../protection/resource.js';
import { ApprovalRequest } from './approval-request.js';

/** A refusal answers the same party's repeats for this long; after that it may ask again. */
const DENIAL_SECONDS = 15 * 60;
/** What waits for one owner at once. Beyond it a request is refused and nothing is filed, so that no party keeps the owner from the others'. */
const MAX_PENDING_OF_PARTY = 50;
const MAX_PENDING = 2_000;

/** Which requests to list. */
export interface ApprovalFilter {
  /** Whose resources' requests. */
  readonly owner: string;
  readonly state?: ApprovalRequest['state'];
  readonly limit: number;
  /** Id of the last one of the page before. */
  readonly before?: string;
}

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

/** What an owner's yes is remembered by. */
export interface Approval {
  readonly id: string;
  /** The party that decided: `client:…`. */
  readonly by: string;
}

/** Why something is permitted although policies left it to the owner, for the decision log and for people. */
export function approvedBecause({ id, by }: Approval, { reason }: { readonly reason: string }): string {
  return `approved by ${by} (request ${id}): ${reason}`;
}

/** How the owner stands to what was asked. `refused` says in people's words why, and then nothing was filed. */
export type Answer =
  | { readonly state: 'refused'; readonly reason: string }
  /** Of each request in turn: the approval by which it may go on, or undefined while it waits. */
  | { readonly state: 'open'; readonly approvals: readonly (Approval | undefined)[] };

type Standing =
  | { readonly state: 'approved'; readonly approval: Approval }
  | { readonly state: 'pending' | 'unknown' }
  | { readonly state: 'refused'; readonly reason: string };

/** Requests that policies leave to the resource owner. */
export class ApprovalQueue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly lifetimeSeconds: number,
  ) {}

  /**
   * How the owner stands to these requests of one party; files the new ones, all or none. Safe to call in parallel: one
   * pending row results of each, and the bounds hold. One that was not decided in time is refused once, then filed anew.
   */
  async ask(all: readonly Waiting[]): Promise<Answer> {
    const known = await this.#standings(all, this.dataSource.manager);
    if (isSettled(known)) return answerOf(known);
    return this.dataSource.transaction(async (manager) => {
      // Who counts the queue must be alone with it.
      await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('approval queue ' || $1, 0))`, [
        all[0]?.resource.owner ?? '',
      ]);
      const standings = await this.#standings(all, manager);
      if (isSettled(standings)) return answerOf(standings);
      const fresh = all.filter((_, index) => standings[index]?.state === 'unknown');
      const full = await this.#full(fresh, manager);
      if (full !== undefined) return { state: 'refused', reason: full };
      for (const waiting of fresh) await this.#file(waiting, manager);
      return answerOf(standings);
    });
  }

  /** Why there is no room for these, if there is none. */
  async #full(fresh: readonly Waiting[], manager: EntityManager): Promise<string | undefined> {
    const [count] = (await manager.query(
      `SELECT count(*)::int AS total, count(*) FILTER (WHERE party = $1)::int AS own
       FROM approval_request WHERE owner = $3 AND state = 'pending' AND expires_at > $2`,
      [fresh[0]?.party, new Date(this.clock.nowMs()), fresh[0]?.resource.owner],
    )) as { total: number; own: number }[];
    const { total = 0, own = 0 } = count ?? {};
    if (own + fresh.length > MAX_PENDING_OF_PARTY)
      return `${own} requests of this party wait for the owner, and no more than ${MAX_PENDING_OF_PARTY} may`;
    if (total + fresh.length > MAX_PENDING) return 'too many requests wait for the owner: ask again later';
    return undefined;
  }

  async #file(waiting: Waiting, manager: EntityManager): Promise<void> {
    const now = this.clock.nowMs();
    await manager.query(
      `INSERT INTO approval_request
         (id, party, client_id, owner, resource_id, resource, scopes, digest, reason, policies, state, created_at, expires_at)
       VALUES ($1, $2, $3, $12, $4, $5, $6, $7, $8, $9, 'pending', $10, $11)`,
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
        new Date(now),
        new Date(now + this.lifetimeSeconds * 1000),
        waiting.resource.owner,
      ],
    );
  }

  /**
   * The approval of this very request, if there is one. With a digest the approval is spent on it: the same digest may come again (a repeat of
   * the same PUT), another one may not.
   */
  async honour(
    party: string,
    resourceId: string,
    scope: string,
    digest: string | undefined,
  ): Promise<Approval | undefined> {
    const now = new Date(this.clock.nowMs());
    const subject = [party, resourceId, scope, now];
    const approved = `party = $1 AND resource_id = $2 AND $3 = ANY(scopes) AND expires_at > $4`;
    if (digest === undefined) {
      const rows = (await this.dataSource.query(
        `SELECT id, decided_by AS by FROM approval_request
         WHERE ${approved} AND state = 'approved' AND digest = '' LIMIT 1`,
        subject,
      )) as Approval[];
      return rows[0];
    }
    const [repeat] = (await this.dataSource.query(
      `SELECT id, decided_by AS by FROM approval_request WHERE ${approved} AND state = 'used' AND digest = $5 LIMIT 1`,
      [...subject, digest],
    )) as Approval[];
    if (repeat !== undefined) return repeat;
    const [used] = (await this.dataSource.query(
      `UPDATE approval_request SET state = 'used', digest = $5
       WHERE id = (SELECT id FROM approval_request WHERE ${approved} AND state = 'approved' AND digest IN ('', $5)
                   ORDER BY digest DESC, created_at LIMIT 1 FOR UPDATE) AND state = 'approved'
       RETURNING id, decided_by AS by`,
      [...subject, digest],
    )) as [Approval[], number];
    return used[0];
  }

  /** Newest first; what has lapsed is `expired`. @throws invalid_request when `before` is no request. */
  async list({ owner, state, limit, before }: ApprovalFilter): Promise<ApprovalRequest[]> {
    if (before !== undefined && (await this.find(before, owner)) === undefined)
      throw invalidRequest('before names no request: begin again without it');
    const query = this.dataSource
      .getRepository(ApprovalRequest)
      .createQueryBuilder('r')
      .where('r.owner = :owner', { owner });
    if (state !== undefined)
      query.andWhere(
        `CASE WHEN r.state IN ('pending', 'approved') AND r.expires_at <= :now THEN 'expired' ELSE r.state END = :state`,
        {
          now: new Date(this.clock.nowMs()),
          state,
        },
      );
    if (before !== undefined)
      query.andWhere(
        '(r.created_at, r.id) < (SELECT b.created_at, b.id FROM approval_request b WHERE b.id = :before)',
        {
          before,
        },
      );
    return query.orderBy('r.createdAt', 'DESC').addOrderBy('r.id', 'DESC').limit(limit).getMany();
  }

  /** Decides a pending request of this owner's, once. Returns it, or undefined when there is none by this id that waits. */
  async decide(
    id: string,
    owner: string,
    state: 'approved' | 'denied',
    by: string,
    reason?: string,
  ): Promise<ApprovalRequest | undefined> {
    const now = this.clock.nowMs();
    const seconds = state === 'approved' ? this.lifetimeSeconds : DENIAL_SECONDS;
    const [rows] = (await this.dataSource.query(
      `UPDATE approval_request SET state = $2, decided_at = $3, decided_by = $4, decision_reason = $5, expires_at = $6
       WHERE id = $1 AND owner = $7 AND state = 'pending' AND expires_at > $3 RETURNING id`,
      [id, state, new Date(now), by, reason ?? null, new Date(now + seconds * 1000), owner],
    )) as [unknown[], number];
    return rows.length === 0 ? undefined : this.find(id, owner);
  }

  /** One of this owner's, else undefined. */
  async find(id: string, owner: string): Promise<ApprovalRequest | undefined> {
    return (await this.dataSource.getRepository(ApprovalRequest).findOneBy({ id, owner })) ?? undefined;
  }

  async #standings(all: readonly Waiting[], manager: EntityManager): Promise<readonly Standing[]> {
    const standings: Standing[] = [];
    for (const waiting of all) standings.push(await this.#standing(waiting, manager));
    return standings;
  }

  async #standing(waiting: Waiting, manager: EntityManager): Promise<Standing> {
    const now = new Date(this.clock.nowMs());
    const [row] = (await manager.query(
      `SELECT id, state, decided_by, decision_reason, expires_at <= $5 AS lapsed FROM approval_request
       WHERE party = $1 AND resource_id = $2 AND scopes @> $3 AND digest = $4
         AND (state = 'pending' OR state IN ('approved', 'denied') AND expires_at > $5)
       ORDER BY created_at DESC LIMIT 1`,
      [waiting.party, waiting.resource.id, waiting.scopes, waiting.digest ?? '', now],
    )) as Decided[];
    if (row === undefined) return { state: 'unknown' };
    if (row.lapsed) return this.#lapse(row.id, now, manager);
    if (row.state === 'approved') return { state: 'approved', approval: { id: row.id, by: row.decided_by ?? '' } };
    if (row.state === 'pending') return { state: 'pending' };
    return { state: 'refused', reason: `the owner refused${row.decision_reason ? `: ${row.decision_reason}` : ''}` };
  }

  /** Whoever ends it is told; to others, and later, it is as if it had not been. */
  async #lapse(id: string, now: Date, manager: EntityManager): Promise<Standing> {
    const [lapsed] = (await manager.query(
      `UPDATE approval_request SET state = 'expired' WHERE id = $1 AND state = 'pending' AND expires_at <= $2 RETURNING id`,
      [id, now],
    )) as [unknown[], number];
    if (lapsed.length === 0) return { state: 'unknown' };
    return { state: 'refused', reason: 'the request expired before the owner decided: ask again' };
  }
}

interface Decided {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'denied';
  readonly decided_by: string | null;
  readonly decision_reason: string | null;
  readonly lapsed: boolean;
}

function isSettled(standings: readonly Standing[]): boolean {
  return standings.some(({ state }) => state === 'refused') || standings.every(({ state }) => state !== 'unknown');
}

function answerOf(standings: readonly Standing[]): Answer {
  for (const standing of standings) if (standing.state === 'refused') return standing;
  return {
    state: 'open',
    approvals: standings.map((standing) => (standing.state === 'approved' ? standing.approval : undefined)),
  };
}

function shown(resource: Resource): ApprovalRequest['resource'] {
  return { type: resource.type, key: resource.key, name: resource.document.name ?? resource.key };
}
