import type { ServiceIdentifier } from 'inversify';
import type { CallContext } from '../kernel/call.js';
import type { ErrorCode } from '../kernel/errors.js';

/** Driver ports are provided by adapters, capability ports by plugins. */
export type Tier = 'driver' | 'capability';

/** How the guard treats one operation of a port. Operations that a table does not name are not guarded. */
export interface OperationSpec {
  /** The first argument is a batch: never passed on empty, and split at `supports.maxBatch`. */
  readonly batch?: true;
  /** How the answers of a split batch are put together; `concat` is the default. */
  readonly merge?: 'concat' | 'none';
  /** Calls of the same tick are joined into one, their keys de-duplicated and shared with calls in flight; up to `supports.maxJoined`. */
  readonly coalesce?: true;
  /**
   * The answer is an `AsyncDisposable`, and the call stays in flight until that has been disposed of. Its methods run until then, also
   * while the part stops; the guard disposes of it once, however often it is asked to.
   */
  readonly opens?: true;
  /**
   * It answers at once: a promise is refused, with the part's name. An `AsyncIterable` is an answer at once, and the work is done where
   * it is iterated. Without this, an operation may answer at once or by a promise.
   */
  readonly sync?: true;
  /** It runs in every state of the part, so that a call that must not fail, or lets something go, can be made while the part stops. */
  readonly anyState?: true;
  /** Without a span of its own. */
  readonly quiet?: true;
}

/** A typed reference to a port: what definitions provide and use, and the identifier in the container. */
export interface Port<T = unknown, L extends Tier = Tier> {
  readonly name: string;
  readonly tier: L;
  readonly id: ServiceIdentifier<T>;
  readonly operations: Readonly<Record<string, OperationSpec>>;
  /** The cheapest call that shows whether a backend answers; it changes nothing. */
  probe?(part: T, context: CallContext): unknown;
}

export type DriverPort<T = unknown> = Port<T, 'driver'>;
export type CapabilityPort<T = unknown> = Port<T, 'capability'>;
export type ProvidedBy<P> = P extends Port<infer T> ? T : never;

/** What every part may have beside its port's operations. All I/O begins in `start`. */
export interface PartLifecycle {
  /** Called once, before any operation. */
  start?(context: CallContext): void | Promise<void>;
  /** Called once, with nothing in flight; also when `start` failed. */
  stop?(): void | Promise<void>;
  /** Classifies a raw error of the vendor; `undefined` leaves it to the guard (INTERNAL). */
  errorCode?(error: unknown): ErrorCode | undefined;
}

export function driverPort<T>(
  name: string,
  operations: { readonly [K in keyof T]?: OperationSpec },
  probe?: Port<T>['probe'],
): DriverPort<T> {
  return {
    name,
    tier: 'driver',
    id: Symbol.for(`vivace.port.${name}`),
    operations: operations as Port['operations'],
    ...(probe === undefined ? {} : { probe }),
  };
}

export function capabilityPort<T>(
  name: string,
  operations: { readonly [K in keyof T]?: OperationSpec },
): CapabilityPort<T> {
  return {
    name,
    tier: 'capability',
    id: Symbol.for(`vivace.port.${name}`),
    operations: operations as Port['operations'],
  };
}
