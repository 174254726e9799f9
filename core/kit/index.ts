/**
 * `vivace/kit`: what several adapters need, but no plugin. Lazy SDKs, connections over HTTP, TLS, Google's credentials, errors of the operating system, directories, contents
 * in pieces, objects in buckets, models in threads, temporary tables, SQL text, the CPU limit of the container, the first question to a backend. It holds no policy, and plugins may not import it.
 */
export { askAtStart } from './ask-at-start.js';
export { contentChunks, contentPieces, type ContentPiece } from './content.js';
export { cpuLimit, threadsOf } from './cpu-limit.js';
export { exactFloat64 } from './exact-decimal.js';
export {
  googleClientOptions,
  googleCredentialsError,
  googleFiles,
  googleWays,
  type GoogleClientOptions,
  type GoogleOptions,
} from './google.js';
export { endedWithin } from '../kernel/ended-within.js';
export { InFlight } from '../kernel/in-flight.js';
export { packageVersion } from '../kernel/package-version.js';
export { readingFor } from '../kernel/metric-reader.js';
export { pause, startTimer, timeoutSignal } from '../kernel/timer.js';
export { traceHeaders } from '../kernel/trace-context.js';
export {
  GoneError,
  HttpConnection,
  type Answer,
  type Exchange,
  type ServerAddress,
} from './http-connection.js';
export { keptSetName } from './kept-set-name.js';
export { loadSdk } from './load-sdk.js';
export { importFile, localFiles } from './import-file.js';
export { makeDirectory } from './make-directory.js';
export { MountedRouters } from './mounted-routers.js';
export { loadInThread, startModelThread, type ModelThread } from './model-thread.js';
export {
  bodyChunks,
  bucketOptions,
  byteRange,
  noBlob,
  retryAfter,
  uploadContent,
  type ContentUpload,
  type PartsUpload,
} from './objects.js';
export { doubleQuoted, literalWriter, type LiteralSyntax } from './sql-text.js';
export { systemErrorCode } from './system-error.js';
export { temporaryTable, type TableSteps } from './temporary-table.js';
export { readTls, tlsFailure, tlsFiles, tlsReason, type TlsFiles, type TlsMaterial } from './tls.js';
