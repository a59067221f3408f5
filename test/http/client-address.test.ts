import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { clientAddress } from '../../src/http/client-address.js';

const request = (remoteAddress: string, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

describe('the client address', () => {
  const rows: [string, string[], string, string | undefined, string][] = [
    ['is the peer', [], '203.0.113.9', undefined, '203.0.113.9'],
    ['is the peer, whatever an untrusted one says', [], '203.0.113.9', '10.0.0.1', '203.0.113.9'],
    ['is what a trusted proxy says', ['10.0.0.0/8'], '10.1.1.1', '203.0.113.9', '203.0.113.9'],
    [
      'skips further trusted proxies only',
      ['10.0.0.0/8'],
      '::ffff:10.1.1.1',
      '1.1.1.1, 203.0.113.9, 10.2.2.2',
      '203.0.113.9',
    ],
    ['does not believe garbage', ['10.0.0.0/8'], '10.1.1.1', 'unknown', '10.1.1.1'],
  ];
  for (const [name, trusted, peer, forwarded, expected] of rows) {
    it(name, () => expect(clientAddress(trusted)(request(peer, forwarded))).to.equal(expected));
  }
});
