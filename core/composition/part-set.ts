import type { Container, ContainerModule } from 'inversify';
import { asVivaceError } from '../kernel/errors.js';
import type { Admission } from '../kernel/admission.js';
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
import { bindParts, partId, type PartMaking } from './container.js';
import { HttpFront } from './http-front.js';
import { keptParts } from './kept-parts.js';
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
  readonly #modules: Map<string, ContainerModule>;
  readonly #making: PartMaking;
  readonly #former: PartSet | undefined;
  readonly #kept: ReadonlySet<string>;
  readonly #fronts = new Map<string, HttpFront>();
  readonly #sinks = new Map<string, LogSink>();
  readonly #broken = new Set<LogSink>();
  readonly #telemetries = new Map<string, Telemetry>();
  #running: readonly RunningPart[] = [];
  /** Those of the running parts that this set stops, in the order of starting. */
  #own: readonly RunningPart[] = [];
  #vacated: readonly string[] = [];
  #tracing = false;

  /**
   * @param container Holds everything except the parts, which are bound here.
   * @param former A set that runs, whose parts are taken over where they stay as they are.
   */
  constructor(
    container: Container,
    parts: ReadonlyMap<string, ResolvedPart>,
    {
      clock,
      directory,
      admission,
      former,
    }: { clock: Clock; directory: string; admission: Admission; former?: PartSet | undefined },
  ) {
    this.container = container;
    this.#parts = parts;
    this.order = startOrder(parts);
    const writeLog = (record: LogRecord): void => {
      for (const sink of this.#sinks.values()) {
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
    const surroundings = { directory, clock, admission, writeLog, tracing: this.tracing };
    this.#making = {
      surroundings,
      kept: (name) => (this.#kept.has(name) ? former?.runningPart(name) : undefined),
      front: (part) => this.#front(part).face,
    };
    this.#former = former;
    this.#kept =
      former !== undefined && former.#isAt({ clock, directory })
        ? keptParts(parts, former.#alive())
        : new Set();
    this.#modules = bindParts(container, parts.values(), this.#making);
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
    return [...this.#telemetries.values()];
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

  /** The parts that run and that this set stops, by a port that they provide. */
  own<T>(port: Port<T>): readonly T[] {
    return this.#own
      .filter(({ definition }) => definition.provides.includes(port))
      .map((part) => part.face(port));
  }

  runningPart(name: string): RunningPart | undefined {
    return this.#running.find((part) => part.name === name);
  }

  /** What stands before each running HTTP server, by the server's name. */
  get fronts(): ReadonlyMap<string, HttpFront> {
    return new Map(
      this.#running
        .filter(({ definition }) => definition.provides.includes(httpServer))
        .map((part) => [part.name, this.#front(part)]),
    );
  }

  /**
   * Starts the named parts, which must be in the order of starting, except those that are kept. Where it fails, what was started is stopped.
   *
   * @param options.vacate Asks the former set to stop the named parts, because others can start only then.
   */
  async start(
    names: readonly string[],
    {
      vacate,
      ...options
    }: { timeoutMs: number; signal: AbortSignal; vacate?: (names: readonly string[]) => Promise<void> },
  ): Promise<void> {
    this.#running = names.map((name) => this.container.get(partId, { name }));
    this.#tracing = isTracing();
    for (const part of this.#running) if (this.#kept.has(part.name)) this.#use(part);
    const fresh = this.#running.filter(({ name }) => !this.#kept.has(name));
    const { waiting, occupied } = this.#occupied(fresh);
    const begin = (parts: readonly RunningPart[]): Promise<void> => {
      this.#own = [...this.#own, ...parts];
      return startParts(
        parts.map((part) => this.#listened(part)),
        options,
      );
    };
    await begin(fresh.filter(({ name }) => !waiting.has(name)));
    if (waiting.size === 0) return;
    try {
      await vacate!(occupied);
      await begin(fresh.filter(({ name }) => waiting.has(name)));
    } catch (error) {
      await this.stop(0).catch(() => undefined);
      throw error;
    }
  }

  async stop(graceMs?: number): Promise<void> {
    await stopParts(this.#own, graceMs);
  }

  /** Takes the kept parts from the former set: from now on they belong to this one. */
  takeKept(): void {
    const former = this.#former!;
    former.#own = former.#own.filter(
      ({ name }) => !this.#kept.has(name) || this.runningPart(name) === undefined,
    );
    for (const part of this.#running) if (this.#kept.has(part.name)) part.move(this.#making.surroundings);
    this.#own = this.#running;
  }

  /** Stops the named parts and those that use them. */
  async vacate(names: readonly string[]): Promise<void> {
    const gone = new Set(this.#withUsers(names));
    this.#vacated = this.order.filter((name) => gone.has(name));
    for (const name of gone) {
      this.#sinks.delete(name);
      this.#telemetries.delete(name);
    }
    await stopParts(this.#own.filter(({ name }) => gone.has(name)));
  }

  /**
   * Makes and starts the parts anew that `vacate` has stopped.
   *
   * @returns Their names; none where nothing was stopped.
   */
  async revive(options: { timeoutMs: number; signal: AbortSignal }): Promise<readonly string[]> {
    const names = this.#vacated;
    this.#vacated = [];
    for (const name of names) {
      this.container.unload(this.#modules.get(name)!);
      this.#fronts.delete(name);
    }
    const parts = names.map((name) => this.#parts.get(name)!);
    for (const [name, module] of bindParts(this.container, parts, this.#making))
      this.#modules.set(name, module);
    const made = new Map(names.map((name) => [name, this.container.get(partId, { name })]));
    this.#running = this.#running.map((part) => made.get(part.name) ?? part);
    this.#own = this.#own.map((part) => made.get(part.name) ?? part);
    await startParts(
      [...made.values()].map((part) => this.#listened(part)),
      options,
    );
    this.#tracing = isTracing();
    return names;
  }

  #isAt(place: { readonly clock: Clock; readonly directory: string }): boolean {
    const { clock, directory } = this.#making.surroundings;
    return clock === place.clock && directory === place.directory;
  }

  /** The parts that are ready. */
  #alive(): ReadonlyMap<string, ResolvedPart> {
    const ready = this.#own.filter(({ guarded }) => guarded.state === 'ready');
    return new Map(ready.map(({ name }) => [name, this.#parts.get(name)!]));
  }

  #front(part: RunningPart): HttpFront {
    let front = this.#fronts.get(part.name);
    if (front === undefined) {
      front = new HttpFront(part.face(httpServer));
      this.#fronts.set(part.name, front);
    }
    return front;
  }

  /** Which parts can start only when parts of the former set have stopped, and which those are. */
  #occupied(fresh: readonly RunningPart[]): {
    readonly waiting: ReadonlySet<string>;
    readonly occupied: readonly string[];
  } {
    const former = this.#former === undefined ? [] : this.#former.#own;
    const leaving = former.filter(({ name }) => !this.#kept.has(name));
    const refused = new Set<string>();
    const occupied = new Set<string>();
    for (const { name, lifecycle } of fresh) {
      const same = leaving.find((other) => other.name === name);
      if (same !== undefined && lifecycle.takeOver?.(same.lifecycle) === true) continue;
      const exclusive = lifecycle.supports?.exclusive;
      if (exclusive === undefined) continue;
      for (const other of leaving) {
        if (other.lifecycle.supports?.exclusive !== exclusive) continue;
        refused.add(name);
        occupied.add(other.name);
      }
    }
    const isTelemetry = ({ name, definition }: RunningPart): boolean =>
      refused.has(name) && definition.provides.includes(telemetry);
    // What a part records goes to the telemetry that is there when it begins.
    const all = fresh.some(isTelemetry);
    const waiting = all ? fresh.map(({ name }) => name) : this.#withUsers([...refused]);
    return { waiting: new Set(waiting), occupied: [...occupied] };
  }

  #withUsers(names: readonly string[]): readonly string[] {
    const found = new Set(names);
    // An order of starting has users after what they use.
    for (const name of this.order)
      if (Object.values(this.#parts.get(name)!.slots).some((used) => found.has(used))) found.add(name);
    return this.order.filter((name) => found.has(name));
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
        this.#use(part);
        if (part.definition.provides.includes(telemetry)) this.#tracing = isTracing();
      },
    };
  }

  #use(part: RunningPart): void {
    const { provides } = part.definition;
    if (provides.includes(logSink)) this.#sinks.set(part.name, part.face(logSink));
    if (provides.includes(telemetry)) this.#telemetries.set(part.name, part.face(telemetry));
  }
}
