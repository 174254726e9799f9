import { valueText } from '../config/value-text.js';
import type { LogRecord } from '../ports/log-sink.js';
import type { PartLifecycle, Port } from '../ports/port.js';
import type { CallContext } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import { endedWithin } from '../kernel/ended-within.js';
import { isThenable } from '../kernel/thenable.js';
import type { Definition } from './definition.js';
import { GuardedPart, type GuardOptions } from './guard.js';
import { OwnedContext, type PartSurroundings } from './part-context.js';
import { refuseOldSdks } from './sdk.js';

/** A part as the lifecycle drives it. */
export interface RunningPart {
  readonly name: string;
  readonly definition: Definition;
  readonly guarded: GuardedPart;
  start(context: CallContext): Promise<void>;
  /**
   * @param graceMs How long background work and calls in flight may take.
   * @param stopMs How long the part's own `stop` may take.
   */
  stop(graceMs?: number, stopMs?: number): Promise<void>;
  /** The guarded face for one port that it provides. */
  face<T>(port: Port<T>): T;
  /** What `create` returned, unguarded. */
  readonly lifecycle: PartLifecycle;
  /** Puts it into another server: from now on it logs and traces there. Directory and clock stay. */
  move(surroundings: Pick<PartSurroundings & GuardOptions, 'writeLog' | 'tracing'>): void;
}

/** Creates a part from its definition: options already parsed, used parts already guarded. No I/O happens. */
export function createPart(
  definition: Definition,
  part: { readonly name: string; readonly options: object; readonly uses: Readonly<Record<string, unknown>> },
  given: PartSurroundings & GuardOptions,
): RunningPart {
  let { writeLog, tracing } = given;
  const surroundings = {
    ...given,
    writeLog: (record: LogRecord) => writeLog(record),
    tracing: () => tracing(),
  };
  const context = new OwnedContext(part.name, surroundings);
  const made = definition.create(part.options as never, part.uses as never, context);
  if (isThenable(made.lifecycle)) {
    Promise.resolve(made.lifecycle).catch(() => undefined);
    throw new VivaceError(
      'INTERNAL',
      `${part.name} (${definition.name}): create returned a promise, but it is synchronous: return the part, and await what it needs in start`,
      { part: part.name },
    );
  }
  if (typeof made.lifecycle !== 'object' || (made.lifecycle as object | null) === null) {
    throw new VivaceError(
      'INTERNAL',
      `${part.name} (${definition.name}): create returned ${valueText(made.lifecycle)}: return the part, an object with its operations`,
      { part: part.name },
    );
  }
  const guarded = new GuardedPart(
    made,
    {
      name: part.name,
      use: definition.name,
      provides: definition.provides,
      system: definition.system,
      context,
    },
    surroundings,
  );
  return {
    name: part.name,
    definition,
    guarded,
    lifecycle: made.lifecycle,
    move: (next) => void ({ writeLog, tracing } = next),
    async start(call) {
      refuseOldSdks(definition.sdk);
      await guarded.start(call);
      context.begin();
    },
    async stop(graceMs = 5000, stopMs) {
      // Background work first: it may be waiting on the part's own operations, which are refused from `stop` on.
      if (!(await endedWithin(context.end(), graceMs)))
        context.log.warn(`background work did not end within ${graceMs} ms: it is abandoned`);
      await guarded.stop(graceMs, stopMs);
    },
    face: <T>(port: Port<T>) => guarded.faces.get(port) as T,
  };
}
