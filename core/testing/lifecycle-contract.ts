import assert from 'node:assert/strict';
import type { CallContext } from '../kernel/call.js';
import { endedWithin } from '../kernel/ended-within.js';
import { isVivaceError, messageOf, type ErrorCode } from '../kernel/errors.js';
import type { RunningPart } from '../parts/create-part.js';
import type { OperationTable, Port } from '../ports/port.js';
import { callContext } from './start-part.js';
import type { ContractSetup } from './runner.js';

/** Calls one operation of a part or a handle, with arguments that it takes, and the context that is given. */
type Call<T> = (subject: T, context: CallContext) => unknown;

/** Calls an operation that returns a handle, and the operations of the handle. */
interface Opening<T, H> {
  // Not named `call`: every function has one.
  readonly open: (subject: T, context: CallContext) => H | Promise<H>;
  readonly handle: CallsOf<H>;
}

type AnswerOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** How the operations of `T` are called. Those that a part may leave out are called where it has them. */
export type CallsOf<T> = {
  readonly [K in keyof T & string as Required<T>[K] extends (...args: never[]) => unknown ? K : never]?:
    Call<T> | Opening<T, AnswerOf<Required<T>[K]>>;
};

export interface LifecycleSetup<T> extends ContractSetup<RunningPart> {
  readonly port: Port<T>;
  /** How each operation of the port's table is called; each call must succeed on a part that has started, in the table's order. */
  readonly calls: CallsOf<T>;
  /** Puts into a part that has started what the calls need. */
  readonly prepare?: (subject: T) => unknown;
}

/** How long an operation may take after its caller has left. */
const leaveMs = 10_000;

type Subject = Readonly<Record<PropertyKey, unknown>>;

/** One operation that a part has, and how to call it. */
interface Operation {
  readonly name: string;
  readonly anyState: boolean;
  readonly call: Call<Subject>;
  /** The operations of the handle that it returns. */
  readonly handle: ((handle: Subject) => readonly Operation[]) | undefined;
}

/** What every part promises of its lifecycle, tried with every operation of its port, those of handles included. */
export function lifecycleContract<T>({ runner, make, port, calls, prepare }: LifecycleSetup<T>): void {
  const { describe, it } = runner;
  const operationsOf = (part: RunningPart): Operation[] =>
    operationsIn(part.face(port) as Subject, port.operations, calls as Calls);

  describe('lifecycle', () => {
    for (const name of untold(port.operations, calls as Calls)) {
      it(`is told how to call ${name}`, async () => {
        const part = await make();
        const [operation] = name.split('.') as [string];
        const has = typeof (part.face(port) as Subject)[operation] === 'function';
        await part.stop();
        assert.ok(!has, `the contract has no arguments for ${name}, and cannot try it: give it a call`);
      });
    }

    it('stops without having been started', async () => {
      const part = await make();
      await part.stop();
    });

    it('refuses every operation before it has started', async () => {
      const part = await make();
      const subject = part.face(port) as Subject;
      for (const { name, anyState, call } of operationsOf(part)) {
        const outcome = await outcomeOf(() => call(subject, callContext()));
        expectOutcome(outcome, anyState ? undefined : ['UNAVAILABLE'], `${name} before start`);
      }
      await part.stop();
    });

    it('refuses every operation after it has stopped, and stops twice', async () => {
      const part = await make();
      await part.start(callContext());
      await prepare?.(part.face(port));
      const subject = part.face(port) as Subject;
      const operations = operationsOf(part);
      const handles: { readonly of: string; readonly handle: Subject; readonly all: readonly Operation[] }[] =
        [];
      for (const { name, call, handle } of operations) {
        if (handle === undefined) continue;
        const opened = (await call(subject, callContext())) as Subject;
        await disposeOf(opened);
        handles.push({ of: name, handle: opened, all: handle(opened) });
      }
      await part.stop();
      await part.stop();
      for (const { name, anyState, call } of operations) {
        const outcome = await outcomeOf(() => call(subject, callContext()));
        expectOutcome(outcome, anyState ? undefined : ['UNAVAILABLE'], `${name} after stop`);
      }
      for (const { of, handle, all } of handles) {
        // One that has been disposed of says so.
        const code: ErrorCode = isDisposable(handle) ? 'FAILED_PRECONDITION' : 'UNAVAILABLE';
        for (const { name, anyState, call } of all) {
          const outcome = await outcomeOf(() => call(handle, callContext()));
          expectOutcome(outcome, anyState ? undefined : [code], `${name} of what ${of} gave, after stop`);
        }
      }
    });

    it('answers or fails every operation of a caller who has left, and goes on', async () => {
      const part = await make();
      await part.start(callContext());
      try {
        await prepare?.(part.face(port));
        await leaveEach(part.face(port) as Subject, operationsOf(part));
      } finally {
        await part.stop();
      }
    });
  });
}

/** Calls each operation for a caller who has left, and then for one who stays; handles of either kind are new ones. */
async function leaveEach(subject: Subject, operations: readonly Operation[]): Promise<void> {
  for (const operation of operations) await leave(subject, operation);
  for (const operation of operations) {
    const { handle } = operation;
    const opened = await stay(subject, operation);
    if (handle === undefined) continue;
    const another = await stay(subject, operation);
    try {
      for (const inner of handle(opened)) await leave(opened, inner);
      for (const inner of handle(another)) await stay(another, inner);
    } finally {
      await disposeOf(opened);
      await disposeOf(another);
    }
  }
}

async function leave(subject: Subject, { name, call }: Operation): Promise<void> {
  const outcome = outcomeOf(() => call(subject, { signal: AbortSignal.abort() }));
  const ended = await endedWithin(outcome, leaveMs);
  assert.ok(ended, `${name} does not end within ${leaveMs} ms though its caller has left`);
  expectOutcome(await outcome, ['CANCELLED'], `${name} with an aborted signal`, { mayAnswer: true });
  await disposeOf((await outcome).answer);
}

async function stay(subject: Subject, { name, call }: Operation): Promise<Subject> {
  const outcome = await outcomeOf(() => call(subject, callContext()));
  expectOutcome(outcome, undefined, `${name} after a caller has left`);
  return outcome.answer as Subject;
}

type Calls = Readonly<Record<string, Call<Subject> | Opening<Subject, Subject> | undefined>>;

/** The operations of a table that a part or a handle has, and of which the contract knows how to call them. */
function operationsIn(subject: Subject, table: OperationTable, calls: Calls): Operation[] {
  return Object.entries(table).flatMap(([name, spec]) => {
    const given = calls[name];
    if (spec === undefined || given === undefined || typeof subject[name] !== 'function') return [];
    const [call, handle] = typeof given === 'function' ? [given, undefined] : [given.open, given.handle];
    return {
      name,
      anyState: spec.anyState === true,
      call,
      handle:
        spec.returns === undefined
          ? undefined
          : (opened: Subject) => operationsIn(opened, spec.returns as OperationTable, handle ?? {}),
    };
  });
}

/** Operations of a table, and of the handles that they return, that the contract was not told how to call. */
function untold(table: OperationTable, calls: Calls): string[] {
  return Object.entries(table).flatMap(([name, spec]) => {
    const given = calls[name];
    if (given === undefined) return [name];
    const handle = typeof given === 'function' ? {} : (given.handle as Calls);
    return untold(spec?.returns ?? {}, handle).map((inner) => `${name}.${inner}`);
  });
}

interface Outcome {
  readonly answer?: unknown;
  readonly error?: unknown;
}

/** Calls, waits, and iterates what is iterated. */
async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    const answer = await call();
    if (typeof (answer as Partial<AsyncIterable<unknown>> | undefined)?.[Symbol.asyncIterator] === 'function')
      for await (const _ of answer as AsyncIterable<unknown>);
    return { answer };
  } catch (error) {
    return { error };
  }
}

/** @param codes What it must fail with; without them it must answer. */
function expectOutcome(
  outcome: Outcome,
  codes: readonly ErrorCode[] | undefined,
  what: string,
  { mayAnswer = false } = {},
): void {
  if ('error' in outcome) {
    const { error } = outcome;
    const code = isVivaceError(error) ? error.code : 'no VivaceError';
    assert.ok(
      codes?.includes(code as ErrorCode),
      `${what} failed with ${code}${codes === undefined ? '' : ` and not with ${codes.join(' or ')}`}: ${messageOf(error)}`,
    );
  } else assert.ok(codes === undefined || mayAnswer, `${what} answered, and must be refused`);
}

function isDisposable(handle: unknown): handle is AsyncDisposable {
  return typeof (handle as Partial<AsyncDisposable> | undefined)?.[Symbol.asyncDispose] === 'function';
}

async function disposeOf(handle: unknown): Promise<void> {
  if (isDisposable(handle)) await handle[Symbol.asyncDispose]();
}
