import type { BenchCase } from './bench-case.js';

interface CaseFile {
  /** The module in `cases/`, without its extension. */
  readonly module: string;
  /** About how long one run takes. */
  readonly seconds: number;
}

/** Every case, by the name that the command line takes. */
export const caseFiles: Readonly<Record<string, CaseFile>> = {
  a: { module: 'rank', seconds: 115 },
  b: { module: 'one-row', seconds: 70 },
  c: { module: 'fetch', seconds: 8 },
  d: { module: 'overhead', seconds: 5 },
  e: { module: 'materialize', seconds: 40 },
  f: { module: 'start', seconds: 8 },
  g: { module: 'guard', seconds: 2 },
  overload: { module: 'overload', seconds: 150 },
  hostile: { module: 'hostile', seconds: 45 },
  oip: { module: 'open-inference', seconds: 90 },
  python: { module: 'python', seconds: 155 },
  redis: { module: 'redis', seconds: 40 },
  'redis-materialize': { module: 'redis-materialize', seconds: 40 },
  'rest-features': { module: 'rest-features', seconds: 30 },
  'redis-push': { module: 'redis-push', seconds: 30 },
  'redis-rank': { module: 'redis-rank', seconds: 150 },
  couchbase: { module: 'couchbase', seconds: 25 },
  'served-log': { module: 'served-log', seconds: 390 },
  'shop-training-sets': { module: 'shop-training-sets', seconds: 30 },
  'shop-materialize': { module: 'shop-materialize', seconds: 30 },
  'shop-million': { module: 'shop-million', seconds: 90 },
  'couchbase-materialize': { module: 'couchbase-materialize', seconds: 80 },
};

/** A case of this build. */
export async function loadCase(name: string): Promise<BenchCase> {
  const module = (await import(`./cases/${caseFiles[name]!.module}.js`)) as { readonly benchCase: BenchCase };
  return module.benchCase;
}
