import { main } from './cli/index.js';

await main(process.argv.slice(2), async () => (await import('./app/offline/operations.js')).operations);
