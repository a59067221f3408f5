import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import type { Pair } from '../../src/fleet/index.js';
import type { Logger } from '../../src/logger.js';
import { ROOT } from '../../src/paths.js';
import type { CatalogDocument } from './document.js';
import { type Offering, offeringsOf, type Plan } from './plan.js';
import { presentOffering } from './present.js';
import { readCatalog } from './read.js';

/** A file still being written is left alone until it has been quiet this long (security.md C3). */
const STABLE_MS = 1000;

export interface CatalogOptions {
  readonly path: string;
  /** Pairs whose nodes are really there now; others are not offered. */
  readonly offeredPairs: () => readonly Pair[];
  readonly middlewareOffered: boolean;
  readonly logger: Logger;
}

export interface CatalogView {
  /** The body of GET /v2/catalog. */
  readonly body: string;
  /** Strong entity tag, quoted. */
  readonly etag: string;
  readonly plans: ReadonlyMap<string, Plan>;
}

export interface Catalog {
  /** What is offered at this moment. */
  view(): CatalogView;
  /** An offered plan. */
  offered(serviceId: string, planId: string): Plan | undefined;
  /** A plan of the document, offered now or not: what existing instances run on. */
  known(serviceId: string, planId: string): Plan | undefined;
  knownService(serviceId: string): boolean;
  /** Every plan of the document. */
  plans(): readonly Plan[];
  /** Reads the document anew when it changed and is stable. True when a new one came into force. A bad one never does. */
  reload(nowMs: number): boolean;
  /** SHA-256 (hex) of the document in force. */
  hash(): string;
  /** Why the newest document was refused, with file:line; undefined when it is in force. */
  fault(): string | undefined;
}

/** @throws DomainError `BadCatalog` when the document is bad at start. */
export function openCatalog(options: CatalogOptions): Catalog {
  const file = relative(ROOT, options.path).startsWith('..') ? options.path : relative(ROOT, options.path);
  const stamp = () => {
    const { mtimeMs, size, ino } = statSync(options.path);
    return { mtimeMs, mark: `${mtimeMs}:${size}:${ino}` };
  };
  let { mark } = stamp();
  let loaded = load(options.path, file);
  let cached: { readonly pairs: string; readonly view: CatalogView } | undefined;
  let fault: string | undefined;

  const view = () => {
    const pairs = options.offeredPairs();
    const key = JSON.stringify(pairs);
    if (cached?.pairs !== key) cached = { pairs: key, view: render(loaded, pairs, options.middlewareOffered) };
    return cached.view;
  };

  return {
    view,
    offered: (serviceId, planId) => view().plans.get(`${serviceId}/${planId}`),
    known: (serviceId, planId) => loaded.plans.get(`${serviceId}/${planId}`),
    knownService: (serviceId) => loaded.offerings.some((offering) => offering.id === serviceId),
    plans: () => [...loaded.plans.values()],
    hash: () => loaded.hash,
    fault: () => fault,
    reload(nowMs) {
      try {
        const now = stamp();
        if (now.mark === mark || nowMs - now.mtimeMs < STABLE_MS) return false;
        mark = now.mark;
        loaded = load(options.path, file);
        cached = undefined;
        fault = undefined;
        options.logger.info({ file }, 'catalog reloaded');
        return true;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== fault)
          options.logger.error({ file, reason }, 'catalog refused; the last good one stays in force');
        fault = reason;
        return false;
      }
    },
  };
}

interface Loaded {
  readonly hash: string;
  readonly document: CatalogDocument;
  readonly offerings: readonly Offering[];
  readonly plans: ReadonlyMap<string, Plan>;
}

function load(path: string, file: string): Loaded {
  const text = readFileSync(path, 'utf8');
  const document = readCatalog(text, file);
  const offerings = offeringsOf(document);
  const hash = createHash('sha256').update(text).digest('hex');
  return { hash, document, offerings, plans: planMap(offerings.flatMap((offering) => offering.plans)) };
}

function planMap(plans: readonly Plan[]): ReadonlyMap<string, Plan> {
  return new Map(plans.map((plan) => [`${plan.serviceId}/${plan.id}`, plan]));
}

function render(loaded: Loaded, pairs: readonly Pair[], middlewareOffered: boolean): CatalogView {
  const present = new Set(pairs.map((pair) => `${pair.consensus}/${pair.execution}`));
  const isOffered = (plan: Plan) =>
    plan.kind === 'middleware'
      ? middlewareOffered
      : plan.members.every((pair) => present.has(`${pair.consensus}/${pair.execution}`));
  const offered = loaded.offerings
    .map((offering) => ({ offering, plans: offering.plans.filter(isOffered) }))
    .filter(({ plans }) => plans.length > 0);
  const services = offered.map(({ offering, plans }) => presentOffering(loaded.document, offering, plans));
  const body = JSON.stringify({ services });
  return {
    body,
    etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
    plans: planMap(offered.flatMap(({ plans }) => plans)),
  };
}
