import { createPart, type RunningPart } from '../parts/create-part.js';
import type { Clock } from '../parts/context.js';
import type { Definition } from '../parts/definition.js';
import { systemClock } from '../parts/part-context.js';
import type { LogRecord } from '../ports/log-sink.js';
import type { CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { timeoutSignal } from '../kernel/timer.js';

export interface StartPartOptions {
  readonly name?: string;
  readonly uses?: Readonly<Record<string, unknown>>;
  readonly directory?: string;
  readonly clock?: Clock;
  readonly onLog?: (record: LogRecord) => void;
}

/** Creates a part as the server would, guarded, with its options parsed by its schema. It is not started. */
export function makePart(
  definition: Definition,
  options: object = {},
  setup: StartPartOptions = {},
): RunningPart {
  const parsed = definition.options.safeParse(options);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new VivaceError('INVALID_CONFIG', issue.message, { path: issue.path.join('.') });
  }
  return createPart(
    definition,
    { name: setup.name ?? definition.name, options: parsed.data, uses: setup.uses ?? {} },
    {
      directory: setup.directory ?? process.cwd(),
      clock: setup.clock ?? systemClock,
      writeLog: setup.onLog ?? (() => undefined),
      tracing: () => false,
    },
  );
}

/** Creates and starts a part; `part.face(port)` is its guarded face. */
export async function startPart(
  definition: Definition,
  options: object = {},
  setup: StartPartOptions = {},
): Promise<RunningPart> {
  const part = makePart(definition, options, setup);
  await part.start({ signal: timeoutSignal(60_000) });
  return part;
}

/** A call context that gives up after `timeoutMs`. */
export function callContext(timeoutMs = 30_000): CallContext {
  return { signal: timeoutSignal(timeoutMs), deadline: performance.now() + timeoutMs };
}
