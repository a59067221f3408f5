import { parentPort, workerData } from 'node:worker_threads';
import { PolicyFault } from './fault.js';
import { loadPolicySet } from './load.js';
import { documentFaults } from './owner/check-documents.js';
import type { ValidationAnswer, ValidationTask } from './validate-apart.js';

parentPort?.postMessage(answer(workerData as ValidationTask));

function answer(task: ValidationTask): ValidationAnswer {
  if ('documents' in task) return { faults: documentFaults(task.documents, task.schema) };
  try {
    loadPolicySet(task.files);
    return { faults: [] };
  } catch (thrown) {
    if (thrown instanceof PolicyFault) return { faults: thrown.faults };
    throw thrown;
  }
}
