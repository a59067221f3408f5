import { once } from 'node:events';
import { createServer } from 'node:net';
import { DomainError } from '../errors.js';

/**
 * Refuses early what `listen` would refuse after everything else was started.
 * @throws DomainError `AddressTaken`, in words for people.
 */
export async function assertAddressFree(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be listened on (${code})`;
    throw new DomainError('AddressTaken', `${host}:${port} ${why}; stop that one, or set OVSB_PORT to another port`, {
      cause,
    });
  }
}
