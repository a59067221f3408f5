import { LRUCache } from 'lru-cache';
import { reasonOf } from '../../../src/errors.js';
import { Decider, denied } from '../decide.js';
import type { PolicySet } from '../load.js';
import type { Preparsed } from '../preparsed.js';
import type { Assessment, AssessRequest } from '../types.js';
import { policiesOf } from './check-documents.js';
import { sha256 } from './owner-documents.js';
import type { HeldDocument } from './owner-policies.js';

/** Owners whose policies lie ready; the others' are parsed when they are asked about. */
const MAX_DECIDERS = 500;

interface Ready {
  /** Of these files and this document. */
  readonly files: PolicySet;
  readonly etag: string;
  /** A text says why there is none. */
  readonly decider: Decider | string;
}

/**
 * Decides about the resources of owners that have a document: with it, their own files and what of the operator's reaches
 * them. Each owner's set is its own, so an owner's edit costs the others nothing and their number does not slow a decision.
 */
export class OwnerDeciders {
  readonly #ready = new LRUCache<string, Ready>({ max: MAX_DECIDERS });

  constructor(private readonly preparsed: Preparsed) {}

  /** Fails closed: a document that is not in force, or cannot be used, denies all of its owner's resources. */
  assess(request: AssessRequest, files: PolicySet, document: HeldDocument): Assessment {
    if (document.fault !== undefined) return denied(`the owner's policies are not in force: ${document.fault}`, []);
    const decider = this.#decider(files, document);
    if (typeof decider === 'string') return denied(`the owner's policies cannot be used: ${decider}`, []);
    return decider.assess(request);
  }

  #decider(files: PolicySet, document: HeldDocument): Decider | string {
    const known = this.#ready.get(document.owner);
    if (known !== undefined && known.files === files && known.etag === document.etag) return known.decider;
    const decider = this.#made(files, document);
    this.#ready.set(document.owner, { files, etag: document.etag, decider });
    return decider;
  }

  #made(files: PolicySet, document: HeldDocument): Decider | string {
    try {
      const ofFiles = files.policies.filter(({ owner }) => owner === undefined || owner === document.owner);
      const policies = [...ofFiles, ...policiesOf(document, files.schema)];
      return new Decider({ ...files, hash: ownerHash(files.hash, document), policies }, this.preparsed);
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }
}

/** Hash of the policies that rule this owner's resources. */
export function ownerHash(filesHash: string, { owner, etag }: HeldDocument): string {
  return sha256(`${filesHash} ${owner} ${etag}`);
}
