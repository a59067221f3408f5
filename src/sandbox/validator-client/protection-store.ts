import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { JsonLog, readLines, writeDurably } from '../files.js';

/** EIP-3076's interchange, as far as it is read here; other fields are ignored. */
export interface Interchange {
  readonly metadata: { readonly interchange_format_version: string; readonly genesis_validators_root: string };
  readonly data: readonly {
    readonly pubkey: string;
    readonly signed_blocks: readonly { readonly slot: string; readonly signing_root?: string }[];
    readonly signed_attestations: readonly {
      readonly source_epoch: string;
      readonly target_epoch: string;
      readonly signing_root?: string;
    }[];
  }[];
}

export interface AttestationRecord {
  readonly kind: 'attestation';
  readonly publicKey: string;
  readonly source: number;
  readonly target: number;
  /** Absent for an imported one of a client that drops signing roots. */
  readonly root?: string;
}

export interface BlockRecord {
  readonly kind: 'block';
  readonly publicKey: string;
  readonly slot: number;
  readonly root?: string;
}

type Line = AttestationRecord | BlockRecord;
/** A key that was here, whether it signed or not: deleting it later is `not_active`, not `not_found`. */
interface KnownRecord {
  readonly kind: 'known';
  readonly publicKey: string;
}

/** The minimal strategy of EIP-3076: the highest of each, with the root that was signed there. */
interface Watermark {
  source: number;
  target: number;
  attestationRoot: string | undefined;
  slot: number;
  blockRoot: string | undefined;
}

const COMPACT_AT_LINES = 50_000;

/**
 * A validator client's own slashing protection: watermarks per key, never lowered, never erased (not even with the
 * key). `allow…` answers whether the message may be signed and, when it may, has the record on disk before it returns.
 */
export class ProtectionStore {
  private readonly marks = new Map<string, Watermark>();
  private readonly path: string;
  private log: JsonLog;
  private lines: number;

  constructor(
    folder: string,
    readonly genesisValidatorsRoot: string,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.path = join(folder, 'protection.jsonl');
    const lines = readLines<Line | KnownRecord>(this.path);
    for (const line of lines) this.raise(line);
    this.lines = lines.length;
    this.log = new JsonLog(this.path);
  }

  has(publicKey: string): boolean {
    return this.marks.has(publicKey);
  }

  /** Remembers that these keys were here. */
  register(publicKeys: readonly string[]): void {
    const fresh = publicKeys.filter((publicKey) => !this.marks.has(publicKey));
    const records = fresh.map((publicKey): KnownRecord => ({ kind: 'known', publicKey }));
    for (const record of records) this.raise(record);
    this.write(records);
  }

  /** Those of `wanted` that may be signed; the very message signed last may be signed again. One fsync for all. */
  allow<Wanted extends Line>(wanted: readonly Wanted[]): Wanted[] {
    const allowed: Wanted[] = [];
    const fresh: Line[] = [];
    for (const record of wanted) {
      const verdict = this.judge(record);
      if (verdict === 'refused') continue;
      allowed.push(record);
      if (verdict === 'repeat') continue;
      this.raise(record);
      fresh.push(record);
    }
    this.write(fresh);
    return allowed;
  }

  /** Merges other history in: marks only ever rise. Throws `WrongGenesis` before changing anything. */
  import(interchange: Interchange): void {
    if (interchange.metadata.genesis_validators_root.toLowerCase() !== this.genesisValidatorsRoot)
      throw new WrongGenesis();
    const records = interchange.data.flatMap(recordsOf);
    for (const record of records) this.raise(record);
    this.write(this.snapshot([...new Set(records.map((record) => record.publicKey))]));
  }

  /** Minimal history of the given keys; a key without any is left out. */
  export(publicKeys: readonly string[]): Interchange {
    return {
      metadata: { interchange_format_version: '5', genesis_validators_root: this.genesisValidatorsRoot },
      data: publicKeys.flatMap((publicKey) => {
        const mark = this.marks.get(publicKey);
        return mark ? [exported(publicKey, mark)] : [];
      }),
    };
  }

  close(): void {
    this.log.close();
  }

  /** EIP-3076, conditions 2, 4 and 5; equality is allowed only for the message itself. */
  private judge(record: Line): 'fresh' | 'repeat' | 'refused' {
    const mark = this.marks.get(record.publicKey);
    if (!mark) return record.kind === 'block' || record.source <= record.target ? 'fresh' : 'refused';
    if (record.kind === 'block') {
      if (record.slot > mark.slot) return 'fresh';
      return record.slot === mark.slot && record.root !== undefined && record.root === mark.blockRoot
        ? 'repeat'
        : 'refused';
    }
    if (record.source > record.target || record.source < mark.source) return 'refused';
    if (record.target > mark.target) return 'fresh';
    const same = record.target === mark.target && record.root !== undefined && record.root === mark.attestationRoot;
    return same ? 'repeat' : 'refused';
  }

  private raise(record: Line | KnownRecord): void {
    const mark = this.marks.get(record.publicKey) ?? {
      source: -1,
      target: -1,
      attestationRoot: undefined,
      slot: -1,
      blockRoot: undefined,
    };
    this.marks.set(record.publicKey, mark);
    if (record.kind === 'known') return;
    if (record.kind === 'block') {
      if (record.slot > mark.slot) mark.blockRoot = record.root;
      else if (record.slot === mark.slot && record.root !== mark.blockRoot) mark.blockRoot = undefined;
      mark.slot = Math.max(mark.slot, record.slot);
      return;
    }
    if (record.target > mark.target) mark.attestationRoot = record.root;
    else if (record.target === mark.target && record.root !== mark.attestationRoot) mark.attestationRoot = undefined;
    mark.source = Math.max(mark.source, record.source);
    mark.target = Math.max(mark.target, record.target);
  }

  private write(lines: readonly (Line | KnownRecord)[]): void {
    if (lines.length === 0) return;
    this.log.append(lines, true);
    this.lines += lines.length;
    if (this.lines < COMPACT_AT_LINES) return;
    const snapshot = this.snapshot([...this.marks.keys()]);
    this.log.close();
    writeDurably(this.path, snapshot.map((line) => `${JSON.stringify(line)}\n`).join(''));
    this.log = new JsonLog(this.path);
    this.lines = snapshot.length;
  }

  private snapshot(publicKeys: readonly string[]): (Line | KnownRecord)[] {
    return publicKeys.flatMap((publicKey) => {
      const mark = this.marks.get(publicKey);
      if (!mark) return [];
      const lines: (Line | KnownRecord)[] = [{ kind: 'known', publicKey }];
      if (mark.target >= 0) {
        const root = mark.attestationRoot;
        lines.push({
          kind: 'attestation',
          publicKey,
          source: mark.source,
          target: mark.target,
          ...(root ? { root } : {}),
        });
      }
      if (mark.slot >= 0) {
        lines.push({ kind: 'block', publicKey, slot: mark.slot, ...(mark.blockRoot ? { root: mark.blockRoot } : {}) });
      }
      return lines;
    });
  }
}

/** The interchange belongs to another network. */
export class WrongGenesis extends Error {
  constructor() {
    super('the interchange is of another network: genesis_validators_root differs');
  }
}

function recordsOf(entry: Interchange['data'][number]): Line[] {
  const publicKey = entry.pubkey.toLowerCase();
  const root = (signing_root: string | undefined) => (signing_root ? { root: signing_root.toLowerCase() } : {});
  return [
    ...entry.signed_attestations.map(({ source_epoch, target_epoch, signing_root }) => ({
      kind: 'attestation' as const,
      publicKey,
      source: Number(source_epoch),
      target: Number(target_epoch),
      ...root(signing_root),
    })),
    ...entry.signed_blocks.map(({ slot, signing_root }) => ({
      kind: 'block' as const,
      publicKey,
      slot: Number(slot),
      ...root(signing_root),
    })),
  ];
}

function exported(publicKey: string, mark: Watermark): Interchange['data'][number] {
  const root = (value: string | undefined) => (value ? { signing_root: value } : {});
  return {
    pubkey: publicKey,
    signed_blocks: mark.slot < 0 ? [] : [{ slot: String(mark.slot), ...root(mark.blockRoot) }],
    signed_attestations:
      mark.target < 0
        ? []
        : [{ source_epoch: String(mark.source), target_epoch: String(mark.target), ...root(mark.attestationRoot) }],
  };
}
