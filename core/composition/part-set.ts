import type { Container } from 'inversify';
import { asVivaceError } from '../kernel/errors.js';
import { isTracing } from '../kernel/instrumentation.js';
import { logLevelsOf, type Clock, type Log } from '../parts/context.js';
import type { RunningPart } from '../parts/create-part.js';
import type { Definition } from '../parts/definition.js';
import { toRecord } from '../parts/part-context.js';
import type { PartStatus } from '../ports/control-plane.js';
import { httpServer } from '../ports/http-server.js';
import { logSink, type LogRecord, type LogSink } from '../ports/log-sink.js';
import type { Port } from '../ports/port.js';
import { telemetry, type Telemetry } from '../ports/telemetry.js';
import { transport } from '../ports/transport.js';
import { bindParts, partId } from './container.js';
import { startParts, stopParts } from './lifecycle.js';
import { startOrder, type ResolvedPart } from './parts.js';

/** A part as it stands in the server. */
export interface Binding {
  readonly name: string;
  /** The name of its definition. */
  readonly use: string;
  readonly ports: readonly string[];
  /** Part per filled slot. */
  readonly slots: Readonly<Record<string, string>>;
  /** As parsed, secrets included: `redact` hides them. */
  readonly options: object;
  readonly definition: Definition;
}

/** The parts of a server: their container, the order in which they start, which of them run, and where they log. */
export class PartSet {
  readonly container: Container;
  readonly log: Log;
  /** Names, in the order of starting. */
  readonly order: readonly string[];
  readonly #parts: ReadonlyMap<string, ResolvedPart>;
  readonly #sinks: LogSink[] = [];
  readonly #broken = new Set<LogSink>();
  readonly #telemetries: Telemetry[] = [];
  #running: readonly RunningPart[] = [];
  #tracing = false;

  /** @param container Holds everything except the parts, which are bound here. */
  constructor(
    container: Container,
    parts: ReadonlyMap<string, ResolvedPart>,
    { clock, directory }: { clock: Clock; directory: string },
  ) {
    this.container = container;
    this.#parts = parts;
    this.order = startOrder(parts);
    const writeLog = (record: LogRecord): void => {
      for (const sink of this.#sinks) {
        try {
          sink.write(record);
        } catch (error) {
          this.#complain(sink, error);
        }
      }
    };
    this.log = logLevelsOf((level, message, fields) =>
      writeLog(toRecord({ time: clock.now(), level, message, part: 'vivace' }, fields)),
    );
    const surroundings = { directory, clock, writeLog, tracing: this.tracing };
    bindParts(container, parts.values(), surroundings);
  }

  get bindings(): readonly Binding[] {
    return this.order.map((name) => {
      const { definition, slots, options } = this.#parts.get(name)!;
      const ports = definition.provides.map((port) => port.name);
      return { name, use: definition.name, ports, slots, options, definition };
    });
  }

  /** Where each part stands, in the order of starting. */
  get statuses(): readonly PartStatus[] {
    const running = new Map(this.#running.map((part) => [part.name, part.guarded]));
    return this.bindings.map(({ name, use, ports }) => {
      const guarded = running.get(name);
      return {
        name,
        use,
        ports,
        state: guarded?.state ?? 'created',
        inFlight: guarded?.inFlight ?? 0,
      };
    });
  }

  get telemetries(): readonly Telemetry[] {
    return this.#telemetries;
  }

  /** Whether spans are recorded: looked up when parts start, not at each call. */
  readonly tracing = (): boolean => this.#tracing;

  /** Guarded faces of the running parts that provide a port, by part name, in the order of starting. */
  running<T>(port: Port<T>): (readonly [string, T])[] {
    return this.#running
      .filter((part) => part.definition.provides.includes(port))
      .map((part) => [part.name, part.face(port)]);
  }

  /** The named parts and all they use, in the order of starting. */
  withUsed(names: readonly string[]): readonly string[] {
    const needed = new Set<string>();
    const visit = (name: string): void => {
      needed.add(name);
      for (const used of Object.values(this.#parts.get(name)?.slots ?? {})) visit(used);
    };
    names.forEach(visit);
    return this.order.filter((name) => needed.has(name));
  }

  /** Everything but transports and the HTTP servers under them. */
  withoutTransports(): readonly string[] {
    const outer: readonly string[] = [transport.name, httpServer.name];
    const inner = this.order.filter(
      (name) => !this.#parts.get(name)!.definition.provides.every((port) => outer.includes(port.name)),
    );
    return this.withUsed(inner);
  }

  /** Starts the named parts, which must be in the order of starting. */
  async start(names: readonly string[], options: { timeoutMs: number; signal: AbortSignal }): Promise<void> {
    this.#running = names.map((name) => this.container.get(partId, { name }));
    this.#tracing = isTracing();
    await startParts(
      this.#running.map((part) => this.#listened(part)),
      options,
    );
  }

  async stop(graceMs?: number): Promise<void> {
    await stopParts(this.#running, graceMs);
  }

  /** Reports once, as a warning of the process, a sink that breaks its promise not to throw: the work that was being logged must go on. */
  #complain(sink: LogSink, error: unknown): void {
    if (this.#broken.has(sink)) return;
    this.#broken.add(sink);
    process.emitWarning(asVivaceError(error));
  }

  /** Log sinks and telemetry are used from the moment their part has started. */
  #listened(part: RunningPart): RunningPart {
    return {
      ...part,
      start: async (context) => {
        await part.start(context);
        if (part.definition.provides.includes(logSink)) this.#sinks.push(part.face(logSink));
        if (part.definition.provides.includes(telemetry)) {
          this.#telemetries.push(part.face(telemetry));
          this.#tracing = isTracing();
        }
      },
    };
  }
}
