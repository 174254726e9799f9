import type { ModelVersion } from './model-repository.js';
import type { CallContext } from '../kernel/call.js';

export type ServerState = 'created' | 'starting' | 'ready' | 'draining' | 'stopped' | 'failed';

/** A request as a transport hands it on: JSON, not yet looked at. */
export interface PredictCall {
  /** The value JSON.parse gave: `{ request, objects?, explain? }`. */
  readonly body: unknown;
  readonly requestId: string;
  readonly context: CallContext;
  /** Milliseconds the caller gives; the pipeline's own deadline holds if it is shorter. */
  readonly deadlineMs?: number;
}

/** A pipeline as callers may know it. */
export interface PipelineDescription {
  readonly name: string;
  /** JSON Schema (2020-12) of a request body and of an answer. */
  readonly requestSchema: object;
  readonly responseSchema: object;
  /** The compiled plan: nodes in order, what each reads and writes. */
  readonly plan: object;
}

/** What transports see of the server. */
export interface ServerFace {
  readonly state: ServerState;
  /** Serving: every declared predictor has a loaded model, and the server is not draining. `reasons` says what is missing. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] };
  pipelines(): readonly string[];
  /** @throws {VivaceError} `NOT_FOUND`, with the names that exist. */
  describe(pipeline: string): PipelineDescription;
  /**
   * Answers a request with the JSON text of the answer.
   *
   * @throws {VivaceError} with `path` wherever a field is at fault.
   */
  predictJson(pipeline: string, call: PredictCall): Promise<string>;
  models(): readonly (ModelVersion & { readonly predictor: string })[];
  /** Metrics for a scraper, where a telemetry part offers them. */
  scrape(context: CallContext): Promise<{ readonly contentType: string; readonly body: string } | undefined>;
  /** Name, version, state, parts: for /v1/info. */
  info(): Readonly<Record<string, unknown>>;
}
