import { SegmentedLog } from '../segmented-log.js';
import { attestationOffence, blockOffence, type Offence } from './slashable.js';

/** One signature the simulated chain saw. */
export interface SeenSignature {
  /** Lower-case 0x. */
  readonly public_key: string;
  readonly kind: 'attestation' | 'block';
  readonly slot: number;
  /** Epochs; attestations only. */
  readonly source?: number;
  readonly target?: number;
  readonly signing_root: string;
  /** Who sent it: the validator client's name, or `via <beacon node>` for one that is not of the sandbox. */
  readonly validator_client: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface SlashablePair {
  readonly public_key: string;
  readonly kind: Offence;
  readonly first: SeenSignature;
  readonly second: SeenSignature;
}

interface Summary {
  readonly attestations: number;
  readonly blocks: number;
  readonly slashable: readonly SlashablePair[];
}

/** A file holds about two hours of 64 keys at one-second slots; the newest three are in memory. */
const LIMITS = { lines: 60_000, read: 3, keep: Number.POSITIVE_INFINITY };
/** Per key and kind; the oldest are forgotten in memory, never on disk. */
const REMEMBERED_PER_KEY = 4_096;

/** Keeps every signature and names every slashable pair. It forgets nothing over kill -9: it writes before it answers. */
export class Referee {
  private attestations = 0;
  private blocks = 0;
  private readonly pairs: SlashablePair[] = [];
  private readonly byKey = new Map<string, { attestation: SeenSignature[]; block: SeenSignature[] }>();

  private constructor(private readonly log?: SegmentedLog<Summary, SeenSignature>) {}

  static open(folder: string): Referee {
    const { log, summary, entries } = SegmentedLog.open<Summary, SeenSignature>(folder, LIMITS);
    const referee = new Referee(log);
    if (summary) {
      referee.attestations = summary.attestations;
      referee.blocks = summary.blocks;
      referee.pairs.push(...summary.slashable);
    }
    for (const entry of entries) referee.judge(entry);
    return referee;
  }

  /** Records the signature unless this very one was sent by the same validator client before. */
  see(signature: SeenSignature): void {
    if (this.known(signature)) return;
    this.judge(signature);
    this.log?.append(signature, () => this.summary());
  }

  report(): { signatures: number; attestations: number; blocks: number; slashable: readonly SlashablePair[] } {
    return { signatures: this.attestations + this.blocks, ...this.summary() };
  }

  /** The newest remembered signatures of a key, oldest first. */
  signaturesOf(publicKey: string): SeenSignature[] {
    const seen = this.byKey.get(publicKey);
    return seen ? [...seen.attestation, ...seen.block].sort((a, b) => a.at - b.at) : [];
  }

  /** Attestations of target epoch `from` or later, to rebuild the chain's votes after a restart. */
  attestationsSince(from: number): SeenSignature[] {
    const found: SeenSignature[] = [];
    for (const seen of this.byKey.values()) {
      for (const signature of seen.attestation) if ((signature.target ?? -1) >= from) found.push(signature);
    }
    return found;
  }

  blocksSince(slot: number): SeenSignature[] {
    return [...this.byKey.values()].flatMap((seen) => seen.block.filter((block) => block.slot >= slot));
  }

  /** Shows a copy of this referee one pair of each offence; the original never sees them. */
  selfTest(): { saw: boolean; slashable: readonly SlashablePair[] } {
    const copy = new Referee();
    for (const [key, seen] of this.byKey) {
      copy.byKey.set(key, { attestation: [...seen.attestation], block: [...seen.block] });
    }
    const public_key = `0x${'ab'.repeat(48)}`;
    const attest = (source: number, target: number, mark: string): void =>
      copy.see(exampleSignature({ public_key, kind: 'attestation', slot: target * 8, source, target, mark }));
    attest(2, 3, '01');
    attest(2, 3, '02');
    attest(1, 4, '03');
    for (const mark of ['04', '05']) copy.see(exampleSignature({ public_key, kind: 'block', slot: 30, mark }));
    const kinds = new Set(copy.pairs.map((pair) => pair.kind));
    return {
      saw: ['double_vote', 'surround', 'double_block'].every((kind) => kinds.has(kind as Offence)),
      slashable: copy.pairs,
    };
  }

  close(): void {
    this.log?.close();
  }

  private summary(): Summary {
    return { attestations: this.attestations, blocks: this.blocks, slashable: this.pairs };
  }

  private known(signature: SeenSignature): boolean {
    return (this.byKey.get(signature.public_key)?.[signature.kind] ?? []).some(
      (seen) => seen.signing_root === signature.signing_root && seen.validator_client === signature.validator_client,
    );
  }

  private judge(signature: SeenSignature): void {
    if (signature.kind === 'attestation') this.attestations++;
    else this.blocks++;
    const seen = this.byKey.get(signature.public_key) ?? { attestation: [], block: [] };
    this.byKey.set(signature.public_key, seen);
    for (const earlier of seen[signature.kind]) {
      const kind = offence(earlier, signature);
      if (kind) this.accuse({ public_key: signature.public_key, kind, first: earlier, second: signature });
    }
    seen[signature.kind].push(signature);
    if (seen[signature.kind].length > REMEMBERED_PER_KEY) seen[signature.kind].shift();
  }

  /** A pair is named once, also when a file's entries are read again after its summary. */
  private accuse(pair: SlashablePair): void {
    const roots = [pair.first.signing_root, pair.second.signing_root];
    const named = this.pairs.some(
      (known) => roots.includes(known.first.signing_root) && roots.includes(known.second.signing_root),
    );
    if (!named) this.pairs.push(pair);
  }
}

function offence(a: SeenSignature, b: SeenSignature): Offence | undefined {
  if (a.kind === 'block' || b.kind === 'block') {
    return blockOffence(
      { kind: 'block', slot: a.slot, root: a.signing_root },
      { kind: 'block', slot: b.slot, root: b.signing_root },
    );
  }
  return attestationOffence(seenAttestation(a), seenAttestation(b));
}

function seenAttestation(signature: SeenSignature) {
  const { source = 0, target = 0, signing_root: root } = signature;
  return { kind: 'attestation' as const, source, target, root };
}

function exampleSignature(of: {
  public_key: string;
  kind: 'attestation' | 'block';
  slot: number;
  source?: number;
  target?: number;
  mark: string;
}): SeenSignature {
  const { mark, ...rest } = of;
  return { ...rest, signing_root: `0x${mark.repeat(32)}`, validator_client: 'self-test', at: 0 };
}
