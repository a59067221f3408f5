import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { RequestingParty } from '../../src/cli/requesting-party.js';

/** A wallet of its own that knows the UMA dance, through HTTP only; the steps it went are kept. */
export function walletParty(baseUrl: string): { party: RequestingParty; address: string; steps: string[] } {
  const wallet = privateKeyToAccount(generatePrivateKey());
  const steps: string[] = [];
  const party = new RequestingParty({
    baseUrl,
    clientId: 'ovsb-cli',
    chainId: 31337,
    wallet,
    approvalTimeoutSeconds: 30,
    progress: (step) => steps.push(step),
  });
  return { party, address: wallet.address.toLowerCase(), steps };
}
