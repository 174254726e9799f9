/** Every metric that Vivace records, in one place; docs/operations.md lists them, and a test compares. */
export const metricNames = {
  requestDuration: { name: 'vivace.request.duration', unit: 's', description: 'Time to answer a request' },
  httpServerDuration: {
    name: 'http.server.request.duration',
    unit: 's',
    description: 'Time to answer an HTTP request',
  },
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
  pushedRows: {
    name: 'vivace.push.rows',
    unit: '{row}',
    description: 'Rows pushed to a view, by outcome: written, unchanged, refused, failed',
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
    description: 'The longest time that the event loop stood since the last collection',
  },
  admissionRefusals: {
    name: 'vivace.admission.refusals',
    unit: '{call}',
    description: 'Calls refused because the server had too much to do',
  },
  modelInfo: {
    name: 'vivace.model.info',
    unit: '1',
    description: '1 for each model version that is serving',
  },
  modelContractDiffers: {
    name: 'vivace.model.contract_differs',
    unit: '1',
    description: '1 for each view whose rows a model was trained on as they were read in another way',
  },
  breakerOpen: {
    name: 'vivace.part.breaker.open',
    unit: '1',
    description: '1 while calls to a backend that keeps failing are refused',
  },
  processCpuTime: { name: 'process.cpu.time', unit: 's', description: 'CPU time that the process has used' },
  processMemory: {
    name: 'process.memory.usage',
    unit: 'By',
    description: 'Physical memory that the process uses',
  },
  processUptime: { name: 'process.uptime', unit: 's', description: 'Time since the process began' },
  ready: { name: 'vivace.ready', unit: '1', description: '1 while the server is ready' },
} as const;
