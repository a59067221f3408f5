/** Runs HiGHS in a thread of its own: `solve` blocks, and an abort in wasm must not take the broker with it. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { SolverAnswer, SolverRequest } from './solver.js';

// The package's types describe its CommonJS form only.
const loadHighs = createRequire(import.meta.url)('highs') as typeof import('highs')['default'];
const highs = await loadHighs();

parentPort?.on('message', (request: SolverRequest) => {
  parentPort?.postMessage(answer(request));
});

function answer({ id, program, timeLimitSeconds, gap }: SolverRequest): SolverAnswer {
  try {
    const solution = highs.solve(program, {
      time_limit: timeLimitSeconds,
      presolve: 'off',
      parallel: 'off',
      output_flag: false,
      mip_rel_gap: 0,
      mip_abs_gap: gap,
    });
    const values: [string, number][] = [];
    for (const [name, column] of Object.entries(solution.Columns)) {
      if ('Primal' in column && column.Primal !== 0) values.push([name, column.Primal]);
    }
    const duals: [string, number][] = [];
    for (const row of solution.Rows) {
      if ('Dual' in row && row.Dual !== 0) duals.push([row.Name, row.Dual]);
    }
    return { id, status: solution.Status, objective: solution.ObjectiveValue, values, duals };
  } catch (thrown) {
    return { id, status: 'failed', objective: Number.NaN, values: [], duals: [], fault: String(thrown) };
  }
}
