import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { AddressLimit } from '../../authz/rate-limit.js';

describe('Limits per address', () => {
  const BURST = 4;

  /** How many of so many requests at one moment pass, each from the next of these addresses. */
  function passing(addresses: readonly string[]): number {
    let next = 0;
    const limit = new AddressLimit({ nowMs: () => 0 }, 1, () => addresses[next++ % addresses.length] ?? '');
    return Array.from({ length: 100 }, () => limit.take({} as IncomingMessage)).filter(Boolean).length;
  }
  const of = (address: (n: number) => string) => Array.from({ length: 100 }, (_, n) => address(n));

  it('one host cannot have as many as its /64 has addresses', () => {
    expect(passing(['2001:db8::1'])).to.equal(BURST);
    expect(passing(of((n) => `2001:db8:0:1::${n.toString(16)}`))).to.equal(BURST);
    expect(
      passing(['2001:db8:0:1:2:3:4:5', '2001:0DB8::1:0:0:0:7', '2001:db8:0:1::', '2001:db8:0:1::1.2.3.4']),
    ).to.equal(BURST);
  });

  it('others are not starved', () => {
    expect(passing(of((n) => `2001:db8:0:${n.toString(16)}::1`))).to.equal(100);
    expect(passing(of((n) => `192.0.2.${n}`))).to.equal(100);
    expect(passing(['::1', '192.0.2.1', 'fe80::1', ''])).to.equal(4 * BURST);
  });
});
