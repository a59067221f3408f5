import { reasonOf } from './errors.js';
import type { Logger } from './logger.js';

/** What was opened, to be closed in the opposite order; one that fails to close does not keep the others open. */
export interface Closers {
  add(name: string, close: () => unknown): void;
  /** Does it once, however often it is called. */
  close(): Promise<void>;
}

export function createClosers(logger: Logger): Closers {
  const closers: { name: string; close: () => unknown }[] = [];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    for (let last = closers.pop(); last; last = closers.pop()) {
      try {
        await last.close();
      } catch (failure) {
        logger.error({ part: last.name, reason: reasonOf(failure) }, 'did not close cleanly');
      }
    }
  };
  return {
    add: (name, close) => closers.push({ name, close }),
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}
