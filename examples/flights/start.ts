/** What `npm start` runs: prepares the example once, then serves it until it is told to stop. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadServer, materializeViews, messageOf, withServer, type Server, type ViewProgress } from 'vivace';
import { configuration, directory } from './spine.js';
import { stores, type StoreName } from './stores.js';

/** Feature rows up to and including those of this day are materialized. */
const until = '2001-06-15';
const marker = `${directory}data/prepared.json`;

const help = `Serves the flights example on http://127.0.0.1:8080 (PORT and HOST change that).

  npm start
  npm run example:flights -- --store redis

  --store <name>  where the features are kept: ${Object.keys(stores).join(', ')}; default lmdb, a directory of this machine.
                  redis reads REDIS_URL; couchbase COUCHBASE_URL, COUCHBASE_BUCKET, COUCHBASE_USERNAME, COUCHBASE_PASSWORD
`;

function load(store: string): Promise<Server> {
  if (!Object.hasOwn(stores, store)) {
    throw new Error(`there is no store "${store}": --store takes ${Object.keys(stores).join(', ')}`);
  }
  return loadServer(configuration, { override: { hot: stores[store as StoreName] } });
}

/** What the embedded store holds, so that the next start need not fill it again. */
function contents(server: Server): string {
  return JSON.stringify({ until, views: [...server.views.values()].map(({ name, hash }) => [name, hash]) });
}

async function prepare(store: string): Promise<void> {
  const server = await load(store);
  const wanted = contents(server);
  // Nothing is known of a store elsewhere: it may have been emptied since. Writing the same rows again changes nothing.
  const embedded = store === 'lmdb';
  if (embedded && (await readFile(marker, 'utf8').catch(() => '')) === wanted) return;
  process.stderr.write(`preparing features up to ${until}${embedded ? ', once' : `, in ${store}`}\n`);
  const onProgress = ({ view, phase, rows }: ViewProgress): void => {
    if (phase === 'begun') process.stderr.write(`  ${view}: `);
    if (phase === 'done') process.stderr.write(`${rows} rows\n`);
  };
  const signal = AbortSignal.timeout(600_000);
  await withServer(server, () =>
    materializeViews(server, { untilMs: Date.parse(until), onProgress }, { signal }),
  );
  if (!embedded) return;
  await mkdir(`${directory}data`, { recursive: true });
  await writeFile(marker, wanted);
}

function greeting(address: string): string {
  const request = { origin: 'ORD', departure: `${until}T17:30:00Z` };
  const objects = ['LGA', 'MSP', 'LAX', 'PHX', 'BOS'].map((destination) => ({ destination }));
  return [
    `serving on ${address}`,
    'try:',
    `  curl -s ${address}/v1/pipelines/rank-flights/predict -H 'content-type: application/json' \\`,
    `    -d '${JSON.stringify({ request, objects })}'`,
    `also: ${address}/openapi.json ${address}/health/ready ${address}/metrics`,
    '',
  ].join('\n');
}

function fail(error: unknown): void {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}

async function serve(store: string): Promise<void> {
  await prepare(store);
  const server = await load(store);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void server.stop().catch(fail));
  await server.start();
  process.stderr.write(greeting(server.addresses()[0]!));
}

try {
  const { values } = parseArgs({
    options: { store: { type: 'string', default: 'lmdb' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) process.stdout.write(help);
  else await serve(values.store);
} catch (error) {
  fail(error);
}
