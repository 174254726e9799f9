import { asChild } from '../child.js';
import { nightlyRuns } from '../shop/measured.js';

/** Copies the views of a shop, night after night. */
await asChild(async (given: Parameters<typeof nightlyRuns>[0]) => ({ ready: await nightlyRuns(given) }));
