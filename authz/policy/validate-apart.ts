import { Worker } from 'node:worker_threads';
import { type Fault, PolicyFault } from './fault.js';
import type { PolicyFiles } from './files.js';

/** What the worker answers. */
export interface ValidationAnswer {
  readonly faults: readonly Fault[];
}

/** A validation that takes longer is given up; a thousand policies take about half a second. */
const DEADLINE_MS = 30_000;

/** Checks the files in a thread of its own, so that no request waits for it. Rejects with `PolicyFault` for bad files. */
export async function validateApart(files: PolicyFiles): Promise<void> {
  const worker = new Worker(new URL('./validate-worker.js', import.meta.url), { workerData: files });
  try {
    const answer = await new Promise<ValidationAnswer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('policy validation took too long')), DEADLINE_MS);
      timer.unref();
      worker.once('message', (message: ValidationAnswer) => {
        clearTimeout(timer);
        resolve(message);
      });
      worker.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    if (answer.faults.length > 0) throw new PolicyFault(answer.faults);
  } finally {
    await worker.terminate();
  }
}
