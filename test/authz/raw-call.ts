import { request } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  /** Names and values, a line each. */
  readonly headers: string;
  readonly text: string;
}

/** Bytes as they are: fetch would mend or refuse half of these. */
export function raw(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        const { statusCode: status = 0, rawHeaders } = response;
        response.on('end', () => resolve({ status, headers: rawHeaders.join('\n'), text }));
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}
