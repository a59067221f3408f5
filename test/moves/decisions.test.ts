import { expect } from 'chai';
import type { Answer, ChainView, NodeView, Outside, Store, Witness } from '../../src/fleet/moves/ports.js';
import { freshProgress, type MoveRecord, type Progress } from '../../src/fleet/moves/record.js';
import { afterRepeatedDelete } from '../../src/fleet/moves/steps/confirm.js';
import { afterFirstDelete, type DeleteAnswer } from '../../src/fleet/moves/steps/drain.js';
import { afterImport, beforeImport, importIntent } from '../../src/fleet/moves/steps/import.js';
import { afterPreflight, type PreflightFacts } from '../../src/fleet/moves/steps/preflight.js';
import { afterLastDelete } from '../../src/fleet/moves/steps/prepare.js';
import { afterRestart, restart } from '../../src/fleet/moves/steps/restart.js';
import { afterLook } from '../../src/fleet/moves/steps/verify.js';
import { afterSample } from '../../src/fleet/moves/steps/wait-quiet.js';

const KEY = `0x${'ab'.repeat(48)}`;
const OPTIONS = {
  pollMs: 1000,
  patienceMs: 60_000,
  flightCap: 8,
  withoutRestartHook: 'hold',
  sampleAfterSlots: 2n,
} as const;

function move(state: MoveRecord['state'], progress: Partial<Progress> = {}): MoveRecord {
  return {
    id: 'm',
    publicKey: KEY,
    from: 'a',
    to: 'b',
    source: 'a',
    destination: 'b',
    state,
    progress: { ...freshProgress({}, []), genesisValidatorsRoot: '0x00', ...progress },
    fence: 1n,
  };
}

const node = (client: string, more: Partial<NodeView> = {}): NodeView => ({
  name: `node of ${client}`,
  clients: [client],
  synced: true,
  optimistic: false,
  genesisValidatorsRoot: '0x00',
  headEpoch: 100n,
  currentEpoch: 100n,
  slotInEpoch: 5n,
  justifiedEpoch: 98n,
  finalizedEpoch: 97n,
  wholeSince: 90n,
  ...more,
});
const chainOf = (...nodes: NodeView[]): ChainView => ({ nodes, listed: nodes, slotsPerEpoch: 8n });
const chain = chainOf(node('a'), node('b'));
const listed = (...keys: string[]): Answer<{ keys: readonly string[] }> => ({ outcome: 'answered', keys, raw: keys });
const said = (status: 'deleted' | 'not_active' | 'not_found' | 'error', target?: bigint): DeleteAnswer => ({
  outcome: 'answered',
  status,
  protection: target === undefined ? undefined : { sourceEpoch: target - 1n, targetEpoch: target },
  raw: status,
});
const silent = { outcome: 'unanswered', reason: 'time-out' } as const;

describe('move decisions: preflight', () => {
  const good: PreflightFacts = {
    pin: { uri: 'b', token: 't' },
    sourcePin: { uri: 'a', token: 't' },
    keys: listed(),
    sourceKeys: listed(KEY),
    chain,
    quarantined: false,
    settings: { outcome: 'answered', settings: { feeRecipient: '0x1', graffiti: 'old' }, raw: 0 },
    keystoreOpens: true,
    duty: undefined,
    nowMs: 1000,
  };

  it('begins to drain when nothing speaks against it, with the settings read and those wanted', () => {
    const change = afterPreflight(move('preflight', { wanted: { graffiti: 'new' } }), good, OPTIONS);
    expect(change).to.include({ state: 'draining', flightCap: 8 });
    expect(change.progress.settings).to.deep.equal({ feeRecipient: '0x1', graffiti: 'new' });
  });

  const bad: [string, Partial<PreflightFacts>][] = [
    ['destination silent', { keys: silent }],
    ['key already at the destination', { keys: listed(KEY) }],
    ['destination quarantined', { quarantined: true }],
    ['destination without a token', { pin: undefined }],
    ['key not at the source', { sourceKeys: listed() }],
    ['other genesis root', { chain: chainOf(node('a'), node('b', { genesisValidatorsRoot: '0x01' })) }],
    ['beacon node not synced', { chain: chainOf(node('a'), node('b', { synced: false })) }],
    ['beacon node optimistic', { chain: chainOf(node('a'), node('b', { optimistic: true })) }],
    ['not finalising', { chain: chainOf(node('a'), node('b', { finalizedEpoch: 90n })) }],
    ['no beacon node of the destination', { chain: chainOf(node('a')) }],
    ['keystore does not open', { keystoreOpens: false }],
    ['settings not readable', { settings: silent }],
    ['a proposal soon', { duty: 'a proposal in slot 3' }],
  ];
  for (const [name, facts] of bad) {
    it(`waits, and later aborts: ${name}`, () => {
      const waiting = afterPreflight(move('preflight'), { ...good, ...facts }, OPTIONS);
      expect(waiting.state).to.equal(undefined);
      expect(waiting.waitMs).to.equal(1000);
      const later = { ...good, ...facts, nowMs: 70_000 };
      expect(afterPreflight({ ...move('preflight'), progress: waiting.progress }, later, OPTIONS).state).to.equal(
        'aborted',
      );
    });
  }

  it('A6: waits while an earlier import may still arrive; A9: refuses another process under the same name', () => {
    const posts = [{ to: 'a', untilMs: 5000, answered: false }];
    expect(afterPreflight(move('preflight', { posts }), good, OPTIONS).state).to.equal(undefined);
    const pins = { b: { uri: 'elsewhere', token: 't' } };
    expect(afterPreflight(move('preflight', { pins }), good, OPTIONS).progress.waiting).to.contain(
      'no longer the process',
    );
  });
});

describe('move decisions: draining and confirming', () => {
  it('a positive answer ends the right, merges protection, leaves a tombstone; `deleted` confirms nothing', () => {
    const change = afterFirstDelete(move('draining'), said('deleted', 99n), chain, 1000);
    expect(change).to.deep.include({ state: 'confirming', right: { from: 'a', to: undefined } });
    expect(change.merge?.targetEpoch).to.equal(99n);
    expect(change.tombstone).to.deep.equal({ validatorClient: 'a', why: 'deleted' });
    expect(change.progress.notActive).to.equal(0);
  });

  it('a time-out or an error is asked again and never moves the right; `not_found` is held', () => {
    for (const answer of [silent, said('error')]) {
      const change = afterFirstDelete(move('draining'), answer, chain, 1000);
      expect(change.state).to.equal(undefined);
      expect(change.right).to.equal(undefined);
    }
    const held = afterFirstDelete(move('draining'), said('not_found'), chain, 1000);
    expect(held.state).to.equal('hold');
    expect(held.right).to.equal(undefined);
    expect(afterFirstDelete(move('draining', { errors: 19 }), said('error'), chain, 1000).state).to.equal('hold');
  });

  it('A4: protection above the next epoch is not merged', () => {
    const change = afterFirstDelete(move('draining'), said('deleted', 5000n), chain, 1000);
    expect(change).to.include({ state: 'hold' });
    expect(change.merge).to.equal(undefined);
    expect(change.page?.kind).to.equal('protection from the future');
  });

  it('A4: while no beacon node answers, protection is not merged', () => {
    const change = afterFirstDelete(move('draining'), said('deleted', 5000n), chainOf(), 1000);
    expect(change.state).to.equal('confirming');
    expect(change.merge).to.equal(undefined);
  });

  const confirm = (progress: Partial<Progress>, answer: DeleteAnswer, keys = listed('other'), nimbus = false) =>
    afterRepeatedDelete(
      move('confirming', progress),
      { answer, keys, chain, notFoundIsNotActive: nimbus, nowMs: 5 },
      1000,
    );

  it('needs `not_active` twice in a row and an absence in the list asked afterwards', () => {
    expect(confirm({}, said('not_active')).state).to.equal(undefined);
    expect(confirm({ notActive: 1 }, said('not_active')).state).to.equal('restarted');
    expect(confirm({ notActive: 1 }, said('deleted')).progress.notActive).to.equal(0);
    expect(confirm({ notActive: 1 }, said('not_active'), listed(KEY)).progress.notActive).to.equal(0);
    expect(confirm({ notActive: 5 }, said('not_active'), silent).state).to.equal(undefined);
  });

  it('A10: `not_found` counts only by profile and after a `deleted` with protection', () => {
    expect(confirm({ notActive: 1 }, said('not_found')).state).to.equal('hold');
    expect(confirm({ notActive: 1 }, said('not_found'), listed(), true).state).to.equal('hold');
    const seen = { notActive: 1, deletedWithProtection: true };
    expect(confirm(seen, said('not_found'), listed(), true).state).to.equal('restarted');
  });
});

describe('move decisions: restart and quiet window', () => {
  const back = { outcome: 'answered', startedAtMs: 50, raw: 0 } as const;

  it('A6: a restart before the last import in doubt was given up is no evidence, though the absence was confirmed earlier', async () => {
    const posts = [{ to: 'a', untilMs: 200, answered: false }];
    const asked: number[] = [];
    const outside = {
      restart: async (_client: string, sinceMs: number) => {
        asked.push(sinceMs);
        return { outcome: 'unanswered', reason: 'busy' } as const;
      },
      listKeys: async () => listed('other'),
    } as unknown as Outside;
    const store = { expectedAt: async () => [] } as unknown as Store;
    const context = { outside, store, options: { ...OPTIONS, leaseMs: 1, flightCap: 1 }, nowMs: () => 300 };
    await restart(move('restarted', { confirmedAtMs: 10, posts }), { untilMonotonicMs: 0, untilMs: 0 }, context);
    expect(asked).to.deep.equal([200]);
    const early = { answer: back, keys: listed('other'), expected: [] };
    expect(afterRestart(move('restarted', { confirmedAtMs: 10, posts }), early, OPTIONS).state).to.equal(undefined);
  });

  it('believes a restart only with a new start time and a list that shows the other keys', () => {
    const restarted = move('restarted', { confirmedAtMs: 10 });
    const facts = { answer: back, keys: listed('other'), expected: ['other'] };
    expect(afterRestart(restarted, facts, OPTIONS).state).to.equal('quiet');
    expect(afterRestart(restarted, { ...facts, keys: listed() }, OPTIONS).state).to.equal(undefined);
    expect(afterRestart(restarted, { ...facts, answer: { ...back, startedAtMs: 5 } }, OPTIONS).state).to.equal(
      undefined,
    );
  });

  it('pages a key that came back and starts over, three times at most', () => {
    const facts = { answer: back, keys: listed(KEY), expected: [] };
    const first = afterRestart(move('restarted'), facts, OPTIONS);
    expect(first).to.include({ state: 'confirming' });
    expect(first.page?.kind).to.equal('resurrected key');
    expect(afterRestart(move('restarted', { resurrections: 2 }), facts, OPTIONS).state).to.equal('hold');
  });

  it('A6: without a hook the policy decides, but never over an import in doubt', () => {
    const none = { answer: { outcome: 'unsupported', reason: 'no hook' }, keys: listed(), expected: [] } as const;
    const lenient = { ...OPTIONS, withoutRestartHook: 'continue' } as const;
    expect(afterRestart(move('restarted'), none, OPTIONS).state).to.equal('hold');
    expect(afterRestart(move('restarted'), none, lenient).state).to.equal('quiet');
    const posts = [{ to: 'a', untilMs: 0, answered: false }];
    expect(afterRestart(move('restarted', { posts }), none, lenient).state).to.equal('hold');
  });

  const witness = (client: string, more: Partial<Witness> = {}): Witness => ({
    node: `node of ${client}`,
    clients: [client],
    synced: true,
    whole: true,
    control: true,
    live: false,
    ...more,
  });
  const at = (epoch: bigint, sampled: bigint[], ...witnesses: Witness[]) =>
    afterSample(
      move('quiet', { quiet: { fromEpoch: 97n, sampled } }),
      { chain, standing: 'active', samples: [{ epoch, witnesses }] },
      OPTIONS,
    );

  it('takes two complete epochs, each sampled in time', () => {
    expect(at(99n, [98n], witness('a'), witness('b')).state).to.equal('ready');
    expect(at(99n, [], witness('b')).progress.quiet?.fromEpoch, 'an epoch was missed: again').to.equal(100n);
    expect(at(100n, [98n], witness('b')).state, 'not over yet').to.equal(undefined);
  });

  it('A9: counts only synced nodes that show others live, and not only those of the source', () => {
    for (const witnesses of [
      [witness('a')],
      [witness('b', { control: false })],
      [witness('b', { whole: false })],
      [witness('a'), witness('b', { synced: false })],
    ]) {
      expect(at(99n, [98n], ...witnesses).state).to.equal(undefined);
    }
  });

  it('A9: an epoch counts only when it is over by the clock of the node that saw nothing', () => {
    const ahead = chainOf(node('a', { currentEpoch: 100n }), node('b', { currentEpoch: 99n }));
    const samples = [{ epoch: 99n, witnesses: [witness('b')] }];
    const quiet = move('quiet', { quiet: { fromEpoch: 97n, sampled: [98n] } });
    const change = afterSample(quiet, { chain: ahead, standing: 'active', samples }, OPTIONS);
    expect(change.state).to.equal(undefined);
    expect(change.progress.quiet?.sampled).to.deep.equal([98n]);
  });

  it('a sign of life from any node goes back to confirming, with a page', () => {
    const change = at(99n, [98n], witness('a', { synced: false, control: false, live: true }), witness('b'));
    expect(change.state).to.equal('confirming');
    expect(change.page?.kind).to.equal('key live in quiet window');
  });
});

describe('move decisions: ready, importing, verify', () => {
  const facts = {
    pin: { uri: 'b', token: 't' },
    keys: listed(),
    chain,
    quarantined: false,
    answer: said('not_active', 90n),
    ledger: { sourceEpoch: 88n, targetEpoch: 95n, slot: 700n },
    notFoundIsNotActive: false,
    nowMs: 0,
  };

  it('A8: target, source and slot of the watermark; the right is granted in the same change', () => {
    const change = afterLastDelete(move('ready'), facts, OPTIONS);
    expect(change).to.deep.include({ state: 'importing', right: { from: undefined, to: 'b' } });
    expect(change.progress.watermark).to.deep.equal({ targetEpoch: 100n, sourceEpoch: 98n, slot: 815n });
    expect(change.progress.watermarkHash).to.match(/^[0-9a-f]{64}$/);
    const high = { ...facts, ledger: { targetEpoch: 101n, sourceEpoch: 98n, slot: 9n } };
    expect(afterLastDelete(move('ready'), high, OPTIONS).progress.watermark?.targetEpoch).to.equal(101n);
  });

  it('a last DELETE that says `deleted` starts over; a destination that stays away loses the key to its source', () => {
    expect(afterLastDelete(move('ready'), { ...facts, answer: said('deleted') }, OPTIONS).page?.kind).to.equal(
      'resurrected key',
    );
    const gone = { ...facts, keys: silent, nowMs: 90_000 };
    const change = afterLastDelete(move('ready', { failingSinceMs: 0 }), gone, OPTIONS);
    expect(change).to.include({ destination: 'a' });
    expect(change.right).to.equal(undefined);
  });

  it('a key back at its source before anything was sent takes the whole path again; after that its DELETE is waited for', () => {
    const back = { client: 'a', merge: { targetEpoch: 100n }, evidence: [] };
    const fresh = beforeImport(move('importing'), back, 1000);
    expect(fresh).to.deep.include({ state: 'confirming', source: 'a', right: { from: 'b', to: undefined } });
    expect(fresh.merge).to.deep.equal({ targetEpoch: 100n });
    const sent = beforeImport(move('importing', { posts: [{ to: 'b', untilMs: 9, answered: false }] }), back, 1000);
    expect(sent.state).to.equal(undefined);
    expect(sent.right).to.equal(undefined);
    expect(sent.waitMs).to.equal(1000);
  });

  const posts = [{ to: 'b', untilMs: 9, answered: false }];
  const answer = (status: 'imported' | 'duplicate' | 'error') => ({ outcome: 'answered', status, raw: 0 }) as const;

  it('A6: an import is an intent first, with the deadline of the claim', () => {
    const intent = importIntent(move('importing'), {}, chain, 1234, 1000);
    expect(intent.progress.posts).to.deep.equal([{ to: 'b', untilMs: 1234, answered: false }]);
    expect(intent.waitMs).to.equal(undefined);
    const behind = chainOf(node('a', { justifiedEpoch: 99n }), node('b'));
    expect(importIntent(move('importing'), {}, behind, 1234, 1000).waitMs).to.equal(1000);
  });

  it('an unanswered import keeps the right and is repeated there; A7: a duplicate after it takes the whole path again', () => {
    const doubt = afterImport(move('importing', { posts }), silent, 1000);
    expect(doubt.state).to.equal(undefined);
    expect(doubt.right).to.equal(undefined);
    expect(doubt.progress.posts).to.have.length(1);
    const again = afterImport(move('importing', { posts: [...posts, ...posts] }), answer('duplicate'), 1000);
    expect(again).to.deep.include({
      state: 'confirming',
      source: 'b',
      destination: 'b',
      right: { from: 'b', to: undefined },
    });
    const foreign = afterImport(move('importing', { posts }), answer('duplicate'), 1000);
    expect(foreign).to.deep.include({ state: 'hold', right: { from: 'b', to: undefined } });
    expect(foreign.progress.cleanup).to.equal('b');
    expect(afterImport(move('importing', { posts }), answer('imported'), 1000).state).to.equal('verify');
    expect(afterImport(move('importing', { posts }), answer('error'), 1000)).to.include({
      state: 'confirming',
      destination: 'a',
    });
  });

  it('is placed when listed, set up, live, and absent where it was', () => {
    const seen = {
      destinationKeys: listed(KEY),
      formerKeys: [{ client: 'a', keys: listed() }],
      settingsWritten: { outcome: 'answered', raw: {} } as const,
      epoch: 102n,
      witnesses: [{ node: 'n', clients: [], synced: true, whole: true, control: true, live: true }],
      standing: 'active' as const,
    };
    const verifying = move('verify', { importedEpoch: 100n });
    expect(afterLook(verifying, seen, 1000).state).to.equal('placed');
    expect(afterLook(verifying, { ...seen, witnesses: [] }, 1000).state).to.equal(undefined);
    expect(afterLook(verifying, { ...seen, witnesses: [], standing: 'inactive' }, 1000).state).to.equal('placed');
    expect(afterLook(verifying, { ...seen, formerKeys: [{ client: 'a', keys: silent }] }, 1000).state).to.equal(
      undefined,
    );
    expect(afterLook(verifying, { ...seen, settingsWritten: silent }, 1000).state).to.equal(undefined);
    const late = afterLook(verifying, { ...seen, witnesses: [], epoch: 107n }, 1000);
    expect(late.page?.kind).to.equal('not live after import');
  });
});
