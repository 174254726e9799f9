import type { ServiceIdentifier } from 'inversify';
import type { CallContext } from '../kernel/call.js';
import type { ErrorCode } from '../kernel/errors.js';

/** Which kind of part provides a port: adapters provide adapter ports, plugins provide plugin ports. */
export type Tier = 'adapter' | 'plugin';

/** Marks what runs on behalf of a caller during a call. */
export interface CallersOwn {
  /** The same items; what iterating them throws is the caller's. */
  iterable<T>(items: AsyncIterable<T>): AsyncIterable<T>;
  iterable<T>(items: AsyncIterable<T> | Iterable<T>): AsyncIterable<T> | Iterable<T>;
  /** The same function; what it throws is the caller's. */
  callback<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R;
}

/** How the guard treats one operation of a port. Operations that a table does not name are not guarded. */
export interface OperationSpec {
  /** The first argument is a batch: never passed on empty, and split at `supports.maxBatch`. */
  readonly batch?: true;
  /** How the answers of a split batch are put together; `concat` is the default. */
  readonly merge?: 'concat' | 'none';
  /** Calls of the same tick are joined into one, their keys de-duplicated and shared with calls in flight; up to `supports.maxJoined`. */
  readonly coalesce?: true;
  /**
   * It answers at once: a promise is refused, with the part's name. An `AsyncIterable` is an answer at once; its work is done while it is
   * iterated. Without this, an operation may answer at once or with a promise.
   */
  readonly sync?: true;
  /**
   * It runs in every state of the part, so that a call that must not fail, or that releases something, can be made while the part stops.
   */
  readonly anyState?: true;
  /** The code of an error that is not a `VivaceError` and that the part does not classify; default `INTERNAL`. */
  readonly errorCode?: ErrorCode;
  /**
   * While most calls have been ending with an outage, calls fail at once, except for one each second. The second argument is the call's
   * context. A part that says `supports.synchronous` has no backend to wait for, and gets no breaker.
   */
  readonly breaker?: true;
  /** The same, with a breaker for each of what this says of a call's arguments, such as a host; not for batches. */
  breakerBy?(args: readonly unknown[]): string;
  /** Without a span of its own. */
  readonly quiet?: true;
  /**
   * The answer is a handle, and these are its operations, which are guarded like those of the part. A handle with `[Symbol.asyncDispose]`
   * among them keeps its call in flight until it has been disposed of; until then its operations run even while the part stops. It is
   * disposed of only once, however often its user asks for that.
   */
  readonly returns?: OperationTable;
  /**
   * Where a caller passes iterables or callbacks that run during the call: the arguments, with each of these passed through `own`. What
   * they throw the caller gets back as it is, whatever the part has made of it: with its own code, and without the part's name.
   */
  callers?(args: readonly unknown[], own: CallersOwn): readonly unknown[];
}

/** The operations of a port or of a handle, by name. */
export type OperationTable = Readonly<Partial<Record<string | symbol, OperationSpec>>>;

/** A table of the operations that a type has: a misspelt name does not compile. */
export type OperationsOf<T> = {
  readonly [K in keyof T]?: Omit<OperationSpec, 'returns' | 'callers' | 'breakerBy'> & {
    readonly returns?: OperationsOf<AnswerOf<T[K]>>;
    breakerBy?(args: ArgumentsOf<T[K]>): string;
    callers?(args: ArgumentsOf<T[K]>, own: CallersOwn): readonly unknown[];
  };
};

type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
type AnswerOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** A typed reference to a port: what definitions provide and use, and the identifier in the container. */
export interface Port<T = unknown, L extends Tier = Tier> {
  readonly name: string;
  readonly tier: L;
  readonly id: ServiceIdentifier<T>;
  readonly operations: OperationTable;
  /** The cheapest call that shows whether a backend answers; it changes nothing. */
  probe?(part: T, context: CallContext): unknown;
}

export type AdapterPort<T = unknown> = Port<T, 'adapter'>;
export type PluginPort<T = unknown> = Port<T, 'plugin'>;
export type ProvidedBy<P> = P extends Port<infer T> ? T : never;

/** What every part may have besides its port's operations. All I/O begins in `start`. */
export interface PartLifecycle {
  /** Called once, before any operation. */
  start?(context: CallContext): void | Promise<void>;
  /** Called once, with nothing in flight and after `start` has ended, even where `start` failed. Where it does not end, it is abandoned. */
  stop?(): void | Promise<void>;
  readonly supports?: {
    /**
     * What the part alone may hold in this process from `start` to `stop`, as a text: a port, a locked file. Where a server takes over from
     * another, a part starts only after the other server's part with the same text has stopped. Absent: it may stand beside any other.
     */
    readonly exclusive?: string;
  };
  /**
   * Called at most once, before `start`, with the part that it is to replace in a running server, as its `create` returned it: a part of the same
   * name, with other options, that stops later. A part that answers `true` takes what the other holds over by itself, from the moment its
   * operations are used; so both run for a while, whatever `supports.exclusive` says. It must leave the other as it is where it is never
   * used.
   */
  takeOver?(former: PartLifecycle): boolean;
  /** Classifies a raw error of the vendor; `undefined` leaves it to the guard (INTERNAL). */
  errorCode?(error: unknown): ErrorCode | undefined;
}

export function adapterPort<T>(
  name: string,
  operations: OperationsOf<T>,
  probe?: Port<T>['probe'],
): AdapterPort<T> {
  return {
    name,
    tier: 'adapter',
    id: Symbol.for(`vivace.port.${name}`),
    operations: operations,
    ...(probe === undefined ? {} : { probe }),
  };
}

export function pluginPort<T>(name: string, operations: OperationsOf<T>): PluginPort<T> {
  return {
    name,
    tier: 'plugin',
    id: Symbol.for(`vivace.port.${name}`),
    operations: operations,
  };
}
