import type { BenchCase } from './bench-case.js';

interface CaseFile {
  /** The module in `cases/`, without its extension. */
  readonly module: string;
  /** About how long one run takes. */
  readonly seconds: number;
}

/** Every case, by the name that the command line takes. */
export const caseFiles: Readonly<Record<string, CaseFile>> = {
  a: { module: 'rank', seconds: 60 },
  b: { module: 'one-row', seconds: 60 },
  c: { module: 'fetch', seconds: 60 },
  d: { module: 'overhead', seconds: 60 },
  e: { module: 'materialize', seconds: 60 },
  f: { module: 'start', seconds: 60 },
  g: { module: 'guard', seconds: 60 },
  redis: { module: 'redis', seconds: 60 },
  'redis-materialize': { module: 'redis-materialize', seconds: 60 },
  couchbase: { module: 'couchbase', seconds: 60 },
  'couchbase-materialize': { module: 'couchbase-materialize', seconds: 60 },
};

/** A case of this build. */
export async function loadCase(name: string): Promise<BenchCase> {
  const module = (await import(`./cases/${caseFiles[name]!.module}.js`)) as { readonly benchCase: BenchCase };
  return module.benchCase;
}
