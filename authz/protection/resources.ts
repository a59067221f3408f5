import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../src/clock.js';
import { covers } from '../authorization-assessment.js';
import type { Permission, ProtectionApi, ResourceDescription } from '../contract.js';
import { invalidGrant } from '../errors.js';
import { announce } from '../revocation.js';
import { randomSecret } from '../secrets.js';
import { Resource, type ResourceDocument } from './resource.js';

/** Of one owner: whoever may register a client may be an owner. */
export const MAX_RESOURCES = 20_000;

/** Registered resources. */
export class Resources {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** Those that exist, by id. */
  async byIds(
    ids: readonly string[],
    manager: EntityManager = this.dataSource.manager,
  ): Promise<Map<string, Resource>> {
    const rows = (await manager.query(
      `SELECT id, owner, type, key, scopes, attributes, document, in_process AS "inProcess", created_at AS "createdAt"
       FROM resource WHERE id = ANY($1)`,
      [ids],
    )) as Resource[];
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** The scopes of those that exist, by id. */
  async scopesOf(
    permissions: readonly Permission[],
    manager: EntityManager = this.dataSource.manager,
  ): Promise<Map<string, readonly string[]>> {
    const ids = permissions.map(({ resourceId }) => resourceId);
    return new Map([...(await this.byIds(ids, manager))].map(([id, { scopes }]) => [id, scopes]));
  }

  /** One of this owner's, else undefined: others' resources are invisible. */
  async ofOwner(owner: string, id: string): Promise<Resource | undefined> {
    const row = await this.dataSource.getRepository(Resource).findOneBy({ owner, id });
    return row ?? undefined;
  }

  async idsOf(owner: string): Promise<string[]> {
    const rows = await this.dataSource.query('SELECT id FROM resource WHERE owner = $1 ORDER BY created_at, id', [
      owner,
    ]);
    return (rows as { id: string }[]).map(({ id }) => id);
  }

  /**
   * Keeps the resources, and their scopes, as they are until the caller's transaction ends.
   * @throws invalid_grant when one is gone, or has lost a scope that is permitted.
   */
  async hold(permissions: readonly Permission[], manager: EntityManager): Promise<void> {
    const ids = permissions.map(({ resourceId }) => resourceId);
    const rows = (await manager.query('SELECT id, scopes FROM resource WHERE id = ANY($1) ORDER BY id FOR SHARE', [
      ids,
    ])) as { id: string; scopes: string[] }[];
    if (
      !covers(
        rows.map(({ id, scopes }) => ({ resourceId: id, scopes })),
        permissions,
      )
    )
      throw invalidGrant('a resource is gone, or has lost a scope, while this was decided');
  }

  /** Registered over HTTP: its own id is its key. Undefined when the owner has `MAX_RESOURCES`; parallel calls may exceed it by a few. */
  async create(owner: string, document: ResourceDocument): Promise<string | undefined> {
    const id = randomSecret();
    const rows = (await this.dataSource.query(
      `INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
       SELECT $1, $2, $3, $1, $4, '{}', $5, false, $6
       WHERE NOT EXISTS (SELECT FROM resource WHERE owner = $2 AND NOT in_process OFFSET $7 LIMIT 1)
       RETURNING id`,
      [
        id,
        owner,
        typeOf(document),
        document.resource_scopes,
        JSON.stringify(document),
        new Date(this.clock.nowMs()),
        MAX_RESOURCES - 1,
      ],
    )) as unknown[];
    return rows.length === 0 ? undefined : id;
  }

  /**
   * Full replacement of the description. Scopes left out end at once in every permission, on every replica. False when it
   * is gone.
   */
  async replace(owner: string, id: string, document: ResourceDocument): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      const [before] = (await manager.query('SELECT scopes FROM resource WHERE owner = $1 AND id = $2 FOR UPDATE', [
        owner,
        id,
      ])) as { scopes: string[] }[];
      if (before === undefined) return false;
      await manager.query('UPDATE resource SET type = $2, scopes = $3, document = $4 WHERE id = $1', [
        id,
        typeOf(document),
        document.resource_scopes,
        JSON.stringify(document),
      ]);
      await this.#endLost(id, before.scopes, document.resource_scopes, manager);
      return true;
    });
  }

  /**
   * Ends what was granted of scopes the resource has no more, on every replica; for good, so that a scope given back later
   * revives no old permission. `hold` makes it wait for grants under way.
   */
  async #endLost(
    id: string,
    before: readonly string[],
    after: readonly string[],
    manager: EntityManager,
  ): Promise<void> {
    const lost = before.filter((scope) => !after.includes(scope));
    if (lost.length === 0) return;
    for (const table of ['uma_grant', 'rpt']) {
      await manager.query(
        `UPDATE ${table} SET permissions = (
           SELECT jsonb_agg(CASE WHEN p->>'resourceId' = $1 THEN jsonb_set(p, '{scopes}', (p->'scopes') - $2::text[]) ELSE p END)
           FROM jsonb_array_elements(permissions) p)
         WHERE permissions @> jsonb_build_array(jsonb_build_object('resourceId', $1::text)) AND revoked_at IS NULL`,
        [id, lost],
      );
    }
    await announce(manager, { kind: 'resource', id }, this.clock.nowMs());
  }

  /** Ends the resource, and with it its tickets, permissions and approvals, on every replica. False when it was gone. */
  async withdraw(id: string, manager?: EntityManager): Promise<boolean> {
    if (manager === undefined) return this.dataSource.transaction((own) => this.withdraw(id, own));
    const [rows] = (await manager.query('DELETE FROM resource WHERE id = $1 RETURNING id', [id])) as [
      unknown[],
      number,
    ];
    if (rows.length === 0) return false;
    await manager.query('DELETE FROM approval_request WHERE resource_id = $1', [id]);
    await announce(manager, { kind: 'resource', id }, this.clock.nowMs());
    return true;
  }

  /** Registers or updates the resource of this owner, type and key; keeps its id. Scopes left out end as in `replace`. */
  async ensure(owner: string, description: ResourceDescription, manager?: EntityManager): Promise<string> {
    if (manager === undefined) return this.dataSource.transaction((own) => this.ensure(owner, description, own));
    const [row] = (await manager.query(
      `WITH before AS (SELECT scopes FROM resource WHERE owner = $2 AND type = $3 AND key = $4)
       INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8)
       ON CONFLICT (owner, type, key) DO UPDATE
         SET scopes = excluded.scopes, attributes = excluded.attributes, document = excluded.document
       RETURNING id, (SELECT scopes FROM before) AS before`,
      inProcessValues(owner, description, this.clock.nowMs()),
    )) as { id: string; before: string[] | null }[];
    if (row === undefined) throw new Error('the resource was not written');
    await this.#endLost(row.id, row.before ?? [], description.scopes, manager);
    return row.id;
  }

  /** A new resource; one of the same type and key that is left over is withdrawn first, so that ids are never shared. */
  async register(owner: string, description: ResourceDescription, manager?: EntityManager): Promise<string> {
    if (manager === undefined) return this.dataSource.transaction((own) => this.register(owner, description, own));
    const left = await manager.findOneBy(Resource, { owner, type: description.type, key: description.key });
    if (left !== null) await this.withdraw(left.id, manager);
    return this.ensure(owner, description, manager);
  }
}

/** Policies see a resource registered without a type as a plain `resource`. */
function typeOf(document: ResourceDocument): string {
  return document.type ?? 'resource';
}

function inProcessValues(owner: string, description: ResourceDescription, nowMs: number): unknown[] {
  const { name, type, key, scopes, attributes } = description;
  const document: ResourceDocument = { resource_scopes: scopes, name, type };
  return [
    randomSecret(),
    owner,
    type,
    key,
    scopes,
    JSON.stringify(attributes),
    JSON.stringify(document),
    new Date(nowMs),
  ];
}

/** The protection API in process, with the operator as resource owner. */
export function protectionApi(resources: Resources, operatorId: string): ProtectionApi {
  return {
    register: (description, manager) => resources.register(operatorId, description, manager),
    ensure: (description, manager) => resources.ensure(operatorId, description, manager),
    withdraw: async (resourceId, manager) => {
      await resources.withdraw(resourceId, manager);
    },
  };
}
