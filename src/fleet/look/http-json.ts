/** Answers of nodes are small; more is a fault of the node. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * One request to a node, answered with JSON.
 * @throws Error with a one-line reason: unreachable, late, another status than 2xx, no JSON, too long.
 */
export async function requestJson(
  url: string,
  options: {
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
    readonly headers?: Record<string, string>;
    readonly body?: unknown;
  },
): Promise<unknown> {
  const response = await fetch(url, {
    method: options.body === undefined ? 'GET' : 'POST',
    redirect: 'error',
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]),
    headers: {
      accept: 'application/json',
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
  });
  const text = await readLimited(response);
  if (!response.ok) throw new Error(`answered ${response.status}`);
  return JSON.parse(text) as unknown;
}

async function readLimited(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    const bytes = part as Uint8Array;
    size += bytes.length;
    if (size > MOST_BYTES) throw new Error(`answered more than ${MOST_BYTES} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}
