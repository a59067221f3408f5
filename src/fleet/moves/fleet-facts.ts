import type { DataSource } from 'typeorm';
import type { Vault } from '../../keys/vault/vault.js';
import type { InventorySource } from '../inventory.js';
import type { FleetFacts } from './findings.js';
import type { Outside } from './ports.js';

type Rows = Omit<FleetFacts, 'lists' | 'vault'>;

/** The lists, with the rows as they were before and after: only what stood still in between is judged. */
export async function gatherFacts(deps: {
  readonly dataSource: DataSource;
  readonly vault: Vault;
  readonly outside: Outside;
  readonly inventory: InventorySource;
}): Promise<FleetFacts & { readonly silent: readonly string[] }> {
  const before = await readRows(deps.dataSource);
  const clients = deps.inventory().validatorClients.map(({ name }) => name);
  const answers = await Promise.all(
    clients.map(async (client) => [client, await deps.outside.listKeys(client)] as const),
  );
  const vault = new Set(await deps.vault.publicKeys());
  const after = await readRows(deps.dataSource);
  const lists = new Map(
    answers.flatMap(([client, answer]) =>
      answer.outcome === 'answered'
        ? [[client, answer.keys.filter((key) => stoodStill(key, before, after))] as const]
        : [],
    ),
  );
  const rights = new Map([...after.rights].filter(([key]) => stoodStill(key, before, after)));
  const silent = answers.flatMap(([client, { outcome }]) => (outcome === 'answered' ? [] : [client]));
  return { ...after, lists, rights, vault, silent };
}

function stoodStill(publicKey: string, before: Rows, after: Rows): boolean {
  const same = before.rights.get(publicKey)?.generation === after.rights.get(publicKey)?.generation;
  return same && before.inMove.has(publicKey) === after.inMove.has(publicKey);
}

export async function readRows(dataSource: DataSource): Promise<Rows> {
  const [rights, moves, tombstones] = await Promise.all([
    dataSource.query<{ public_key: string; kind: string; name: string | null; generation: string }[]>(
      'SELECT public_key, holder_kind AS kind, holder_name AS name, generation FROM signing_right',
    ),
    dataSource.query<{ public_key: string; clients: string[] }[]>(
      `SELECT public_key, ARRAY[from_client, to_client, source, destination] AS clients FROM move
       WHERE state NOT IN ('placed', 'aborted')`,
    ),
    dataSource.query<{ pair: string }[]>(`SELECT public_key || ' ' || validator_client AS pair FROM key_tombstone`),
  ]);
  return {
    rights: new Map(
      rights.map(({ public_key, kind, name, generation }) => [
        public_key,
        { holder: name === null ? undefined : kind === 'pod' ? `pod:${name}` : name, generation },
      ]),
    ),
    inMove: new Map(moves.map(({ public_key, clients }) => [public_key, clients])),
    tombstones: new Set(tombstones.map(({ pair }) => pair)),
  };
}
