import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { parse } from 'yaml';
import type { Config } from '../config.js';
import type { DatabaseConnection } from '../database/connection.js';
import { clientConfig } from '../database/connection.js';
import { DataDirectoryInUse } from '../database/data-directory-lock.js';
import { probeDatabase } from '../database/probe-database.js';
import { reasonOf } from '../errors.js';
import { ConfigFaults } from '../load-config.js';
import { type ConfigurationOptions, configurationOf } from './configuration.js';
import { withDatabase } from './with-database.js';

export interface Finding {
  readonly name: string;
  readonly outcome: 'good' | 'skipped' | 'wrong';
  readonly detail: string;
}

const PRIVATE_FILES = ['credentials.json', 'postgres.password', 'incarnation.json'];
/** security.md A8: above it the mover and the signer stop. */
const LARGEST_CLOCK_GAP_MS = 1_000;
const NODE_PATIENCE_MS = 5_000;

/** Every check is made, also after one that failed, unless it needs it. */
export async function examine(options: ConfigurationOptions): Promise<Finding[]> {
  const node: Finding = { name: 'node', outcome: 'good', detail: process.version };
  let config: Config;
  try {
    config = configurationOf(options);
  } catch (failure) {
    const faults = failure instanceof ConfigFaults ? failure.faults : [reasonOf(failure)];
    return [node, ...faults.map((detail): Finding => ({ name: 'configuration', outcome: 'wrong', detail }))];
  }
  return [
    node,
    { name: 'configuration', outcome: 'good', detail: `${config.mode}, ${config.publicUrl}` },
    dataDirectory(config.dataDir),
    ...(await database(config)),
    ...(await nodes(config.inventoryPath)),
  ];
}

function dataDirectory(dataDir: string): Finding {
  const name = 'data directory';
  if (!existsSync(dataDir)) return { name, outcome: 'good', detail: `${dataDir} will be made at the first start` };
  const readable = PRIVATE_FILES.filter((file) => {
    const found = statSync(join(dataDir, file), { throwIfNoEntry: false });
    return found !== undefined && (found.mode & 0o077) !== 0;
  });
  if (readable.length === 0) return { name, outcome: 'good', detail: dataDir };
  return { name, outcome: 'wrong', detail: `others may read ${readable.join(', ')} in ${dataDir}: chmod 600` };
}

async function database(config: Config): Promise<Finding[]> {
  const detail = config.databaseUrl
    ? 'DATABASE_URL: locks exclude, NOTIFY arrives'
    : 'embedded: locks exclude, NOTIFY arrives';
  try {
    return await withDatabase(config, async (connection) => {
      await probeDatabase(connection);
      return [{ name: 'database', outcome: 'good', detail }, await clock(connection)];
    });
  } catch (failure) {
    const running = failure instanceof DataDirectoryInUse;
    return [
      running
        ? {
            name: 'database',
            outcome: 'skipped',
            detail: 'the broker runs and holds it; it made this check at its start',
          }
        : { name: 'database', outcome: 'wrong', detail: reasonOf(failure) },
    ];
  }
}

async function clock(connection: DatabaseConnection): Promise<Finding> {
  const client = new Client(clientConfig(connection));
  await client.connect();
  try {
    const asked = Date.now();
    const { rows } = await client.query<{ ms: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms');
    const gap = Math.round(Math.abs(Number(rows[0]?.ms) - (asked + Date.now()) / 2));
    return {
      name: 'clock',
      outcome: gap > LARGEST_CLOCK_GAP_MS ? 'wrong' : 'good',
      detail: `${gap} ms from the database`,
    };
  } finally {
    await client.end();
  }
}

interface ListedNode {
  readonly name?: string;
  readonly uri?: string;
}

/** Only whether something answers; what it says is the fleet's matter. */
async function nodes(inventory: string | undefined): Promise<Finding[]> {
  if (!inventory) return [];
  let listed: { execution_nodes?: ListedNode[]; beacon_nodes?: ListedNode[] };
  try {
    listed = parse(readFileSync(inventory, 'utf8')) ?? {};
  } catch (failure) {
    return [{ name: 'inventory', outcome: 'wrong', detail: `${inventory}: ${reasonOf(failure)}` }];
  }
  const beacon = (listed.beacon_nodes ?? []).map((node) => reach(node, '/eth/v1/node/version', {}));
  const chainId = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body: chainId };
  const execution = (listed.execution_nodes ?? []).map((node) => reach(node, '', call));
  return Promise.all([...beacon, ...execution]);
}

async function reach(node: ListedNode, path: string, init: RequestInit): Promise<Finding> {
  const name = `node ${node.name ?? '?'}`;
  try {
    const uri = String(node.uri).replace(/\/+$/, '');
    const answer = await fetch(`${uri}${path}`, { ...init, signal: AbortSignal.timeout(NODE_PATIENCE_MS) });
    await answer.body?.cancel();
    if (answer.ok) return { name, outcome: 'good', detail: 'answers' };
    return { name, outcome: 'wrong', detail: `answers HTTP ${answer.status}` };
  } catch (failure) {
    return { name, outcome: 'wrong', detail: `does not answer: ${reasonOf(failure)}` };
  }
}
