import { parentPort, workerData } from 'node:worker_threads';
import { PolicyFault } from './fault.js';
import type { PolicyFiles } from './files.js';
import { loadPolicySet } from './load.js';
import type { ValidationAnswer } from './validate-apart.js';

parentPort?.postMessage(answer(workerData as PolicyFiles));

function answer(files: PolicyFiles): ValidationAnswer {
  try {
    loadPolicySet(files);
    return { faults: [] };
  } catch (thrown) {
    if (thrown instanceof PolicyFault) return { faults: thrown.faults };
    throw thrown;
  }
}
