import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../src/clock.js';
import type { Permission } from '../contract.js';
import type { GatheredClaims } from '../gathered-claims.js';
import { digestOf, randomSecret } from '../secrets.js';

export interface SpentTicket {
  readonly owner: string;
  readonly permissions: readonly Permission[];
  /** The client it belongs to since its first presentation. */
  readonly clientId?: string;
  readonly gathered?: GatheredClaims;
}

/** Permission tickets: made, and spent once. */
export class Tickets {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly lifetimeSeconds: number,
  ) {}

  /** A new ticket; also the successor of a spent one, with what was gathered so far. */
  async create(ticket: SpentTicket, manager: EntityManager = this.dataSource.manager): Promise<string> {
    const secret = randomSecret();
    const now = this.clock.nowMs();
    await manager.query(
      `INSERT INTO permission_ticket (digest, owner, permissions, client_id, gathered, created_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [
        digestOf(secret),
        ticket.owner,
        JSON.stringify(ticket.permissions),
        ticket.clientId ?? null,
        ticket.gathered === undefined ? null : JSON.stringify(ticket.gathered),
        new Date(now),
        new Date(now + this.lifetimeSeconds * 1000),
      ],
    );
    return secret;
  }

  /**
   * Spends the ticket, whatever comes of it: one DELETE, so that of any number of parallel presentations at most one gets
   * it. Undefined for an unknown, used or expired ticket and for one that belongs to another client (security.md B7).
   */
  async consume(secret: string, clientId: string): Promise<SpentTicket | undefined> {
    const [rows] = (await this.dataSource.query(
      'DELETE FROM permission_ticket WHERE digest = $1 RETURNING owner, permissions, client_id, gathered, expires_at',
      [digestOf(secret)],
    )) as [TicketRow[], number];
    return this.#presented(rows[0], clientId);
  }

  /** What a ticket asks for, without spending it: for texts shown to whoever holds it. */
  async peek(secret: string, clientId: string): Promise<SpentTicket | undefined> {
    const rows = (await this.dataSource.query(
      'SELECT owner, permissions, client_id, gathered, expires_at FROM permission_ticket WHERE digest = $1',
      [digestOf(secret)],
    )) as TicketRow[];
    return this.#presented(rows[0], clientId);
  }

  #presented(row: TicketRow | undefined, clientId: string): SpentTicket | undefined {
    if (row === undefined || row.expires_at.getTime() <= this.clock.nowMs()) return undefined;
    if (row.client_id !== null && row.client_id !== clientId) return undefined;
    return {
      owner: row.owner,
      permissions: row.permissions,
      clientId,
      ...(row.gathered !== null && { gathered: row.gathered }),
    };
  }
}

interface TicketRow {
  owner: string;
  permissions: Permission[];
  client_id: string | null;
  gathered: GatheredClaims | null;
  expires_at: Date;
}
