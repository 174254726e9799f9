/**
 * The attributes of spans and metrics, each name written once. Vivace's own begin with `vivace.`; the others are those of OpenTelemetry's
 * semantic conventions.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/
 */
export const attributeNames = {
  pipeline: 'vivace.pipeline',
  requestId: 'vivace.request_id',
  step: 'vivace.step',
  verb: 'vivace.verb',
  scope: 'vivace.scope',
  part: 'vivace.part',
  use: 'vivace.use',
  view: 'vivace.view',
  feature: 'vivace.feature',
  status: 'vivace.status',
  kind: 'vivace.kind',
  reason: 'vivace.reason',
  outcome: 'vivace.outcome',
  modelName: 'vivace.model.name',
  modelVersion: 'vivace.model.version',
  rowsMissing: 'vivace.rows.missing',
  rowsStale: 'vivace.rows.stale',
  rowsFailed: 'vivace.rows.failed',
  failureCode: 'vivace.failure.code',

  errorType: 'error.type',
  cpuMode: 'cpu.mode',
  dbSystem: 'db.system.name',
  dbOperation: 'db.operation.name',
  dbBatchSize: 'db.operation.batch.size',
  httpMethod: 'http.request.method',
  httpOriginalMethod: 'http.request.method_original',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  urlPath: 'url.path',
  urlScheme: 'url.scheme',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  clientAddress: 'client.address',
  protocolVersion: 'network.protocol.version',
  userAgent: 'user_agent.original',
} as const;
