/** The Keymanager API (ethereum/keymanager-APIs v1.1.0) of one sandbox validator client, with its faults. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../errors.js';
import { compileSchema, problems } from '../../validate.js';
import { type Answer, ok, Refusal, type Request, type Route } from '../http.js';
import type { FaultSet } from './faults.js';
import type { KeyStore } from './key-store.js';
import { namedPublicKey, openKeystore } from './keystore.js';
import { type Interchange, type ProtectionStore, WrongGenesis } from './protection-store.js';
import type { Quirks } from './quirks.js';

export interface KeymanagerParts {
  readonly keys: KeyStore;
  readonly protection: ProtectionStore;
  readonly faults: FaultSet;
  readonly quirks: Quirks;
  /** Resolves when no signature of before this call is still on its way. */
  settled(): Promise<void>;
}

interface Status {
  readonly status: 'imported' | 'duplicate' | 'deleted' | 'not_active' | 'not_found' | 'error';
  readonly message: string;
}

const ITEMS_LIMIT = 1_000;
const stringList = { type: 'array', maxItems: ITEMS_LIMIT, items: { type: 'string' } };

const isImport = compileSchema<{ keystores: string[]; passwords: string[]; slashing_protection?: string }>({
  type: 'object',
  required: ['keystores', 'passwords'],
  properties: { keystores: stringList, passwords: stringList, slashing_protection: { type: 'string' } },
});
const isDelete = compileSchema<{ pubkeys: string[] }>({
  type: 'object',
  required: ['pubkeys'],
  properties: { pubkeys: { ...stringList, items: { type: 'string', pattern: '^0x[0-9a-fA-F]{96}$' } } },
});
const epoch = { type: 'string', pattern: '^\\d{1,15}$' };
const root = { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' };
const isInterchange = compileSchema<Interchange>({
  type: 'object',
  required: ['metadata', 'data'],
  properties: {
    metadata: {
      type: 'object',
      required: ['interchange_format_version', 'genesis_validators_root'],
      properties: { interchange_format_version: { const: '5' }, genesis_validators_root: root },
    },
    data: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pubkey', 'signed_blocks', 'signed_attestations'],
        properties: {
          pubkey: { type: 'string', pattern: '^0x[0-9a-fA-F]{96}$' },
          signed_blocks: {
            type: 'array',
            items: { type: 'object', required: ['slot'], properties: { slot: epoch, signing_root: root } },
          },
          signed_attestations: {
            type: 'array',
            items: {
              type: 'object',
              required: ['source_epoch', 'target_epoch'],
              properties: { source_epoch: epoch, target_epoch: epoch, signing_root: root },
            },
          },
        },
      },
    },
  },
});

export function keymanagerRoutes(parts: KeymanagerParts): Route[] {
  return [
    ['GET', '/eth/v1/keystores', () => ok({ data: parts.keys.all().map(presentKey) })],
    ['POST', '/eth/v1/keystores', (request) => importKeystores(parts, request)],
    ['DELETE', '/eth/v1/keystores', (request) => deleteKeystores(parts, request)],
    ['GET', '/eth/v1/remotekeys', () => ok({ data: [] })],
  ];
}

/** 401 without a bearer, 403 with a wrong one; undefined lets the request through. */
export function authorizer(token: string): (message: IncomingMessage) => Answer | undefined {
  const wanted = digest(token);
  return (message) => {
    const bearer = /^Bearer (.+)$/i.exec(message.headers.authorization ?? '')?.[1];
    if (bearer === undefined) return { status: 401, body: { code: 401, message: 'missing api token' } };
    if (timingSafeEqual(digest(bearer.trim()), wanted)) return undefined;
    return { status: 403, body: { code: 403, message: 'wrong api token' } };
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function presentKey(key: { readonly publicKey: string; readonly derivationPath: string }) {
  return { validating_pubkey: key.publicKey, derivation_path: key.derivationPath, readonly: false };
}

/** Protection first, then the keys: a key is never here without the history that came with it, except by fault. */
async function importKeystores(parts: KeymanagerParts, request: Request): Promise<Answer> {
  const { body } = request;
  if (!isImport(body)) throw new Refusal(400, problems(isImport.errors)[0] ?? 'malformed');
  if (body.keystores.length !== body.passwords.length && parts.quirks.lengthMismatch === 400) {
    throw new Refusal(400, 'keystores and passwords differ in length');
  }
  const interchange = body.slashing_protection ? readInterchange(body.slashing_protection) : undefined;
  const { delay_post_ms, duplicate_without_protection: dropsProtection } = parts.faults.current();
  if (delay_post_ms > 0) await sleep(delay_post_ms);
  if (interchange && !dropsProtection) importProtection(parts, interchange);
  const statuses: Status[] = [];
  for (const [place, json] of body.keystores.entries()) {
    const status = await importOne(parts, json, body.passwords[place]);
    statuses.push(dropsProtection && status.status === 'imported' ? { status: 'duplicate', message: '' } : status);
  }
  return afterEffect(parts, { data: statuses });
}

async function importOne(parts: KeymanagerParts, json: string, password: string | undefined): Promise<Status> {
  if (password === undefined) return { status: 'error', message: 'no password for this keystore' };
  try {
    const named = namedPublicKey(json);
    if (named !== undefined && parts.keys.get(named)) return { status: 'duplicate', message: '' };
    const opened = await openKeystore(json, password);
    if (parts.keys.get(opened.publicKey)) return { status: 'duplicate', message: '' };
    parts.protection.register([opened.publicKey]);
    parts.keys.add({ ...opened, settings: {} });
    return { status: 'imported', message: '' };
  } catch (thrown) {
    return { status: 'error', message: reasonOf(thrown) };
  }
}

function readInterchange(text: string): Interchange {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'slashing_protection is not JSON');
  }
  if (!isInterchange(value))
    throw new Refusal(400, problems(isInterchange.errors, 'slashing_protection')[0] ?? 'malformed');
  return value;
}

function importProtection(parts: KeymanagerParts, interchange: Interchange): void {
  try {
    parts.protection.import(interchange);
  } catch (thrown) {
    if (thrown instanceof WrongGenesis) throw new Refusal(parts.quirks.wrongGenesis, thrown.message);
    throw thrown;
  }
}

/** Answers only when signatures already begun are out, so that `deleted` is true — unless a fault says otherwise. */
async function deleteKeystores(parts: KeymanagerParts, request: Request): Promise<Answer> {
  const { body } = request;
  if (!isDelete(body)) throw new Refusal(400, problems(isDelete.errors)[0] ?? 'malformed');
  const publicKeys = body.pubkeys.map((key) => key.toLowerCase());
  const data = publicKeys.map((publicKey) => deleteOne(parts, publicKey));
  await parts.settled();
  const exported = publicKeys.filter((_, place) => ['deleted', 'not_active'].includes(data[place]?.status ?? ''));
  return afterEffect(parts, { data, slashing_protection: JSON.stringify(parts.protection.export(exported)) });
}

function deleteOne(parts: KeymanagerParts, publicKey: string): Status {
  const { faults, keys, protection, quirks } = parts;
  if (keys.get(publicKey)) {
    if (!faults.take('delete_lies')) keys.remove(publicKey, faults.current().resurrect_on_restart);
    return { status: 'deleted', message: '' };
  }
  if (!protection.has(publicKey)) return { status: quirks.unseenDelete, message: '' };
  return { status: faults.current().not_found_after_delete ? 'not_found' : quirks.secondDelete, message: '' };
}

function afterEffect(parts: KeymanagerParts, body: unknown): Answer {
  if (parts.faults.take('answer_5xx_after_effect')) throw new Refusal(500, 'internal error after the effect (fault)');
  return ok(body);
}
