/** A poll that meets the deletion half-way hears `in progress` or `succeeded`, never that there is nothing. */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type AuthorizedBroker, authorizedBroker } from '../support/authorized-broker.js';
import { ORGANIZATION } from '../support/broker.js';

const POLLERS = 8;
const DELETIONS = 5;

describe('OSB 2.17 last_operation while the instance goes', () => {
  let broker: AuthorizedBroker;
  before(async () => {
    broker = await authorizedBroker();
  });
  after(() => broker.close());

  it('16 20 every poll of a deprovision in progress is a 200', async () => {
    const ids = await broker.plan('validator-nimbus/geth');
    for (let deletion = 0; deletion < DELETIONS; deletion += 1) {
      const path = `/v2/service_instances/${randomUUID()}`;
      /** Polls until the operation is over; what was heard last. */
      const settled = async () => {
        for (;;) {
          const { status, body } = await broker.asPlatform('GET', `${path}/last_operation`);
          if (status !== 200 || body.state !== 'in progress') return `${status} ${body.state}`;
        }
      };
      await broker.asPlatform('PUT', `${path}?accepts_incomplete=true`, { ...ids, ...ORGANIZATION });
      expect(await settled()).to.equal('200 succeeded');
      const query = new URLSearchParams({ ...ids, accepts_incomplete: 'true' });
      expect((await broker.asPlatform('DELETE', `${path}?${query}`)).status).to.equal(202);
      const heard = await Promise.all(Array.from({ length: POLLERS }, settled));
      expect(new Set(heard)).to.deep.equal(new Set(['200 succeeded']));
    }
  });
});
