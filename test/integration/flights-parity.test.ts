import { DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asOf, cellAt, offlineStore, trainingParts, type AsOfBlock, type Plan, type Server } from 'vivace';
import { explainNode as explainedRow } from '../../core/json/explain.js';
import { explainNode } from '../../core/pipeline/explain.js';
import { createFlights, type FlightsServer } from '../../examples/flights/flights.js';

const day = '2001-06-15';
const never = { signal: new AbortController().signal };
const flightsFile = 'node_modules/vega-datasets/data/flights-3m.parquet';

/** Every flight of the day as a request, duplicates and outliers too. */
const everyFlight = {
  table: 'flights-3m.parquet',
  time: 'date',
  request: { departure: 'date' },
  from: day,
  to: '2001-06-16',
};

interface Flight {
  readonly origin: string;
  readonly destination: string;
  readonly departure: string;
  /** Alias → status, times and features, as `explain` tells them. */
  readonly nodes: Readonly<Record<string, ExplainedNode>>;
}

interface ExplainedNode {
  readonly status?: string;
  readonly eventTime?: string;
  readonly features: Readonly<Record<string, { readonly value: number | null; readonly status: string }>>;
}

/** All flights as the as-of executor sees them. */
async function asOfFlights(server: Server): Promise<Flight[]> {
  const flights: Flight[] = [];
  await asOf(
    server,
    { pipeline: 'rank-flights', spine: everyFlight },
    async (blocks, { plan }) => {
      for await (const block of blocks) collect(flights, block, plan);
    },
    never,
  );
  return flights;
}

function collect(flights: Flight[], { frame }: AsOfBlock, plan: Plan): void {
  const column = (name: string) => frame.column(plan.columns.find((other) => other.name === name)!.place);
  const nodes = plan.nodes.filter((node) => node.verb !== 'predict');
  for (let row = 0; row < frame.requests; row++) {
    flights.push({
      origin: cellAt(column('request.origin'), row) as string,
      destination: cellAt(column('object.destination'), row) as string,
      departure: new Date(frame.time[row]! / 1000).toISOString(),
      nodes: Object.fromEntries(
        nodes.map((node) => [node.alias, explainedRow(explainNode(node, frame), row) as ExplainedNode]),
      ),
    });
  }
}

/** The same flights as online requests: one per origin and departure, its destinations as objects. */
async function differencesOnline(server: FlightsServer, flights: readonly Flight[]): Promise<string[]> {
  const requests = new Map<string, Flight[]>();
  for (const flight of flights) {
    const name = `${flight.origin} ${flight.departure}`;
    requests.set(name, [...(requests.get(name) ?? []), flight]);
  }
  const differences: string[] = [];
  for (const [name, group] of requests) {
    const { origin, departure } = group[0]!;
    const answer = await server.predict('rank-flights', {
      request: { origin, departure },
      objects: group.map(({ destination }) => ({ destination })),
      explain: true,
    });
    const { request, objects } = answer.explain as { request: object; objects: object[] };
    group.forEach((flight, i) => {
      const online = { ...request, ...objects[i] } as Record<string, unknown>;
      for (const [alias, expected] of Object.entries(flight.nodes)) {
        const [got, wanted] = [JSON.stringify(online[alias]), JSON.stringify(expected)];
        if (got !== wanted)
          differences.push(`${name} → ${flight.destination} ${alias}: online ${got}, as of ${wanted}`);
      }
    });
  }
  return differences;
}

describe('flights: online and as-of', function () {
  this.timeout(300_000);
  let server: FlightsServer;
  let flights: Flight[];
  let workspace: string;

  before(async () => {
    workspace = mkdtempSync(join(tmpdir(), 'vivace-flights-'));
    server = await createFlights({ hot: { use: 'memory' }, disk: { use: 'filesystem', path: workspace } });
    await server.start();
    const history = server.part(offlineStore, 'history');
    for (const view of server.views.values())
      await history.materialize(view, { untilMs: Date.parse(day) }, never);
    flights = await asOfFlights(server);
  });
  after(async () => {
    await server.stop();
    rmSync(workspace, { recursive: true });
  });

  it('has all 16,503 flights of 2001-06-15', () => {
    expect(flights).to.have.length(16_503);
  });

  it('gives online what it gives as of the departure: every value, every status, every time', async () => {
    expect((await differencesOnline(server, flights)).slice(0, 3)).to.deep.equal([]);
  });

  it('gives at least 40 numeric features', () => {
    const numeric = Object.values(flights[0]!.nodes)
      .flatMap((node) => Object.values(node.features ?? node))
      .filter(
        (feature) =>
          typeof (typeof feature === 'object' && feature !== null
            ? (feature as { value: unknown }).value
            : feature) === 'number',
      );
    expect(numeric.length).to.be.at.least(40);
  });

  it('uses only flights before the day of the request: the raw flights, counted by hand, say the same', async () => {
    const expected = await countByHand();
    const wrong: string[] = [];
    for (const { origin, destination, nodes } of flights) {
      for (const [alias, key] of [
        ['here', origin],
        ['there', destination],
        ['route', `${origin} ${destination}`],
      ] as const) {
        for (const [name, wanted] of Object.entries(expected.get(key) ?? {})) {
          const got = nodes[alias]!.features[name]?.value ?? null;
          const close =
            got === null || wanted === null
              ? got === wanted
              : Math.abs(got - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted));
          if (!close) wrong.push(`${alias} ${key} ${name}: ${got}, by hand ${wanted}`);
        }
      }
    }
    expect(wrong.slice(0, 3)).to.deep.equal([]);
    expect(expected.size).to.be.above(3000);
  });

  it('builds training rows from no flight of the day itself or later', async () => {
    expect(trainingParts(server, { pipeline: 'rank-flights' })).to.include('history');
    for (const { nodes, departure } of flights) {
      for (const alias of ['here', 'there', 'route']) {
        const { eventTime } = nodes[alias]!;
        if (eventTime !== undefined) expect(Date.parse(eventTime)).to.be.at.most(Date.parse(departure));
      }
    }
  });
});

/** Per airport and per route the features of the day, from the raw flights, with DuckDB's own aggregates and no code of the views. */
async function countByHand(): Promise<Map<string, Record<string, number | null>>> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const features = [1, 7, 28].flatMap((window) => {
    const within = `FILTER (date >= TIMESTAMP '${day}' - INTERVAL ${window} DAY)`;
    return [
      `count(*) ${within} AS departures_${window}d`,
      `avg(delay) ${within} AS delay_mean_${window}d`,
      `stddev_samp(delay) ${within} AS delay_stddev_${window}d`,
      `avg((delay > 15)::INT) ${within} AS over_15_${window}d`,
      `avg((delay > 60)::INT) ${within} AS over_60_${window}d`,
    ];
  });
  const from = `FROM (SELECT DISTINCT * FROM '${flightsFile}')
    WHERE delay BETWEEN -90 AND 720 AND date < TIMESTAMP '${day}' AND date >= TIMESTAMP '${day}' - INTERVAL 28 DAY`;
  const found = new Map<string, Record<string, number | null>>();
  for (const key of ['origin', `origin || ' ' || destination`]) {
    const rows = await connection.runAndReadAll(
      `SELECT ${key} AS key, ${features.join(', ')} ${from} GROUP BY 1`,
    );
    for (const { key: name, ...values } of rows.getRowObjectsJS()) {
      const numbers = Object.entries(values).map(([feature, value]) => [
        feature,
        value === null ? null : Number(value),
      ]);
      found.set(name as string, Object.fromEntries(numbers) as Record<string, number | null>);
    }
  }
  connection.closeSync();
  return found;
}
