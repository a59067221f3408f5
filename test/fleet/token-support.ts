import type { Hex } from 'viem';
import { nodeCall } from '../authz/claims/support/contract-account.js';

/** An ERC-20 by hand: `balanceOf` and `transfer`; a balance lies in the storage slot with its owner's address as number. */
const CODE: Hex = `0x${[
  '60003560e01c', // the selector
  '806370a0823114601d57', // balanceOf
  '63a9059cbb14602a57', // transfer
  '600080fd',
  '5b6004355460005260206000f3', // return sload(owner)
  '5b6024353354818110604f57', // the caller has less: revert
  '8190033355', // the caller's balance less the amount
  '6004358054', // the other's
  '9091019055', // more by the amount
  '600160005260206000f3', // true
  '5b600080fd',
].join('')}`;

const word = (value: bigint) => value.toString(16).padStart(64, '0');

export async function deployToken(uri: string, token: string): Promise<void> {
  await nodeCall(uri, 'anvil_setCode', [token, CODE]);
}

/** In the newest block. */
export async function mint(uri: string, token: string, owner: string, units: bigint): Promise<void> {
  await nodeCall(uri, 'anvil_setStorageAt', [token, `0x${word(BigInt(owner))}`, `0x${word(units)}`]);
  await nodeCall(uri, 'anvil_mine', ['0x1']);
}

export async function transfer(uri: string, token: string, from: string, to: string, units: bigint): Promise<void> {
  await nodeCall(uri, 'anvil_impersonateAccount', [from]);
  await nodeCall(uri, 'anvil_setBalance', [from, '0xde0b6b3a7640000']);
  const data = `0xa9059cbb${word(BigInt(to))}${word(units)}`;
  await nodeCall(uri, 'eth_sendTransaction', [{ from, to: token, data }]);
}

/** All that happened so far is final. */
export async function finalise(uri: string): Promise<void> {
  await nodeCall(uri, 'anvil_mine', ['0x60']);
}
