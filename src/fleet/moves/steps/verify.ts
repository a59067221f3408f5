import type { Change } from '../change.js';
import type { Answer, Standing, Step, Witness } from '../ports.js';
import type { MoveRecord } from '../record.js';
import { currentEpoch } from '../watermark.js';
import { answered, wait } from './apply.js';
import { lookElsewhere } from './elsewhere.js';

type Listed = Answer<{ readonly keys: readonly string[] }>;

export interface VerifyFacts {
  readonly destinationKeys: Listed;
  /** Every validator client this move took the key from. */
  readonly formerKeys: readonly { readonly client: string; readonly keys: Listed }[];
  readonly settingsWritten: Answer<object> | undefined;
  readonly epoch: bigint | undefined;
  readonly witnesses: readonly Witness[];
  readonly standing: Standing;
}

/** Epochs after the import without a sign of life before people are told. */
const EPOCHS_TO_BE_LIVE = 6n;

/** It is there, it is set up as before, it signs, and nobody else has it. */
export const verify: Step = async (move, lease, context) => {
  const { outside, options } = context;
  const { publicKey, destination, progress } = move;
  const [destinationKeys, standing, chain, { lists: formerKeys, back }] = await Promise.all([
    outside.listKeys(destination),
    outside.standing(publicKey),
    outside.chain(),
    lookElsewhere(move, destination, lease, context),
  ]);
  if (back) {
    const { merge, page, evidence } = back;
    return { ...wait(move, page?.text ?? '', options.pollMs, evidence), merge, page };
  }
  const settingsWritten = progress.settingsCopied
    ? undefined
    : await outside.writeSettings(destination, publicKey, progress.settings ?? {}, lease);
  const epoch = currentEpoch(chain);
  const witnesses: Witness[] = [];
  for (const asked of standing === 'active' ? liveEpochs(move, epoch) : []) {
    witnesses.push(...(await outside.liveness(publicKey, asked)));
  }
  const facts = { destinationKeys, formerKeys, settingsWritten, epoch, witnesses, standing };
  return afterLook(move, facts, options.pollMs);
};

/** The watermark forbids the epoch of the import: signs of life begin with the next one. */
function liveEpochs(move: MoveRecord, epoch: bigint | undefined): bigint[] {
  const { importedEpoch } = move.progress;
  if (epoch === undefined || importedEpoch === undefined) return [];
  return [epoch - 1n, epoch].filter((asked) => asked > importedEpoch);
}

/** Pure. */
export function afterLook(move: MoveRecord, facts: VerifyFacts, pollMs: number): Change {
  const copied = move.progress.settingsCopied || facts.settingsWritten?.outcome === 'answered';
  const known = { ...move, progress: { ...move.progress, settingsCopied: copied } };
  const evidence =
    facts.settingsWritten?.outcome === 'answered'
      ? [answered('settings', move.destination, facts.settingsWritten)]
      : [];
  const missing = whatIsMissing(move, facts, copied);
  if (missing !== undefined) {
    return { ...wait(known, missing, pollMs, evidence), page: overdue(move, facts) };
  }
  return {
    state: 'placed',
    progress: { ...known.progress, waiting: undefined },
    evidence: [
      ...evidence,
      answered('list', move.destination, facts.destinationKeys),
      ...facts.formerKeys.map(({ client, keys }) => answered('list', client, keys)),
      {
        kind: 'liveness',
        detail: { epoch: String(facts.epoch), witnesses: facts.witnesses, standing: facts.standing },
      },
    ],
    waitMs: 0,
  };
}

function whatIsMissing(move: MoveRecord, facts: VerifyFacts, copied: boolean): string | undefined {
  const { destinationKeys, formerKeys, standing, witnesses } = facts;
  if (destinationKeys.outcome !== 'answered') return `${move.destination} does not answer: ${destinationKeys.reason}`;
  if (!destinationKeys.keys.includes(move.publicKey)) return `${move.destination} does not list the key`;
  const silent = formerKeys.find(({ keys }) => keys.outcome !== 'answered');
  if (silent) return `${silent.client} does not answer`;
  if (!copied) return `settings are not copied to ${move.destination} yet`;
  if (standing === 'unknown') return 'no synced beacon node knows the key';
  if (standing === 'active' && !witnesses.some((witness) => witness.synced && witness.live)) {
    return `the key is not live at ${move.destination} yet`;
  }
  return undefined;
}

function overdue(move: MoveRecord, facts: VerifyFacts): Change['page'] {
  const { importedEpoch } = move.progress;
  if (facts.epoch === undefined || importedEpoch === undefined) return undefined;
  if (facts.epoch - importedEpoch < EPOCHS_TO_BE_LIVE) return undefined;
  const text = `not live ${facts.epoch - importedEpoch} epochs after its import at ${move.destination}`;
  return { kind: 'not live after import', text, validatorClient: move.destination };
}
