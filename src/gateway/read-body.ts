import type { IncomingMessage } from 'node:http';

/** Reads a body of at most `limit` bytes. `done` is called once; `gone`: the caller went away. */
export function readBody(
  request: IncomingMessage,
  limit: number,
  done: (body: Buffer | 'too-large' | 'gone') => void,
): void {
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    done('too-large');
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let size = 0;
  let settled = false;
  const settle = (body: Buffer | 'too-large' | 'gone'): void => {
    if (settled) return;
    settled = true;
    done(body);
  };
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > limit) return settle('too-large');
    if (first === undefined) first = chunk;
    else {
      chunks ??= [first];
      chunks.push(chunk);
    }
  });
  request.on('end', () => settle(chunks === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(chunks)));
  request.on('error', () => settle('gone'));
  request.on('close', () => settle('gone'));
}
