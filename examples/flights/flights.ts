import { createServer, definePipeline, type PartDeclaration, type ServerOf } from 'vivace';
import { directory } from './spine.js';

/** Departures, delays and shares of late flights over the last day, week and four weeks. */
const delays = {
  departures: { aggregate: 'count', windowDays: [1, 7, 28], default: 0 },
  delay_mean: { aggregate: 'mean', of: 'delay', windowDays: [1, 7, 28], unit: 'min' },
  delay_stddev: { aggregate: 'stddev', of: 'delay', windowDays: [1, 7, 28], unit: 'min' },
  over_15: { aggregate: 'share', of: 'delay', above: 15, windowDays: [1, 7, 28] },
  over_60: { aggregate: 'share', of: 'delay', above: 60, windowDays: [1, 7, 28] },
} as const;

const flights = {
  table: 'flights-3m.parquet',
  eventTime: 'date',
  availableTime: 'date',
  distinct: true,
  where: { delay: { min: -90, max: 720 } },
};

const twoDaysMs = 2 * 86_400_000;

const rankFlights = definePipeline({
  description: 'Ranks destinations by expected arrival delay',
  request: { origin: 'string', departure: 'timestamp' },
  time: 'request.departure',
  objects: { fields: { destination: 'string' }, max: 2000 },
  steps: [
    { fetch: 'airport_delay', as: 'here', key: { airport: 'request.origin' } },
    { fetch: 'airport_delay', as: 'there', key: { airport: 'object.destination' } },
    {
      fetch: 'route_delay',
      as: 'route',
      key: { origin: 'request.origin', destination: 'object.destination' },
      cache: { in: 'recent', ttlMs: 60_000 },
    },
    { fetch: 'airport_facts', as: 'from', key: { airport: 'request.origin' } },
    { fetch: 'airport_facts', as: 'to', key: { airport: 'object.destination' } },
    { transform: 'calendar' },
    { predict: 'delays' },
  ],
  response: { outputs: { delay: 'delays.delay', airport: 'to.name' }, orderBy: 'delay' },
});

export type FlightsServer = ServerOf<{ 'rank-flights': typeof rankFlights }>;

/** The server of vivace.yaml, in code and without HTTP: `override` replaces parts, as a test does. */
export function createFlights(
  override: Readonly<Record<string, PartDeclaration>> = {},
): Promise<FlightsServer> {
  return createServer({
    directory,
    parts: {
      hot: { use: 'lmdb', path: './data/online' },
      lake: { use: 'duckdb', directory: '../../node_modules/vega-datasets/data' },
      online: { use: 'online-store', store: 'hot' },
      history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
      bucket: { use: 'filesystem', path: './models' },
      disk: { use: 'filesystem', path: './data/models' },
      models: { use: 'model-repository', blobs: 'bucket', workspace: 'disk' },
      onnx: { use: 'onnxruntime' },
      delays: {
        use: 'model-predictor',
        model: 'flight-delays@champion',
        repository: 'models',
        runtime: 'onnx',
      },
      ram: { use: 'keyv' },
      recent: { use: 'cache', store: 'ram' },
      calendar: { use: 'calendar' },
    },
    views: {
      airport_delay: {
        store: 'online',
        description: 'Arrival delays of the flights that left an airport, by whole days before the row',
        entity: { airport: 'string' },
        source: { ...flights, key: { airport: 'origin' } },
        maxAgeMs: twoDaysMs,
        features: delays,
      },
      route_delay: {
        store: 'online',
        description: 'The same for one route, and its length',
        entity: { origin: 'string', destination: 'string' },
        source: flights,
        maxAgeMs: twoDaysMs,
        features: { ...delays, distance: { aggregate: 'mean', of: 'distance', windowDays: 28, unit: 'mi' } },
      },
      airport_facts: {
        store: 'online',
        entity: { airport: 'string' },
        source: { table: 'airports.csv', key: { airport: 'iata' } },
        features: {
          name: { type: 'string' },
          state: { type: 'string' },
          latitude: { type: 'float64', unit: 'deg' },
          longitude: { type: 'float64', unit: 'deg' },
        },
      },
    },
    pipelines: { 'rank-flights': rankFlights },
    override,
  });
}
