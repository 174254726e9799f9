import { createRequire } from 'node:module';

/** The version of this package, from its manifest. */
export const packageVersion = (createRequire(import.meta.url)('vivace/package.json') as { version: string })
  .version;
