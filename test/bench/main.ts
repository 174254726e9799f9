import { cpus, loadavg } from 'node:os';
import { Workbench, type BenchCase, type Figure } from './bench-case.js';
import { table } from './table.js';

const cases: Readonly<Record<string, () => Promise<{ readonly benchCase: BenchCase }>>> = {
  a: () => import('./cases/rank.js'),
  b: () => import('./cases/one-row.js'),
  c: () => import('./cases/fetch.js'),
  d: () => import('./cases/overhead.js'),
  e: () => import('./cases/materialize.js'),
  f: () => import('./cases/start.js'),
  g: () => import('./cases/guard.js'),
  redis: () => import('./cases/redis.js'),
  'redis-materialize': () => import('./cases/redis-materialize.js'),
  couchbase: () => import('./cases/couchbase.js'),
  'couchbase-materialize': () => import('./cases/couchbase-materialize.js'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in cases));
if (unknown.length > 0) {
  console.error(`there is no case ${unknown.join(', ')}; there are ${Object.keys(cases).join(', ')}`);
  process.exit(2);
}
const bench = await Workbench.open();
const results: [string, readonly Figure[]][] = [];
try {
  for (const name of wanted.length > 0 ? wanted : Object.keys(cases)) {
    const { benchCase } = await cases[name]!();
    console.error(`(${name}) ${benchCase.title} …`);
    results.push([name, await benchCase.run(bench)]);
  }
} finally {
  await bench.close();
}
const processor = cpus()[0]?.model.replace(/\s+/g, ' ') ?? 'unknown';
console.log(
  `\n${cpus().length} cores (${processor}), Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)}\n`,
);
console.log(table(results));
