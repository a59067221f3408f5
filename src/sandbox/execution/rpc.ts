/** One JSON-RPC call over HTTP; throws with the node's message. */
export async function rpc<Result>(uri: string, method: string, params: readonly unknown[]): Promise<Result> {
  const response = await fetch(uri, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(3_000),
  });
  const answer = (await response.json()) as { result?: Result; error?: { message: string } };
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result as Result;
}
