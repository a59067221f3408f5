import type { Change } from '../change.js';
import { isSame } from '../pins.js';
import type { Answer, ChainView, Step, StepContext } from '../ports.js';
import type { MoveRecord, Pin, Settings } from '../record.js';
import { answered } from './apply.js';

/** What is known of a destination before a key goes there. */
export interface DestinationFacts {
  readonly pin: Pin | undefined;
  readonly keys: Answer<{ readonly keys: readonly string[] }>;
  readonly chain: ChainView;
  readonly quarantined: boolean;
}

export interface PreflightFacts extends DestinationFacts {
  readonly sourcePin: Pin | undefined;
  readonly sourceKeys: Answer<{ readonly keys: readonly string[] }>;
  readonly settings: Answer<{ readonly settings: Settings }>;
  readonly keystoreOpens: boolean;
  readonly duty: string | undefined;
  readonly nowMs: number;
}

/** Non-finality: more epochs than this behind the head, and no key moves (mainnet's usual distance is two). */
const FINALITY_LAG_EPOCHS = 4n;

export const preflight: Step = async (move, _lease, context) => {
  const { outside } = context;
  const [destination, sourcePin, sourceKeys, settings, keystoreOpens, duty] = await Promise.all([
    lookAtDestination(move, context),
    outside.identify(move.source),
    outside.listKeys(move.source),
    outside.readSettings(move.source, move.publicKey),
    outside.keystoreOpens(move.publicKey),
    outside.dutySoon(move.publicKey),
  ]);
  const nowMs = context.nowMs();
  const facts = { ...destination, sourcePin, sourceKeys, settings, keystoreOpens, duty, nowMs };
  return afterPreflight(move, facts, context.options);
};

export async function lookAtDestination(move: MoveRecord, { outside, store }: StepContext): Promise<DestinationFacts> {
  const [pin, keys, chain, quarantined] = await Promise.all([
    outside.identify(move.destination),
    outside.listKeys(move.destination),
    outside.chain(),
    store.quarantined(move.destination),
  ]);
  return { pin, keys, chain, quarantined };
}

/** Pure. Draining begins only when nothing speaks against it; the change is the intent to DELETE. */
export function afterPreflight(
  move: MoveRecord,
  facts: PreflightFacts,
  options: { readonly pollMs: number; readonly patienceMs: number; readonly flightCap: number },
): Change {
  const fault = destinationFault(move, facts) ?? sourceFault(move, facts);
  if (fault !== undefined) return notYet(move, fault, facts.nowMs, options);
  const nodes = facts.chain.nodes.filter((node) => node.clients.includes(move.destination));
  const read = facts.settings.outcome === 'answered' ? facts.settings.settings : {};
  const settings = { ...read, ...move.progress.wanted };
  const pins = {
    ...(facts.sourcePin && { [move.source]: facts.sourcePin }),
    ...(facts.pin && { [move.destination]: facts.pin }),
  };
  return {
    state: 'draining',
    progress: {
      ...move.progress,
      pins,
      settings,
      genesisValidatorsRoot: nodes[0]?.genesisValidatorsRoot,
      waiting: undefined,
      failingSinceMs: undefined,
    },
    evidence: [
      answered('list', move.source, facts.sourceKeys),
      answered('list', move.destination, facts.keys),
      { kind: 'intent', detail: { call: 'delete', validator_client: move.source, settings } },
    ],
    flightCap: options.flightCap,
  };
}

/** Why the key may not go to its destination now; undefined when it may. Asked in preflight and again in ready. */
export function destinationFault(move: MoveRecord, facts: DestinationFacts): string | undefined {
  const { destination, publicKey, progress } = move;
  if (!facts.pin) return `${destination} is not in the inventory or has no token`;
  if (progress.pins?.[destination] && !isSame(destination, facts.pin, progress.pins)) {
    return `${destination} is no longer the process it was when the move began`;
  }
  if (facts.quarantined) return `${destination} is quarantined: a deleted key came back there`;
  if (facts.keys.outcome !== 'answered') return `${destination} does not answer: ${facts.keys.reason}`;
  if (facts.keys.keys.includes(publicKey)) return `${destination} already lists the key`;
  return chainFault(move, facts.chain);
}

function chainFault(move: MoveRecord, chain: ChainView): string | undefined {
  const nodes = chain.nodes.filter((node) => node.clients.includes(move.destination));
  if (nodes.length === 0) return `no beacon node of ${move.destination} answers`;
  const roots = new Set(chain.nodes.map((node) => node.genesisValidatorsRoot));
  if (roots.size > 1) return 'beacon nodes are of different chains';
  const root = move.progress.genesisValidatorsRoot;
  if (root !== undefined && !roots.has(root)) return 'the beacon nodes changed to another chain';
  for (const node of nodes) {
    if (!node.synced) return `beacon node ${node.name} is not synced`;
    if (node.optimistic) return `beacon node ${node.name} is optimistic`;
    if (node.headEpoch - node.finalizedEpoch > FINALITY_LAG_EPOCHS) return 'the chain is not finalising';
  }
  return undefined;
}

function sourceFault(move: MoveRecord, facts: PreflightFacts): string | undefined {
  if (!facts.sourcePin) return `${move.source} is not in the inventory or has no token`;
  if (facts.sourceKeys.outcome !== 'answered') return `${move.source} does not answer: ${facts.sourceKeys.reason}`;
  if (!facts.sourceKeys.keys.includes(move.publicKey)) return `${move.source} does not list the key`;
  if (facts.settings.outcome !== 'answered')
    return `settings at ${move.source} are not readable: ${facts.settings.reason}`;
  if (!facts.keystoreOpens) return 'the vault has no keystore of the key that opens';
  if (facts.duty !== undefined) return `the key has a duty soon: ${facts.duty}`;
  const open = move.progress.posts.find((post) => post.untilMs >= facts.nowMs);
  if (open) return `an earlier import at ${open.to} may still arrive`;
  return undefined;
}

function notYet(
  move: MoveRecord,
  fault: string,
  nowMs: number,
  options: { readonly pollMs: number; readonly patienceMs: number },
): Change {
  const since = move.progress.failingSinceMs ?? nowMs;
  const progress = { ...move.progress, waiting: fault, failingSinceMs: since };
  if (nowMs - since < options.patienceMs) return { progress, evidence: [], waitMs: options.pollMs };
  return {
    state: 'aborted',
    holdReason: fault,
    progress,
    evidence: [{ kind: 'commit', detail: { aborted: fault } }],
    waitMs: 0,
  };
}
