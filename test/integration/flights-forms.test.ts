import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describePlan, loadServer, offlineStore, type Server } from 'vivace';
import { createFlights } from '../../examples/flights/flights.js';
import { configuration } from '../../examples/flights/spine.js';
import { runFlights } from '../support/flights-example.js';

const never = { signal: new AbortController().signal };
const body = {
  request: { origin: 'ORD', departure: '2001-06-15T17:30:00Z' },
  objects: ['LGA', 'MSP', 'nowhere', 'LAX', 'MSP'].map((destination) => ({ destination })),
  explain: true,
};

describe('flights: YAML and code', function () {
  this.timeout(120_000);
  let workspace: string;
  const servers: Server[] = [];

  before(async () => {
    workspace = mkdtempSync(join(tmpdir(), 'vivace-flights-'));
    const override = { hot: { use: 'memory' }, disk: { use: 'filesystem', path: workspace } };
    servers.push(
      await loadServer(configuration, {
        override: { ...override, web: { use: 'memory' }, log: { use: 'pino', level: 'error' } },
      }),
      (await createFlights(override)) as unknown as Server,
    );
    for (const server of servers) {
      await server.start();
      const history = server.container.get(offlineStore.id, { name: 'history' });
      for (const view of server.views.values())
        await history.materialize(view, { untilMs: Date.parse('2001-06-15') }, never);
    }
  });
  after(async () => {
    for (const server of servers) await server.stop();
    rmSync(workspace, { recursive: true });
  });

  it('compile to the same plan', () => {
    const [yaml, code] = servers.map((server) => describePlan(server.plans.get('rank-flights')!));
    expect(code).to.deep.equal(yaml);
  });

  it('give the same answer, best destination first', async () => {
    const [yaml, code] = await Promise.all(
      servers.map((server) => server.predict('rank-flights', body as never, { requestId: 'r' })),
    );
    expect(code).to.deep.equal(yaml);
    const { objects } = yaml as unknown as { objects: { delay: number }[] };
    const delays = objects.map((object) => object.delay);
    expect(delays).to.deep.equal([...delays].sort((a, b) => a - b));
    expect(objects).to.have.length(5);
  });
});

describe('flights: npm start', function () {
  this.timeout(120_000);

  it('prepares, serves, prints a curl that answers, and stops in good order', async () => {
    const { answer, exitCode } = await runFlights();
    const destinations = answer.objects.map((object) => object.destination);
    expect(destinations).to.have.members(['LGA', 'MSP', 'LAX', 'PHX', 'BOS']);
    expect(answer.degraded).to.deep.equal([]);
    expect(exitCode).to.equal(0);
  });
});
