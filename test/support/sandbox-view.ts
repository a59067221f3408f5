import { fetchJson } from '../../src/cli/uma-client.js';

export interface Signature {
  readonly validator_client: string;
  readonly slot: number;
  readonly kind: string;
}

/** The referee's count of slashable pairs. */
export async function slashablePairs(baseUrl: string): Promise<unknown[]> {
  const { body } = await fetchJson(`${baseUrl}/sandbox/referee`);
  return body.slashable as unknown[];
}

/** Every signature the referee saw of one key, oldest first. */
export async function signaturesOf(baseUrl: string, publicKey: string): Promise<Signature[]> {
  const answer = await fetch(`${baseUrl}/sandbox/referee/signatures?public_key=${publicKey}`);
  return (await answer.json()) as Signature[];
}
