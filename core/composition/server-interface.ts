import type { ConfigPath, Mistake, Place } from '../config/mistake.js';
import type { Signature } from '../models/bundle.js';
import type { Clock } from '../parts/context.js';
import type { Plan } from '../pipeline/plan.js';
import type { ControlPlane } from '../ports/control-plane.js';
import type { DataPlane } from '../ports/data-plane.js';
import type { Port } from '../ports/port.js';
import type { FeatureView } from '../views/view.js';
import type { Binding } from './part-set.js';
import type { ServerFeatures } from './server-features.js';
import type { PipelineSteps, SlotOverride } from './step-factory.js';

/**
 * A server with any pipelines, as commands, training sets and operations use it. `createServer` gives one that also knows the types of its
 * pipelines' requests and answers.
 */
export interface Server {
  /** What callers may ask; transports answer from it. */
  readonly data: DataPlane;
  /** What operators of the server may ask. */
  readonly control: ControlPlane;
  /** What the server takes the time from; so do operations on it. */
  readonly clock: Clock;
  readonly views: ReadonlyMap<string, FeatureView>;
  /** Features without a pipeline: rows that are pushed, and reads by key. */
  readonly features: ServerFeatures;
  /** The plans: complete once the server has started. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** What each part is, uses and was given, in the order of starting. */
  readonly bindings: readonly Binding[];
  /**
   * Starts every part, compiles the pipelines with their models' signatures, and opens the transports.
   *
   * @param options `serve: false` leaves out transports and the HTTP servers under them, for callers in process.
   * @throws {VivaceError} naming the part that failed; those started before it are stopped again.
   */
  start(options?: { readonly serve?: boolean }): Promise<this>;
  /**
   * Starts only the named parts and what they use. This is for commands that need a repository or a warehouse and serve nothing. The server
   * is then `partial`, and answers no request.
   *
   * @param options.timeoutMs How long each part may take; default: the server's `startTimeoutMs`.
   */
  startOnly(names: readonly string[], options?: { readonly timeoutMs?: number }): Promise<this>;
  /**
   * Turns readiness off, waits for the drain delay, refuses new calls, waits for those in flight, aborts what is left, and stops everything
   * in reverse. Safe to call twice.
   */
  stop(): Promise<void>;
  /**
   * A part's guarded face for a port: `server.part(onlineStore, 'online')`.
   *
   * @throws {VivaceError} `NOT_FOUND`, with the names of the parts that provide the port.
   */
  part<T>(port: Port<T>, name: string): T;
  /**
   * The signatures of the predictors that have started.
   *
   * @throws {ConfigError} where a model was trained on views that this server does not have.
   */
  signatures(): Promise<ReadonlyMap<string, Signature>>;
  /**
   * Compiles the pipelines for runs outside of requests, with the signatures of predictors that have started.
   *
   * @param signatures Per predictor, instead of its own: to ask whether a model would fit.
   * @throws {ConfigError} with every mistake.
   */
  compile(signatures?: ReadonlyMap<string, Signature>): Promise<ReadonlyMap<string, Plan>>;
  /**
   * The steps of a plan for a run outside of requests.
   *
   * @param override What fills slots of a node instead of the part that the node names.
   */
  createSteps(plan: Plan, override?: SlotOverride): PipelineSteps;
  /**
   * Throws mistakes about what the configuration says, with their lines where it is a file; returns where there are none.
   *
   * @throws {ConfigError} with every mistake.
   */
  throwMistakes(mistakes: readonly Mistake[]): void;
  /** The line of the configuration file that says what has this path, or of what is around it; nothing for a server in code. */
  placeOf(path: ConfigPath): Place | undefined;
  /** Where the server listens. */
  addresses(): readonly string[];
}
