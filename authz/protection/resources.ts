import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '../../src/clock.js';
import type { ProtectionApi, ResourceDescription } from '../contract.js';
import { invalidGrant } from '../errors.js';
import { announce } from '../revocation.js';
import { randomSecret } from '../secrets.js';
import { Resource, type ResourceDocument } from './resource.js';

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
    const rows = await manager
      .getRepository(Resource)
      .createQueryBuilder('r')
      .where('r.id = ANY(:ids)', { ids })
      .getMany();
    return new Map(rows.map((row) => [row.id, row]));
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

  /** Keeps the resources from being withdrawn until the caller's transaction ends. @throws invalid_grant when one is gone. */
  async hold(ids: readonly string[], manager: EntityManager): Promise<void> {
    const rows = await manager.query('SELECT id FROM resource WHERE id = ANY($1) ORDER BY id FOR KEY SHARE', [ids]);
    if ((rows as unknown[]).length < new Set(ids).size) throw invalidGrant('a resource of the ticket is gone');
  }

  /** Registered over HTTP: its own id is its key. */
  async create(owner: string, document: ResourceDocument): Promise<string> {
    const id = randomSecret();
    await this.dataSource.query(
      `INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
       VALUES ($1, $2, $3, $1, $4, '{}', $5, false, $6)`,
      [id, owner, typeOf(document), document.resource_scopes, JSON.stringify(document), new Date(this.clock.nowMs())],
    );
    return id;
  }

  /** Full replacement of the description. False when it is gone. */
  async replace(owner: string, id: string, document: ResourceDocument): Promise<boolean> {
    const [rows] = (await this.dataSource.query(
      'UPDATE resource SET type = $3, scopes = $4, document = $5 WHERE owner = $1 AND id = $2 RETURNING id',
      [owner, id, typeOf(document), document.resource_scopes, JSON.stringify(document)],
    )) as [unknown[], number];
    return rows.length === 1;
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

  /** Registers or updates the resource of this owner, type and key; keeps its id. */
  async ensure(
    owner: string,
    description: ResourceDescription,
    manager: EntityManager = this.dataSource.manager,
  ): Promise<string> {
    const rows = await manager.query(
      `INSERT INTO resource (id, owner, type, key, scopes, attributes, document, in_process, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, true, $8)
       ON CONFLICT (owner, type, key) DO UPDATE
         SET scopes = excluded.scopes, attributes = excluded.attributes, document = excluded.document
       RETURNING id`,
      inProcessValues(owner, description, this.clock.nowMs()),
    );
    return (rows as { id: string }[])[0]?.id ?? '';
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
