import type { Change } from '../change.js';
import type { ChainView, Standing, Step, Witness } from '../ports.js';
import { freshDrain, type MoveRecord } from '../record.js';
import { currentEpoch } from '../watermark.js';
import { wait } from './apply.js';

export interface QuietFacts {
  readonly chain: ChainView;
  readonly standing: Standing;
  /** What was seen of the epochs that can be asked about now. */
  readonly samples: readonly { readonly epoch: bigint; readonly witnesses: readonly Witness[] }[];
}

/** Complete epochs of silence, one after another. */
const QUIET_EPOCHS = 2n;

export const waitQuiet: Step = async (move, _lease, { outside, options }) => {
  const chain = await outside.chain();
  const standing = await outside.standing(move.publicKey);
  const samples = [];
  for (const epoch of standing === 'inactive' ? [] : askable(move, chain)) {
    samples.push({ epoch, witnesses: await outside.liveness(move.publicKey, epoch) });
  }
  return afterSample(move, { chain, standing, samples }, options);
};

/** The window's epochs that liveness answers for now: this one and the one before. */
function askable(move: MoveRecord, chain: ChainView): bigint[] {
  const now = currentEpoch(chain);
  const { quiet } = move.progress;
  if (now === undefined || !quiet) return [];
  return [now - 1n, now].filter((epoch) => epoch > quiet.fromEpoch && epoch <= quiet.fromEpoch + QUIET_EPOCHS);
}

/** Pure. The window opens after the restart; an epoch counts once it is over and was sampled in time. */
export function afterSample(
  move: MoveRecord,
  facts: QuietFacts,
  options: { readonly pollMs: number; readonly sampleAfterSlots: bigint },
): Change {
  const now = currentEpoch(facts.chain);
  if (now === undefined) return wait(move, 'no beacon node answers', options.pollMs);
  const { quiet } = move.progress;
  const opened = { ...move.progress, quiet: { fromEpoch: now, sampled: [] }, waiting: 'two quiet epochs' };
  if (!quiet)
    return {
      progress: opened,
      evidence: [{ kind: 'quiet', detail: { from_epoch: String(now) } }],
      waitMs: options.pollMs,
    };
  const live = facts.samples.find(({ witnesses }) => witnesses.some((witness) => witness.live));
  if (live) return seenLive(move, live, options.pollMs);
  const done = new Set(quiet.sampled);
  const evidence = [];
  const late = facts.chain.nodes.every(
    (node) => node.currentEpoch < now || node.slotInEpoch >= options.sampleAfterSlots,
  );
  for (const { epoch, witnesses } of facts.samples) {
    if (
      epoch >= now ||
      !late ||
      done.has(epoch) ||
      !silent(move, epoch, witnesses, facts.chain, options.sampleAfterSlots)
    )
      continue;
    done.add(epoch);
    evidence.push({ kind: 'liveness', detail: { epoch: String(epoch), witnesses } });
  }
  if (facts.standing === 'inactive') for (let epoch = quiet.fromEpoch + 1n; epoch < now; epoch += 1n) done.add(epoch);
  const wanted = Array.from({ length: Number(QUIET_EPOCHS) }, (_, index) => quiet.fromEpoch + 1n + BigInt(index));
  if (wanted.some((epoch) => epoch < now - 1n && !done.has(epoch))) {
    return {
      progress: opened,
      evidence: [{ kind: 'quiet', detail: { from_epoch: String(now), missed: true } }],
      waitMs: options.pollMs,
    };
  }
  const progress = { ...move.progress, quiet: { ...quiet, sampled: [...done] } };
  if (!wanted.every((epoch) => done.has(epoch))) return { progress, evidence, waitMs: options.pollMs };
  return { state: 'ready', progress: { ...progress, waiting: undefined }, evidence };
}

/**
 * Silence is proven by nodes synced through the whole epoch, which is over by their own clocks, and whose answer shows others
 * live; not only by those the source follows.
 */
function silent(
  move: MoveRecord,
  epoch: bigint,
  witnesses: readonly Witness[],
  chain: ChainView,
  sampleAfterSlots: bigint,
): boolean {
  const over = new Set(
    chain.nodes
      .filter(
        (node) => node.currentEpoch > epoch + 1n || (node.currentEpoch > epoch && node.slotInEpoch >= sampleAfterSlots),
      )
      .map((node) => node.name),
  );
  const counted = witnesses.filter(
    (witness) => witness.synced && witness.whole && witness.control && over.has(witness.node),
  );
  const foreign = (node: { readonly clients: readonly string[] }) => !node.clients.includes(move.source);
  return counted.length > 0 && (counted.some(foreign) || !chain.listed.some(foreign));
}

function seenLive(
  move: MoveRecord,
  sample: { readonly epoch: bigint; readonly witnesses: readonly Witness[] },
  waitMs: number,
): Change {
  const text = `the key signed in epoch ${sample.epoch}, after ${move.source} said that it had deleted it`;
  return {
    state: 'confirming',
    progress: { ...freshDrain(move.progress), deletedWithProtection: move.progress.deletedWithProtection },
    evidence: [{ kind: 'liveness', detail: { epoch: String(sample.epoch), witnesses: sample.witnesses } }],
    page: { kind: 'key live in quiet window', text, validatorClient: move.source },
    waitMs,
  };
}
