import { parse } from 'yaml';
import {
  columnOf,
  createServer,
  FeatureRows,
  onlineStore,
  type FeatureView,
  type Keys,
  type Server,
} from 'vivace';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';
import { readText } from '../support/repository.js';
import { randomNumbers } from './random.js';

/** How many rows a synthetic store has: one per airport, and one route to each airport from one of the origins. */
export interface FlightStoreSize {
  readonly airports: number;
  readonly origins: number;
}

/** Half of them airports, half routes: 1,000,000 rows. */
export const fullSize: FlightStoreSize = { airports: 500_000, origins: 5 };

/** The views of the flights example that are fetched per object. */
export function flightViews(): Record<'airport_delay' | 'route_delay', never> {
  const { views } = parse(readText('examples/flights/vivace.yaml')) as { views: Record<string, never> };
  return { airport_delay: views['airport_delay'] as never, route_delay: views['route_delay'] as never };
}

/** The same, compiled. */
export function compiledViews(): ReadonlyMap<string, FeatureView> {
  const compiled = Object.entries(flightViews()).map(
    ([name, view]) => [name, compileView(name, viewSchema.parse(view))] as const,
  );
  return new Map(compiled);
}

/** The day of every row; requests depart on it. */
export const eventTimeMicros = Date.parse('2001-06-15T00:00:00Z') * 1000;
export const departure = '2001-06-15T08:30:00Z';

export function airportCode(index: number): string {
  return `A${index.toString(36).toUpperCase().padStart(4, '0')}`;
}

/** The origin from which there is a route to a destination. */
export function originOf(destination: number, { airports, origins }: FlightStoreSize): string {
  return airportCode(Math.floor((destination * origins) / airports));
}

/** A server of the store alone: what fills it, and what cases in process read through. */
export async function openFlightStore(path: string): Promise<Server> {
  const server = await createServer({
    parts: { hot: { use: 'lmdb', path, noSync: true }, online: { use: 'online-store', store: 'hot' } },
    views: flightViews(),
    pipelines: {},
  });
  return server.startOnly(['online']);
}

/** Writes every row, through the online store itself; the same values in every run. */
export async function fillFlightStore(path: string, size: FlightStoreSize): Promise<void> {
  const server = await openFlightStore(path);
  const store = server.part(onlineStore, 'online');
  const random = randomNumbers(size.airports);
  for (const [name, keysOf] of [
    ['airport_delay', (at: number) => [airportCode(at)]],
    ['route_delay', (at: number) => [originOf(at, size), airportCode(at)]],
  ] as const) {
    const view = server.views.get(name)!;
    const open = store.open(view);
    for (let from = 0; from < size.airports; from += batchRows) {
      const count = Math.min(batchRows, size.airports - from);
      const keys = Array.from({ length: count }, (_, row) => keysOf(from + row));
      await open.write(keysFrom(view, keys), randomRows(view, count, random), {
        signal: new AbortController().signal,
      });
    }
  }
  await server.stop();
}
const batchRows = 10_000;

function keysFrom({ entity }: FeatureView, keys: readonly (readonly string[])[]): Keys {
  const columns = new Map(
    entity.map(({ name, type }, i) => [
      name,
      columnOf(
        type,
        keys.map((key) => key[i] as string),
      ),
    ]),
  );
  return { rows: keys.length, time: 0, column: (name) => columns.get(name)! };
}

/** Values in [0, 1), where the thresholds of the bench's models lie. */
function randomRows({ features }: FeatureView, count: number, random: () => number): FeatureRows {
  const rows = new FeatureRows(features, count);
  rows.eventTime.fill(eventTimeMicros);
  rows.availableTime.fill(eventTimeMicros);
  for (const { values } of rows.columns) for (let row = 0; row < count; row++) values[row] = random();
  rows.setAllPresent();
  return rows;
}
