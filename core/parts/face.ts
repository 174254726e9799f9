import type { CallContext } from '../kernel/call.js';
import type { InFlight } from '../kernel/in-flight.js';
import { VivaceError, type ErrorCode } from '../kernel/errors.js';
import { isThenable } from '../kernel/thenable.js';
import type { OperationSpec, OperationTable } from '../ports/port.js';
import type { Breaker } from './breaker.js';
import { handingBack } from './callers-own.js';
import { checkedBatch } from './checked-batch.js';
import { coalesce } from './coalesce.js';
import { inBatches } from './in-batches.js';
import type { OutsideSystem } from './definition.js';
import { inSpan, operationSpan } from './in-span.js';
import { members } from './members.js';

type Operation = (...args: unknown[]) => unknown;
type NamedSpec = OperationSpec & { readonly name: string };

/** A part, or a handle that one of its operations returned, as its author wrote it. */
export type Implementation = Readonly<Record<PropertyKey, unknown>>;

/** The part that a face stands for. */
export interface FaceOwner {
  readonly name: string;
  readonly use: string;
  readonly calls: InFlight;
  /** What the part speaks to, where that is outside the process. */
  readonly system: OutsideSystem | undefined;
  readonly tracing: () => boolean;
  /** @throws {VivaceError} `UNAVAILABLE` outside `ready`. */
  admit(): void;
  /** @throws {VivaceError} `UNAVAILABLE` where the part has not started, or has stopped; while it stops, what is in flight goes on. */
  admitHeld(): void;
  /** A breaker for one operation, new each time. */
  breaker(operation: string): Breaker;
  /** What the part threw, with its code (`otherwise` where none is known) and the part's name. */
  wrap(error: unknown, otherwise?: ErrorCode): VivaceError;
}

/** What a face is made from. */
interface Behind {
  readonly target: Implementation;
  readonly operations: OperationTable;
  /** The port's name, for spans. */
  readonly port: string;
  /** Refuses a call of an operation. */
  readonly admit: (operation: string) => void;
}

/**
 * The guarded face of a part for one port: plain closures around the operations that the port's table names. Each is admitted by the
 * part's state, counted while it runs, split and joined, given a span, and what it throws is wrapped with the part's name. Other
 * methods and properties pass through.
 */
export function faceOf(
  target: Implementation,
  port: { readonly name: string; readonly operations: OperationTable },
  owner: FaceOwner,
): object {
  return new Faces(owner).of({
    target,
    operations: port.operations,
    port: port.name,
    admit: () => owner.admit(),
  });
}

/** The most that calls of an operation are told apart by, for their breakers. */
const mostBreakers = 1000;

const lifecycle = new Set(['start', 'stop', 'errorCode']);

class Faces {
  readonly #owner: FaceOwner;

  constructor(owner: FaceOwner) {
    this.#owner = owner;
  }

  of(behind: Behind): Record<PropertyKey, unknown> {
    const face: Record<PropertyKey, unknown> = {};
    const { target, operations } = behind;
    for (const [name, value] of members(target)) {
      const spec = operations[name];
      if (typeof value !== 'function') {
        Object.defineProperty(face, name, { get: () => target[name], enumerable: true });
      } else if (spec !== undefined) {
        face[name] = this.#operation(behind, { name, ...spec });
      } else if (!lifecycle.has(name)) {
        face[name] = (...args: unknown[]) => (target[name] as Operation)(...args);
      }
    }
    return face;
  }

  #operation(behind: Behind, spec: NamedSpec): Operation {
    const guarded = this.#guarded(behind, spec);
    if (spec.callers === undefined) return guarded;
    return handingBack(guarded, (args, own) => spec.callers!(args, own));
  }

  #guarded(behind: Behind, spec: NamedSpec): Operation {
    const { target, port } = behind;
    const span = operationSpan(
      { port, operation: spec.name, batch: spec.batch },
      this.#owner,
      (error) => this.#owner.wrap(error, spec.errorCode).code,
    );
    const invoking = this.#invoking(behind, spec);
    const invoke =
      spec.batch === true && spec.merge !== 'none' ? checkedBatch(invoking, spec.name) : invoking;
    const traced: Operation =
      spec.quiet === true
        ? invoke
        : (...args) => (this.#owner.tracing() ? inSpan(invoke, args, span) : invoke(...args));
    const {
      maxBatch = Infinity,
      maxJoined = Infinity,
      synchronous,
    } = (target['supports'] ?? {}) as {
      maxBatch?: number;
      maxJoined?: number;
      synchronous?: boolean;
    };
    const admitted = (operation: Operation): Operation => admitting(operation, behind, spec);
    if (spec.sync === true) return this.#immediate(admitted(traced), spec.errorCode);
    if (isHeld(spec)) return this.#opening(admitted(traced), behind, spec);
    if (spec.batch !== true) return admitted(this.#sheltered(this.#counted(traced, spec.errorCode), spec));
    const batched = (one: Operation): Operation => inBatches(one, { ...spec, maxBatch });
    const breaker =
      spec.breaker === true && synchronous !== true ? this.#owner.breaker(spec.name) : undefined;
    const counted = this.#counted(traced, spec.errorCode);
    const sheltered = breaker === undefined ? counted : breaker.around(counted);
    const alone = batched(admitted(sheltered));
    if (spec.coalesce !== true || synchronous === true) return alone;
    const joined = coalesce(sheltered as Parameters<typeof coalesce>[0], maxBatch);
    // Counted twice: a caller may wait for a call that has yet to begin, and a call may go on after its callers have left.
    const joining = this.#counted(
      admitted((keys, context) => {
        // Checked before the call joins one that was let through, and waits with it.
        breaker?.refuseWhileOpen();
        return joined(keys as readonly string[], context as CallContext);
      }),
    );
    return (keys, context) => {
      const { length } = keys as readonly string[];
      const { bypassBreaker } = context as CallContext;
      return length === 0 || length > maxJoined || bypassBreaker === true
        ? alone(keys, context)
        : joining(keys, context);
    };
  }

  /** With a breaker for each of what the table tells calls apart by. */
  #sheltered(operation: Operation, spec: NamedSpec): Operation {
    if (spec.breakerBy === undefined) return operation;
    // Keys: what calls are told apart by.
    const operations = new Map<string, Operation>();
    return (...args) => {
      const key = spec.breakerBy!(args);
      let sheltered = operations.get(key);
      if (sheltered === undefined) {
        // What is beyond has none: breakers that are made for each call would be kept, and would never open.
        if (operations.size === mostBreakers) return operation(...args);
        operations.set(key, (sheltered = this.#owner.breaker(`${spec.name} ${key}`).around(operation)));
      }
      return sheltered(...args);
    };
  }

  /**
   * Calls the part itself. The result is an answer at once or a `Promise`, whichever kind of promise the part gave; a handle gets a face of
   * its own.
   */
  #invoking(behind: Behind, spec: NamedSpec): Operation {
    const { target } = behind;
    const { name, returns } = spec;
    const faced =
      returns === undefined || isHeld(spec)
        ? undefined
        : (handle: unknown) => this.of({ ...behind, target: objectOf(handle, name), operations: returns });
    if (spec.sync === true) {
      return (...args) => {
        const result = (target[name] as Operation)(...args);
        if (isThenable(result)) throw refusedPromise(result, name);
        return faced === undefined ? result : faced(result);
      };
    }
    return (...args) => {
      const result = (target[name] as Operation)(...args);
      const answer = result instanceof Promise || !isThenable(result) ? result : Promise.resolve(result);
      if (faced === undefined) return answer;
      return answer instanceof Promise ? answer.then(faced) : faced(answer);
    };
  }

  /** Wraps what the call throws; what answers at once is never in flight. */
  #immediate(operation: Operation, otherwise?: ErrorCode): Operation {
    return (...args) => {
      let result: unknown;
      try {
        result = operation(...args);
      } catch (error) {
        throw this.#owner.wrap(error, otherwise);
      }
      return isAsyncIterable(result) ? this.#iterate(result) : result;
    };
  }

  /** Counts the call while it runs, and wraps what it throws. */
  #counted(operation: Operation, otherwise?: ErrorCode): Operation {
    const { calls } = this.#owner;
    return (...args) => {
      calls.enter();
      let result: unknown;
      try {
        result = operation(...args);
      } catch (error) {
        calls.leave();
        throw this.#owner.wrap(error, otherwise);
      }
      if (result instanceof Promise) {
        return result.then(
          (value: unknown) => {
            calls.leave();
            return value;
          },
          (error: unknown) => {
            calls.leave();
            throw this.#owner.wrap(error, otherwise);
          },
        );
      }
      calls.leave();
      return isAsyncIterable(result) ? this.#iterate(result) : result;
    };
  }

  /** Counts the call until the handle that it returned has been disposed of. */
  #opening(operation: Operation, behind: Behind, { name, returns }: NamedSpec): Operation {
    const { calls } = this.#owner;
    return async (...args) => {
      calls.enter();
      try {
        const handle = objectOf(await operation(...args), name);
        return this.#held(handle, { ...behind, operations: returns! }, name);
      } catch (error) {
        calls.leave();
        throw this.#owner.wrap(error);
      }
    };
  }

  /**
   * Its operations are counted too, for one may still run when the handle is disposed of; disposal happens once, however often it is asked
   * for.
   */
  #held(handle: Implementation, behind: Omit<Behind, 'target' | 'admit'>, opener: string): object {
    let closed: Promise<void> | undefined;
    const face = this.of({
      ...behind,
      target: handle,
      admit: (operation) => {
        if (closed !== undefined)
          throw this.#owner.wrap(
            new VivaceError(
              'FAILED_PRECONDITION',
              `${operation} was called after what ${opener} opened was closed`,
            ),
          );
        this.#owner.admitHeld();
      },
    });
    const dispose = async (): Promise<void> => {
      try {
        await (handle as unknown as AsyncDisposable)[Symbol.asyncDispose]();
      } catch (error) {
        throw this.#owner.wrap(error);
      } finally {
        this.#owner.calls.leave();
      }
    };
    face[Symbol.asyncDispose] = () => (closed ??= dispose());
    return face;
  }

  /** Counts the iterable while it is iterated, which may never happen; a generator does its work, and so fails, only there. */
  async *#iterate(source: AsyncIterable<unknown>): AsyncGenerator {
    this.#owner.admit();
    this.#owner.calls.enter();
    try {
      yield* source;
    } catch (error) {
      throw this.#owner.wrap(error);
    } finally {
      this.#owner.calls.leave();
    }
  }
}

/** Whether the handle that an operation returns keeps its call in flight until it is disposed of. */
function isHeld({ returns }: OperationSpec): boolean {
  return returns?.[Symbol.asyncDispose] !== undefined;
}

function admitting(operation: Operation, { admit }: Behind, { name, anyState }: NamedSpec): Operation {
  if (anyState === true) return operation;
  return (...args) => {
    admit(name);
    return operation(...args);
  };
}

function refusedPromise(promise: PromiseLike<unknown>, name: string): VivaceError {
  // Nothing awaits it: what it throws must not end the process.
  Promise.resolve(promise).catch(() => undefined);
  return new VivaceError(
    'INTERNAL',
    `${name} returned a promise, but it is synchronous: return the answer itself, and await what it needs in start`,
  );
}

function objectOf(handle: unknown, operation: string): Implementation {
  if (typeof handle === 'object' && handle !== null) return handle as Implementation;
  throw new VivaceError(
    'INTERNAL',
    `${operation} returned ${String(handle)}: return an object with the operations that the port declares`,
  );
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
