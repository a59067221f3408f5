// npm start: whatever is missing first, then the broker in this very process, so that signals reach it.
import { prepare } from './bootstrap.mjs';

await prepare();
const { main } = await import('../dist/src/main.js');
await main(process.argv.slice(2));
