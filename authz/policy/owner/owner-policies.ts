import type { DataSource } from 'typeorm';
import type { Clock } from '../../../src/clock.js';
import type { DatabaseConnection } from '../../../src/database/connection.js';
import { createNotifier, type Notifier } from '../../../src/database/notifier.js';
import { reasonOf } from '../../../src/errors.js';
import type { Logger } from '../../../src/logger.js';
import { tooMany } from '../../errors.js';
import { type Fault, PolicyFault } from '../fault.js';
import { documentFaultsApart } from '../validate-apart.js';
import type { OwnerText } from './check-documents.js';
import { CHANNEL, OwnerDocuments, type Preconditions, type StoredDocument, sha256 } from './owner-documents.js';

/** An owner's document as this process works with it. */
export interface HeldDocument extends OwnerText {
  readonly etag: string;
  /** Why it is not in force, and all of its owner's resources are denied. */
  readonly fault?: string;
}

interface Held extends HeldDocument {
  /** SHA-256 (hex) of the schema it was checked against; undefined when it could not be checked. */
  readonly checkedWith: string | undefined;
}

export interface OwnerPoliciesSurroundings {
  /** Migrated. */
  readonly dataSource: DataSource;
  /** For LISTEN on a connection of its own. */
  readonly connection: DatabaseConnection;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 1_000;
/** Documents checked in one thread: at most ten seconds' work. */
const BATCH = 400;
/** Writers that wait for their document's check; each check is a thread for a moment. */
const MAX_CHECKS = 8;
const SHOWN_FAULTS = 10;
/** A document that could not be checked, for want of a thread say, is tried again. */
const RETRY_MS = 60_000;

/**
 * What second resource owners wrote of their resources, held in memory and kept equal to the database: heard by NOTIFY at
 * once and looked at each second. A document that does not fit the schema in force stays held, with its fault.
 */
export class OwnerPolicies {
  #held: ReadonlyMap<string, Held> = new Map();
  #digest: string | undefined;
  #schema: { readonly text: string; readonly hash: string } | undefined;
  /** One look or check of all at a time, in the order asked for. */
  #work: Promise<void> = Promise.resolve();
  #waiting = false;
  #retryAtMs = 0;
  #checks = 0;
  #checking: Promise<unknown> = Promise.resolve();
  #notifier: Notifier | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<() => void>();

  private constructor(
    readonly documents: OwnerDocuments,
    private readonly logger: Logger,
  ) {}

  static async open({ dataSource, connection, clock, logger }: OwnerPoliciesSurroundings): Promise<OwnerPolicies> {
    const opened = new OwnerPolicies(new OwnerDocuments(dataSource, clock), logger);
    opened.#notifier = await createNotifier(connection, logger);
    await opened.#notifier.subscribe(CHANNEL, () => void opened.refresh());
    opened.#timer = setInterval(() => void opened.refresh(), LOOK_EVERY_MS);
    opened.#timer.unref();
    return opened;
  }

  of(owner: string): HeldDocument | undefined {
    return this.#held.get(owner);
  }

  all(): Iterable<HeldDocument> {
    return this.#held.values();
  }

  /** For people: whose policies are not in force and why; the first ten. */
  faults(): readonly string[] {
    const faulty = [...this.#held.values()].flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
    const more = faulty.length - SHOWN_FAULTS;
    return [...faulty.slice(0, SHOWN_FAULTS), ...(more > 0 ? [`and ${more} more owners`] : [])];
  }

  /** Called after another document is in force. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on documents must fit this schema. Resolves when all have been asked; never rejects. */
  async useSchema(text: string): Promise<void> {
    await this.#next(async () => {
      this.#schema = { text, hash: sha256(text) };
      this.#digest = undefined;
      await this.#look();
    });
  }

  /** Takes over what has changed in the database. Never rejects: the next look tries again. */
  async refresh(): Promise<void> {
    // One that has not begun sees all there is.
    if (this.#waiting) return this.#work;
    this.#waiting = true;
    await this.#next(async () => {
      this.#waiting = false;
      if (await this.#look()) for (const listener of this.#listeners) listener();
    });
  }

  /**
   * Writes an owner's document, which is in force here when this resolves. True when there was none before.
   * @throws PolicyFault when it is bad; ProtocolError 412, 429, 503.
   */
  async put(document: OwnerText, conditions: Preconditions): Promise<boolean> {
    const schema = this.#schema;
    if (schema === undefined) throw new Error('no schema is in force');
    const faults = await this.#check(document, schema.text);
    if (faults.length > 0) throw new PolicyFault(faults);
    const created = await this.documents.put(document.owner, document.text, schema.hash, conditions);
    await this.refresh();
    return created;
  }

  /** False when there was none. @throws ProtocolError 412. */
  async remove(owner: string, conditions: Preconditions): Promise<boolean> {
    const removed = await this.documents.remove(owner, conditions);
    await this.refresh();
    return removed;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#notifier?.close();
    await this.#work;
    this.#listeners.clear();
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((thrown: unknown) => {
      this.logger.warn({ reason: reasonOf(thrown) }, "owners' policies could not be read");
    });
    return this.#work;
  }

  /** One writer's check at a time. A document that ends the checking thread is a bad one. */
  #check(document: OwnerText, schema: string): Promise<readonly Fault[]> {
    if (this.#checks >= MAX_CHECKS) throw tooMany('too many policies are being checked');
    this.#checks += 1;
    const checked = this.#checking
      .then(() => documentFaultsApart([document], schema))
      .catch((thrown: unknown) => [uncheckable(document, thrown)])
      .finally(() => {
        this.#checks -= 1;
      });
    this.#checking = checked;
    return checked;
  }

  /** True when something is other than before. */
  async #look(): Promise<boolean> {
    if (this.#schema === undefined) return false;
    const digest = await this.documents.digest();
    const unchecked = [...this.#held.values()].some(({ checkedWith }) => checkedWith === undefined);
    if (digest === this.#digest && !(unchecked && performance.now() >= this.#retryAtMs)) return false;
    this.#retryAtMs = performance.now() + RETRY_MS;
    const etags = await this.documents.etags();
    const known = [...this.#held.values()].filter(({ owner, etag }) => etags.get(owner) === etag);
    const fresh = [...etags.keys()].filter((owner) => this.#held.get(owner)?.etag !== etags.get(owner));
    const rows = await this.documents.read(fresh);
    const held = await this.#checked([...known, ...rows.map(trusted)], this.#schema);
    for (const { owner, fault } of held)
      if (fault !== undefined && this.#held.get(owner)?.fault !== fault)
        this.logger.warn({ owner, fault }, "an owner's policies are refused; all of its resources are denied");
    const changed = digest !== this.#digest || held.some((one) => this.#held.get(one.owner) !== one);
    this.#held = new Map(held.map((one) => [one.owner, one]));
    this.#digest = digest;
    return changed;
  }

  /** Those that were not yet held against this schema are; what fits is written down, so that no start asks again. */
  async #checked(documents: readonly Held[], schema: { text: string; hash: string }): Promise<readonly Held[]> {
    const sure = documents.filter(({ checkedWith }) => checkedWith === schema.hash);
    const unsure = documents.filter(({ checkedWith }) => checkedWith !== schema.hash);
    const asked: Held[] = [];
    for (let at = 0; at < unsure.length; at += BATCH)
      asked.push(...(await this.#judged(unsure.slice(at, at + BATCH), schema)));
    const fitting = asked.filter(({ fault, checkedWith }) => fault === undefined && checkedWith !== undefined);
    if (fitting.length > 0) await this.documents.fit(fitting, schema.hash);
    return [...sure, ...asked];
  }

  /** One document that cannot be checked must not refuse the others of its batch: halves are tried. */
  async #judged(batch: readonly Held[], schema: { text: string; hash: string }): Promise<readonly Held[]> {
    try {
      const faults = await documentFaultsApart(batch, schema.text);
      return batch.map((held) => judged(held, faults, schema.hash));
    } catch (thrown) {
      const [first, ...others] = batch;
      if (first === undefined) return [];
      if (others.length === 0) return [judged(first, [uncheckable(first, thrown)], undefined)];
      const middle = Math.ceil(batch.length / 2);
      return [
        ...(await this.#judged(batch.slice(0, middle), schema)),
        ...(await this.#judged(batch.slice(middle), schema)),
      ];
    }
  }
}

/** What its writer checked against the same schema need not be checked again. */
function trusted({ owner, text, etag, schema }: StoredDocument): Held {
  return { owner, text, etag, checkedWith: schema };
}

function judged({ owner, text, etag }: Held, faults: readonly Fault[], checkedWith: string | undefined): Held {
  const own = faults.filter(({ file }) => file === `client:${owner}`);
  return { owner, text, etag, checkedWith, ...(own.length > 0 && { fault: new PolicyFault(own).message }) };
}

function uncheckable({ owner }: OwnerText, thrown: unknown): Fault {
  return { file: `client:${owner}`, line: 1, column: 1, message: `cannot be checked: ${reasonOf(thrown)}` };
}
