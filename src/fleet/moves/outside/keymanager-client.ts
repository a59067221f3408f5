import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { minimalHistory, serialiseInterchange } from '../../../keys/slashing-protection/interchange.js';
import type { Watermark } from '../../../keys/slashing-protection/watermark.js';
import type { InventorySource, ValidatorClient } from '../../inventory.js';
import type { Answer, DeleteStatus, ImportStatus, Lease } from '../ports.js';
import type { Pin, Settings } from '../record.js';
import { Gather } from './gather.js';
import { bodyOf, faultOf, type HttpCaller, type Reply } from './http-call.js';
import { deleteStatus, importStatus, listedKeys, protectionOf, statuses } from './keymanager-answers.js';

/** A whole answer kept as evidence at most. */
const EVIDENCE_CHARACTERS = 32_768;
const TIMEOUT_MS = 10_000;
const KEYS_PER_DELETE = 100;

interface DeleteItem {
  readonly publicKey: string;
  readonly lease: Lease;
}
type DeleteFacts = { readonly status: DeleteStatus; readonly protection?: Watermark | undefined };

/** The Keymanager API (ethereum/keymanager-APIs v1.1.0) towards one fleet's validator clients. */
export class KeymanagerClient {
  readonly #deletes: Gather<DeleteItem, Answer<DeleteFacts>>;
  readonly #lists: Gather<undefined, Answer<{ readonly keys: readonly string[] }>>;

  constructor(
    private readonly inventory: InventorySource,
    private readonly http: HttpCaller,
  ) {
    this.#deletes = new Gather(40, KEYS_PER_DELETE, (client, items) => this.#delete(client, items));
    this.#lists = new Gather(40, Number.MAX_SAFE_INTEGER, async (client, items) => {
      const answer = await this.#list(client);
      return items.map(() => answer);
    });
  }

  /** Everything it says it holds, remote keys too. Asked after the call, shared by calls at the same moment. */
  list(client: string): Promise<Answer<{ readonly keys: readonly string[] }>> {
    return this.#lists.ask(client, undefined);
  }

  delete(client: string, publicKey: string, lease: Lease): Promise<Answer<DeleteFacts>> {
    return this.#deletes.ask(client, { publicKey, lease });
  }

  async import(
    client: string,
    copy: { readonly keystore: string; readonly password: string },
    publicKey: string,
    mark: Watermark,
    genesisValidatorsRoot: string,
    lease: Lease,
  ): Promise<Answer<{ readonly status: ImportStatus }>> {
    const slashing_protection = serialiseInterchange({
      genesisValidatorsRoot,
      keys: [minimalHistory(publicKey, mark)],
    });
    const body = { keystores: [copy.keystore], passwords: [copy.password], slashing_protection };
    const reply = await this.#call(client, 'POST', '/eth/v1/keystores', { body, lease });
    const item = statuses(bodyOf(reply), 1)?.[0];
    const status = importStatus(item);
    return status === undefined ? unusable(reply) : { outcome: 'answered', status, raw: item };
  }

  async readSettings(client: string, publicKey: string): Promise<Answer<{ readonly settings: Settings }>> {
    const [feeRecipient, gasLimit, graffiti] = await Promise.all([
      this.#setting(client, publicKey, 'feerecipient', 'ethaddress'),
      this.#setting(client, publicKey, 'gas_limit', 'gas_limit'),
      this.#setting(client, publicKey, 'graffiti', 'graffiti'),
    ]);
    if (feeRecipient.outcome !== 'answered') return feeRecipient;
    if (gasLimit.outcome !== 'answered') return gasLimit;
    if (graffiti.outcome !== 'answered') return graffiti;
    const settings = { feeRecipient: feeRecipient.value, gasLimit: gasLimit.value, graffiti: graffiti.value };
    return { outcome: 'answered', settings, raw: settings };
  }

  async writeSettings(client: string, publicKey: string, settings: Settings, lease: Lease): Promise<Answer<object>> {
    const wanted = [
      ['feerecipient', 'ethaddress', settings.feeRecipient],
      ['gas_limit', 'gas_limit', settings.gasLimit],
      ['graffiti', 'graffiti', settings.graffiti],
    ] as const;
    for (const [path, field, value] of wanted) {
      if (value === undefined || value === '') continue;
      const body = { [field]: value };
      const reply = await this.#call(client, 'POST', `/eth/v1/validator/${publicKey}/${path}`, { body, lease });
      const done = reply.outcome === 'answered' && reply.status >= 200 && reply.status < 300;
      const unknown =
        reply.outcome === 'answered' && (reply.status === 404 || reply.status === 405 || reply.status === 501);
      if (!done && !unknown) return unusable(reply);
    }
    return { outcome: 'answered', raw: settings };
  }

  /** Which process the inventory means now. */
  async identify(client: string): Promise<Pin | undefined> {
    const entry = this.#entry(client);
    const token = entry && (await tokenOf(entry));
    if (!entry || token === undefined) return undefined;
    return { uri: entry.keymanagerUri, token: createHash('sha256').update(token).digest('hex') };
  }

  async #list(client: string): Promise<Answer<{ readonly keys: readonly string[] }>> {
    const [local, remote] = await Promise.all([
      this.#call(client, 'GET', '/eth/v1/keystores', {}),
      this.#call(client, 'GET', '/eth/v1/remotekeys', {}),
    ]);
    const keys = listedKeys(bodyOf(local));
    if (keys === undefined) return unusable(local);
    // A client without remote keys says so; one that does not answer may sign with the key by a remote signer (A11).
    const without = remote.outcome === 'answered' && [404, 405, 501].includes(remote.status);
    const remoteKeys = without ? [] : listedKeys(bodyOf(remote));
    if (remoteKeys === undefined) return unusable(remote);
    const all = [...new Set([...keys, ...remoteKeys])];
    return { outcome: 'answered', keys: all, raw: { count: all.length, keys: all.slice(0, 256) } };
  }

  async #delete(client: string, items: readonly DeleteItem[]): Promise<Answer<DeleteFacts>[]> {
    const pubkeys = [...new Set(items.map(({ publicKey }) => publicKey))];
    const lease = {
      untilMonotonicMs: Math.min(...items.map((item) => item.lease.untilMonotonicMs)),
      untilMs: Math.min(...items.map((item) => item.lease.untilMs)),
    };
    const reply = await this.#call(client, 'DELETE', '/eth/v1/keystores', { body: { pubkeys }, lease });
    const body = bodyOf(reply);
    const found = statuses(body, pubkeys.length);
    const protection = protectionOf(body);
    return items.map(({ publicKey }) => {
      const item = found?.[pubkeys.indexOf(publicKey)];
      const status = deleteStatus(item);
      if (status === undefined) return unusable(reply);
      const raw = { ...item, slashing_protection: protectionText(body, publicKey) };
      return { outcome: 'answered', status, protection: protection?.get(publicKey), raw };
    });
  }

  async #setting(client: string, publicKey: string, path: string, field: string) {
    const reply = await this.#call(client, 'GET', `/eth/v1/validator/${publicKey}/${path}`, {});
    if (
      reply.outcome === 'answered' &&
      reply.status >= 400 &&
      reply.status < 500 &&
      reply.status !== 401 &&
      reply.status !== 403
    ) {
      return { outcome: 'answered' as const, value: undefined, raw: reply.status };
    }
    const body = bodyOf(reply) as { data?: Record<string, unknown> } | undefined;
    if (body === undefined) return unusable(reply);
    const value = body.data?.[field];
    return {
      outcome: 'answered' as const,
      value: value === undefined || value === null ? undefined : String(value),
      raw: value,
    };
  }

  async #call(
    client: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { body, lease }: { body?: object; lease?: Lease },
  ): Promise<Reply> {
    const entry = this.#entry(client);
    const bearer = entry && (await tokenOf(entry));
    if (!entry || bearer === undefined)
      return { outcome: 'refused', reason: `${client} is not in the inventory or has no token` };
    const url = `${entry.keymanagerUri.replace(/\/$/, '')}${path}`;
    return this.http.send({
      method,
      url,
      bearer,
      body,
      timeoutMs: TIMEOUT_MS,
      notAfterMonotonicMs: lease?.untilMonotonicMs,
      notAfterMs: lease?.untilMs,
    });
  }

  #entry(client: string): ValidatorClient | undefined {
    return this.inventory().validatorClients.find(({ name }) => name === client);
  }
}

/** A 401, 403 or 404 had no effect; anything else without a usable answer may have had one. */
function unusable(reply: Reply): { readonly outcome: 'refused' | 'unanswered'; readonly reason: string } {
  if (reply.outcome === 'refused') return { outcome: 'refused', reason: reply.reason };
  const refusedByIt = reply.outcome === 'answered' && [400, 401, 403, 404, 405, 413, 415].includes(reply.status);
  return { outcome: refusedByIt ? 'refused' : 'unanswered', reason: faultOf(reply) };
}

function protectionText(body: unknown, publicKey: string): unknown {
  const text = (body as { slashing_protection?: unknown } | undefined)?.slashing_protection;
  if (typeof text !== 'string') return undefined;
  try {
    const { metadata, data } = JSON.parse(text) as { metadata?: unknown; data?: { pubkey?: unknown }[] };
    const own = { metadata, data: data?.filter((entry) => String(entry.pubkey).toLowerCase() === publicKey) };
    const kept = JSON.stringify(own);
    return kept.length <= EVIDENCE_CHARACTERS ? own : digestOf(kept);
  } catch {
    return digestOf(text);
  }
}

function digestOf(text: string): object {
  return { sha256: createHash('sha256').update(text).digest('hex'), start: text.slice(0, 1024) };
}

async function tokenOf(entry: ValidatorClient): Promise<string | undefined> {
  try {
    return (await readFile(entry.tokenFile, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
