/** What `npm start` runs: prepares the example once, then serves it until it is told to stop. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { loadServer, messageOf, offlineStore, type Server } from 'vivace';
import { configuration, directory } from './spine.js';

/** Feature rows up to and including those of this day are materialized. */
const until = '2001-06-15';
const marker = `${directory}data/prepared.json`;

/** What the online store holds, so that the next start need not fill it again. */
function contents(server: Server): string {
  return JSON.stringify({ until, views: [...server.views.values()].map(({ name, hash }) => [name, hash]) });
}

async function prepare(): Promise<void> {
  const server = await loadServer(configuration);
  const wanted = contents(server);
  if ((await readFile(marker, 'utf8').catch(() => '')) === wanted) return;
  process.stderr.write(`preparing features up to ${until}, once\n`);
  await server.startOnly(['history']);
  try {
    const history = server.container.get(offlineStore.id, { name: 'history' });
    for (const view of server.views.values()) {
      const from = performance.now();
      process.stderr.write(`  ${view.name} …`);
      const { rows } = await history.materialize(
        view,
        { untilMs: Date.parse(until) },
        { signal: AbortSignal.timeout(600_000) },
      );
      process.stderr.write(
        `\r  ${view.name}: ${rows} rows in ${((performance.now() - from) / 1000).toFixed(1)} s\n`,
      );
    }
    await mkdir(`${directory}data`, { recursive: true });
    await writeFile(marker, wanted);
  } finally {
    await server.stop();
  }
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

try {
  await prepare();
  const server = await loadServer(configuration);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.stop());
  await server.start();
  process.stderr.write(greeting(server.addresses()[0]!));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
