import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import Koa from 'koa';
import type { Guard } from '../../../authz/index.js';
import { createDecisionLog, type QueryableDecisionLog } from '../../../authz/policy/decision-log.js';
import { decisionRoutes } from '../../../authz/policy/decision-routes.js';
import { forgetDecisionsJob } from '../../../authz/policy/forget-decisions.js';
import type { AssessRequest, DecisionRecord } from '../../../authz/policy/types.js';
import { reasonOf } from '../../../src/errors.js';
import { type TestDatabase, testDatabase } from '../../support/database.js';
import { ask, partyOf, silent, WALLET, wallet } from './support/ask.js';

function decision(more: Partial<DecisionRecord> = {}): DecisionRecord {
  const request = ask(
    wallet(WALLET, { stake_keys: 1 }),
    'instance:create',
    { type: 'plan', key: 'p', attributes: { share_ppm: 5 } },
    {
      claims: { eth_address: WALLET, email: 'ada@example.org', kyc_level: 3 },
      context: { keys: 1, bearer_token: 'SECRET-1', nested: { password: 'SECRET-2', region: 'eu' } },
    },
  );
  return {
    atMs: Date.UTC(2026, 0, 1),
    occasion: 'token',
    party: partyOf(WALLET),
    clientId: 'app',
    resource: { id: 'r-1', type: 'plan', key: 'p' },
    scopes: ['instance:create'],
    outcome: 'permit',
    reason: 'policies/x.cedar:1 open',
    policies: ['policies/x.cedar:1 open'],
    claimNames: ['kyc_level', 'eth_address', 'email'],
    policySet: 'ab'.repeat(32),
    request,
    ...more,
  };
}

describe('decision log', () => {
  let database: TestDatabase;
  let log: QueryableDecisionLog;
  before(async () => {
    database = await testDatabase();
    log = createDecisionLog(database.dataSource);
  });
  after(() => database.drop());

  it('keeps the question for replay, claims by name, no value that identifies more than the subject, no secret', async () => {
    await log.record(decision());
    const [row] = await log.query({ party: partyOf(WALLET), limit: 1 });
    expect(row?.claimNames).to.deep.equal(['email', 'eth_address', 'kyc_level']);
    const question = row?.question as AssessRequest;
    expect(question.claims).to.deep.equal({ eth_address: WALLET });
    expect(question.context).to.deep.equal({ keys: 1, nested: { region: 'eu' } });
    expect(question.resource.attributes).to.deep.equal({ share_ppm: 5 });
    expect(JSON.stringify(row)).to.not.match(/SECRET|ada@example/);
  });

  it('is append-only: UPDATE, DELETE and TRUNCATE are refused', async () => {
    await log.record(decision());
    for (const sql of [
      'UPDATE policy_decision SET outcome = $$deny$$',
      'DELETE FROM policy_decision',
      'TRUNCATE policy_decision',
    ]) {
      const message = await database.dataSource.query(sql).then(() => 'done', reasonOf);
      expect(message).to.include('append-only');
    }
  });

  describe('retention', () => {
    const DAY_MS = 86_400_000;
    const forget = (days: number) =>
      forgetDecisionsJob(database.dataSource, days, silent).run(new AbortController().signal);
    const ages = async (party: string) => {
      const rows = await log.query({ party, limit: 1_000 });
      return rows.map(({ decidedAt }) => Math.round((Date.now() - decidedAt.getTime()) / DAY_MS));
    };
    const remove = (party: string) =>
      database.dataSource.query('DELETE FROM policy_decision WHERE party = $1', [party]).then(() => 'done', reasonOf);

    it('what has reached its age goes, in batches, and nothing else', async () => {
      const party = 'client:aged';
      for (const days of [0, 29, 31, 400]) await log.record(decision({ party, atMs: Date.now() - days * DAY_MS }));
      await database.dataSource.query(
        `INSERT INTO policy_decision (decided_at, occasion, party, client_id, resource_id, resource_type, resource_key, scopes,
           outcome, reason, policies, claim_names, policy_set)
         SELECT now() - interval '31 days', 'guard', 'client:many', 'c', 'r', 't', 'k', '{}', 'deny', '', '{}', '{}', ''
         FROM generate_series(1, 20_001)`,
      );
      await forget(30);
      expect(await ages(party)).to.deep.equal([29, 0]);
      expect(await log.query({ party: 'client:many', limit: 10 })).to.deep.equal([]);
    });

    it('a DELETE by hand of what is younger is refused, wholly; of what is older it is not', async () => {
      const party = 'client:by-hand';
      for (const days of [10, 40]) await log.record(decision({ party, atMs: Date.now() - days * DAY_MS }));
      await forget(60);
      expect(await remove(party)).to.include('append-only');
      expect(await ages(party)).to.deep.equal([40, 10]);
      await forget(30);
      expect(await ages(party)).to.deep.equal([10]);
      await forget(5);
      expect(await ages(party)).to.deep.equal([]);
    });

    it('stops between batches when it is told to', async () => {
      const party = 'client:stopped';
      await log.record(decision({ party, atMs: Date.now() - 100 * DAY_MS }));
      await forgetDecisionsJob(database.dataSource, 30, silent).run(AbortSignal.abort());
      expect(await ages(party)).to.deep.equal([100]);
    });
  });

  it('joins the caller’s transaction', async () => {
    const undone = database.dataSource.transaction(async (manager) => {
      await log.record(decision({ party: 'client:undone' }), manager);
      throw new Error('undo');
    });
    expect(await undone.then(() => '', reasonOf)).to.equal('undo');
    expect(await log.query({ party: 'client:undone', limit: 10 })).to.deep.equal([]);
  });

  it('a question too large for a decision is left out, the decision is not', async () => {
    const context = { graffiti: 'x'.repeat(20_000) };
    await log.record(
      decision({
        party: 'client:large',
        request: { ...ask(wallet(WALLET), 'read', { type: 'plan', key: 'p' }), context },
      }),
    );
    const [row] = await log.query({ party: 'client:large', limit: 1 });
    expect(row?.question).to.equal(null);
  });

  describe('GET /decisions', () => {
    let server: Server;
    let uri: string;
    before(async () => {
      const app = new Koa();
      app.use(decisionRoutes({ decisions: log, guard: guardOf('Bearer good'), resourceId: () => 'policies' }).routes());
      server = app.listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/decisions`;
      for (const outcome of ['permit', 'deny', 'deny'] as const)
        await log.record(decision({ party: 'client:paged', outcome }));
    });
    after(() => {
      server.closeAllConnections();
      server.close();
    });
    const get = (query: string, authorization = 'Bearer good') =>
      fetch(`${uri}${query}`, { headers: { authorization } });

    it('answers newest first, by filter, in pages', async () => {
      const first = (await (await get('?party=client:paged&limit=2')).json()) as {
        decisions: { outcome: string }[];
        next_before: string;
      };
      expect(first.decisions.map((one) => one.outcome)).to.deep.equal(['deny', 'deny']);
      const rest = (await (
        await get(`?party=client:paged&limit=2&before=${first.next_before}`)
      ).json()) as typeof first;
      expect(rest.decisions.map((one) => one.outcome)).to.deep.equal(['permit']);
      expect(rest.next_before).to.equal(undefined);
    });

    it('exports all that fit as NDJSON, one decision a line, beyond a page', async () => {
      await database.dataSource.query(
        `INSERT INTO policy_decision (decided_at, occasion, party, client_id, resource_id, resource_type, resource_key, scopes,
           outcome, reason, policies, claim_names, policy_set)
         SELECT now(), 'guard', 'client:exported', 'c', 'r', 't', 'k', '{read}', 'deny', '', '{}', '{}', '' FROM generate_series(1, 2_345)`,
      );
      const ids = async (query: string) => {
        const headers = { authorization: 'Bearer good', accept: 'application/x-ndjson' };
        const answer = await fetch(`${uri}${query}`, { headers });
        expect(answer.headers.get('content-type')).to.equal('application/x-ndjson');
        expect(answer.headers.get('cache-control')).to.equal('no-store');
        const text = (await answer.text()).trimEnd();
        return text.split('\n').map((line) => Number((JSON.parse(line) as { id: string }).id));
      };
      const all = await ids('?party=client:exported');
      expect(all).to.have.length(2_345);
      expect(all).to.deep.equal([...new Set(all)].sort((one, other) => other - one));
      expect(await ids('?party=client:exported&limit=1001')).to.deep.equal(all.slice(0, 1_001));
    });

    it('401 with a ticket without a permission; 400 names the parameter; never cached', async () => {
      const refused = await get('', 'Bearer bad');
      expect(refused.status).to.equal(401);
      expect(refused.headers.get('www-authenticate')).to.match(/^UMA .*ticket="t"/);
      for (const query of [
        '?limit=0',
        '?limit=x',
        '?before=x',
        '?since=x',
        '?zzz=1',
        '?party=a&party=b',
        '?outcome=submit',
        '?party=%00',
      ]) {
        const bad = await get(query);
        expect(bad.status).to.equal(400);
        expect(bad.headers.get('cache-control')).to.equal('no-store');
      }
    });
  });
});

/** Grants one credential and challenges the others: what the route needs of a guard. */
function guardOf(good: string): Guard {
  const challenge = {
    headers: { 'WWW-Authenticate': 'UMA realm="r", as_uri="a", ticket="t"' },
    ticket: 't',
    asUri: 'a',
  };
  const subject = {
    kind: 'operator',
    party: 'client:o',
    clientId: 'o',
    claims: {},
    permissions: [],
    proofOfPossession: false,
  } as const;
  return {
    identify: async () => subject,
    check: async (request) =>
      request.headers.authorization === good ? { kind: 'granted', subject } : { kind: 'challenge', challenge },
    challenge: async () => challenge,
    confirm: async () => true,
    decide: async () => ({ outcome: 'permit', reason: '', policies: [] }),
  };
}
