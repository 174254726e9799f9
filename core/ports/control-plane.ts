import type { Call, CallContext } from '../kernel/call.js';
import type { FeatureView } from '../views/view.js';
import type { ModelIdentity, PredictorStatus } from './predictor.js';

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

/** A predictor and where it stands. */
export interface ServedPredictor extends PredictorStatus {
  readonly name: string;
}

/** A model that was trained on rows of a view as another pipeline reads them: with other defaults, max age, refresh or policies. */
export interface ContractDifference {
  readonly pipeline: string;
  /** The alias of the step that predicts. */
  readonly step: string;
  readonly predictor: string;
  readonly view: string;
}

/** Whether a server takes requests, and what its operators should know. */
export interface Readiness {
  readonly ready: boolean;
  /** What keeps it from being ready. */
  readonly reasons: readonly string[];
  /** What does not: each begins with what it is, such as `last-known: `. */
  readonly details: readonly string[];
}

/** What operators of a server may ask of it, independent of any protocol. */
export interface ControlPlane {
  readonly state: ServerState;
  /**
   * Ready: every declared predictor has a loaded model, and the server is not draining. `details` names each predictor whose model comes from
   * its disk because its repository does not answer (`last-known`), that serves another version than it should (`behind`), or that lacks
   * instances (`instances`), and each step whose model has seen other contracts of its views (`contract`).
   */
  readiness(): Readiness;
  /** In the order of starting. */
  parts(): readonly PartStatus[];
  predictors(): readonly ServedPredictor[];
  /** The versions that serve. */
  models(): readonly (ModelIdentity & { readonly predictor: string })[];
  /** The steps whose model was trained on rows of views that were read in another way. */
  contracts(): readonly ContractDifference[];
  /** The compiled plan of each pipeline, for people. */
  plans(): Readonly<Record<string, object>>;
  views(): ReadonlyMap<string, FeatureView>;
  /** Name, version, state, parts, where each predictor stands: for /v1/info. */
  info(): Readonly<Record<string, unknown>>;
  /** Metrics for a scraper, where a telemetry part offers them. */
  scrape(context: CallContext): Promise<{ readonly contentType: string; readonly body: string } | undefined>;
  /**
   * Looks for a new version of a predictor's model at once, instead of at its next poll; resolves when it serves, or when there is none.
   *
   * @throws {VivaceError} `NOT_FOUND` for no such predictor, `UNIMPLEMENTED` where it does not follow a repository; otherwise the reason
   *   why a version does not serve.
   */
  refresh(predictor: string, call: Call): Promise<ServedPredictor>;
}
