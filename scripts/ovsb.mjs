#!/usr/bin/env node
import { prepare } from './bootstrap.mjs';

await prepare();
const { runCli } = await import('../dist/src/cli/index.js');
await runCli(process.argv.slice(2));
