import type { Call, CallContext } from '../kernel/call.js';
import type { FeatureView } from '../views/view.js';
import type { ModelIdentity } from './predictor.js';

/**
 * Where a server stands. `partial`: only some parts were started, for a command that needs a repository or a warehouse; it answers no
 * request.
 */
export type ServerState = 'created' | 'starting' | 'ready' | 'partial' | 'draining' | 'stopped' | 'failed';

/** Where a part stands. Operations run in `ready` only; `stop` waits for those that are running when it begins. */
export type PartState = 'created' | 'starting' | 'ready' | 'stopping' | 'stopped' | 'failed';

export interface PartStatus {
  readonly name: string;
  /** The name of its definition. */
  readonly use: string;
  readonly ports: readonly string[];
  readonly state: PartState;
  /** Calls that are running; a joined read counts in addition to the callers that wait for it. */
  readonly inFlight: number;
}

export interface PredictorStatus {
  readonly name: string;
  /** The version that serves; `undefined` where no model is loaded. */
  readonly serving: ModelIdentity | undefined;
}

/** What operators of a server may ask of it, independent of any protocol. */
export interface ControlPlane {
  readonly state: ServerState;
  /** Serving: every declared predictor has a loaded model, and the server is not draining. `reasons` says what is missing. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** In the order of starting. */
  parts(): readonly PartStatus[];
  predictors(): readonly PredictorStatus[];
  /** The versions that serve. */
  models(): readonly (ModelIdentity & { readonly predictor: string })[];
  /** The compiled plan of each pipeline, for people. */
  plans(): Readonly<Record<string, object>>;
  views(): ReadonlyMap<string, FeatureView>;
  /** Name, version, state, parts: for /v1/info. */
  info(): Readonly<Record<string, unknown>>;
  /** Metrics for a scraper, where a telemetry part offers them. */
  scrape(context: CallContext): Promise<{ readonly contentType: string; readonly body: string } | undefined>;
  /**
   * Looks for a new version of a predictor's model at once, instead of at its next poll; resolves when it serves, or when there is none.
   *
   * @throws {VivaceError} `NOT_FOUND` for no such predictor, `UNIMPLEMENTED` where it does not follow a repository; otherwise the reason
   *   why a version does not serve.
   */
  refresh(predictor: string, call: Call): Promise<PredictorStatus>;
}
