import { Worker } from 'node:worker_threads';
import { type Fault, PolicyFault } from './fault.js';
import type { PolicyFiles } from './files.js';
import type { OwnerText } from './owner/check-documents.js';

/** What the worker is given: all files of a set, or owners' documents and the schema they must fit. */
export type ValidationTask =
  | { readonly files: PolicyFiles }
  | { readonly documents: readonly OwnerText[]; readonly schema: string };

/** What the worker answers. */
export interface ValidationAnswer {
  readonly faults: readonly Fault[];
}

/** A validation that takes longer is given up; a thousand policies take about half a second. */
const DEADLINE_MS = 30_000;

/** Checks the files in a thread of its own, so that no request waits for it. Rejects with `PolicyFault` for bad files. */
export async function validateApart(files: PolicyFiles): Promise<void> {
  const faults = await inWorker({ files });
  if (faults.length > 0) throw new PolicyFault(faults);
}

/** The faults of owners' documents, found likewise. Rejects when they could not be checked. */
export function documentFaultsApart(documents: readonly OwnerText[], schema: string): Promise<readonly Fault[]> {
  return inWorker({ documents, schema });
}

async function inWorker(task: ValidationTask): Promise<readonly Fault[]> {
  const worker = new Worker(new URL('./validate-worker.js', import.meta.url), { workerData: task });
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
    return answer.faults;
  } finally {
    await worker.terminate();
  }
}
