import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describePlan, loadServer, offlineStore, type ServerOf } from 'vivace';
import { createFlights, type FlightsServer } from '../../examples/flights/flights.js';
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
  let yaml: ServerOf;
  let code: FlightsServer;

  before(async () => {
    workspace = mkdtempSync(join(tmpdir(), 'vivace-flights-'));
    const override = { hot: { use: 'memory' }, disk: { use: 'filesystem', path: workspace } };
    yaml = await loadServer(configuration, {
      override: { ...override, web: { use: 'memory' }, log: { use: 'pino', level: 'error' } },
    });
    code = await createFlights(override);
    for (const server of [yaml, code]) {
      await server.start();
      const history = server.part(offlineStore, 'history');
      for (const view of server.views.values())
        await history.materialize(view, { untilMs: Date.parse('2001-06-15') }, never);
    }
  });
  after(async () => {
    await yaml.stop();
    await code.stop();
    rmSync(workspace, { recursive: true });
  });

  it('compile to the same plan', () => {
    const [fromYaml, fromCode] = [yaml, code].map(({ plans }) => describePlan(plans.get('rank-flights')!));
    expect(fromCode).to.deep.equal(fromYaml);
  });

  it('give the same answer, best destination first', async () => {
    const fromYaml = await yaml.predict('rank-flights', body, { requestId: 'r' });
    expect(await code.predict('rank-flights', body, { requestId: 'r' })).to.deep.equal(fromYaml);
    const { objects } = fromYaml as unknown as { objects: { delay: number }[] };
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
