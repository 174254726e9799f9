/** Every metric that Vivace records, in one place; docs/operations.md lists them, and a test compares. */
export const metricNames = {
  requestDuration: { name: 'vivace.request.duration', unit: 's', description: 'Time to answer a request' },
  stepDuration: { name: 'vivace.step.duration', unit: 's', description: 'Time of one step of a request' },
  requestObjects: { name: 'vivace.request.objects', unit: '{object}', description: 'Objects of a request' },
  requestsInFlight: {
    name: 'vivace.request.in_flight',
    unit: '{request}',
    description: 'Requests being answered',
  },
  featureCells: {
    name: 'vivace.feature.cells',
    unit: '{cell}',
    description: 'Feature values by status: defaulted, missing, null, stale, failed',
  },
  featureRows: {
    name: 'vivace.feature.rows',
    unit: '{row}',
    description: 'Rows read by each fetch, and those with an event time in the future',
  },
  cacheHits: { name: 'vivace.cache.hits', unit: '{row}', description: 'Rows answered from a cache' },
  cacheMisses: { name: 'vivace.cache.misses', unit: '{row}', description: 'Rows that a cache did not hold' },
  cacheErrors: {
    name: 'vivace.cache.errors',
    unit: '{call}',
    description: 'Calls to a cache store that failed and were bypassed',
  },
  eventLoopLag: {
    name: 'vivace.event_loop.lag',
    unit: 's',
    description: '99th percentile of the event loop delay since the last collection',
  },
  modelInfo: {
    name: 'vivace.model.info',
    unit: '1',
    description: '1 for each model version that is serving',
  },
  breakerOpen: {
    name: 'vivace.part.breaker.open',
    unit: '1',
    description: '1 while calls to a backend that keeps failing are refused',
  },
  ready: { name: 'vivace.ready', unit: '1', description: '1 while the server is ready' },
} as const;
