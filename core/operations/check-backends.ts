import type { Binding } from '../composition/part-set.js';
import type { Server } from '../composition/server-interface.js';
import type { CallContext } from '../kernel/call.js';
import { abortError, asVivaceError, type VivaceError } from '../kernel/errors.js';
import { keyValueStore } from '../ports/key-value-store.js';
import type { Port } from '../ports/port.js';
import { startNeeded, withServer } from './with-server.js';
import { timeoutSignal } from '../kernel/timer.js';

/** How many calls are made to a backend that has started; the median of their times is reported. */
const calls = 5;

/** Creates a new server from the same configuration each time, because a server starts only once. */
export type LoadAnew = () => Promise<Server>;

/** How long a backend took. */
export interface BackendTimes {
  /** Until its adapter had started, milliseconds. */
  readonly readyMs: number;
  /** The median time of an answer, milliseconds, for each of its ports that can be probed. */
  readonly answers: readonly { readonly port: string; readonly medianMs: number }[];
  /** What of its settings may lose entries. */
  readonly advice: readonly string[];
}

/** What became of one backend: its times, or why it failed. */
export interface CheckedBackend {
  readonly part: string;
  /** The name of the part's definition. */
  readonly use: string;
  readonly outcome: BackendTimes | VivaceError;
}

/**
 * Starts every adapter that has a backend on its own, with the parts that it uses, and asks it something that changes nothing: a key that
 * is not there, the first blob. A failure does not keep the others from being checked. Every server is stopped again.
 *
 * @param options.timeoutMs How long a backend may take to start, and to answer; default 10,000.
 * @returns One entry per adapter that can be probed, in the order of starting.
 * @throws {VivaceError} Where the signal aborts, its error.
 */
export async function checkBackends(
  load: LoadAnew,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number },
  context: CallContext,
): Promise<readonly CheckedBackend[]> {
  const checked: CheckedBackend[] = [];
  for (const { name, use, definition } of (await load()).bindings) {
    const ports = definition.provides.filter((port) => port.probe !== undefined);
    if (ports.length === 0) continue;
    const outcome = await withServer(await load(), (server) =>
      timesOf(server, { name, ports, timeoutMs }, context),
    ).catch(asVivaceError);
    if (context.signal.aborted) throw abortError(context.signal);
    checked.push({ part: name, use, outcome });
  }
  return checked;
}

async function timesOf(
  server: Server,
  { name, ports, timeoutMs }: Pick<Binding, 'name'> & { ports: readonly Port[]; timeoutMs: number },
  { signal }: CallContext,
): Promise<BackendTimes> {
  const from = performance.now();
  await startNeeded(server, [name], { signal, timeoutMs });
  const readyMs = performance.now() - from;
  const answers: { port: string; medianMs: number }[] = [];
  for (const port of ports) {
    const part = server.part(port, name);
    const times: number[] = [];
    for (let call = 0; call < calls; call++) {
      const begun = performance.now();
      await port.probe!(part, {
        signal: AbortSignal.any([signal, timeoutSignal(timeoutMs)]),
        deadline: begun + timeoutMs,
        bypassBreaker: true,
      });
      times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    answers.push({ port: port.name, medianMs: times[times.length >> 1]! });
  }
  const advice = ports.includes(keyValueStore)
    ? await server.part(keyValueStore, name).advise?.({ signal, deadline: performance.now() + timeoutMs })
    : undefined;
  return { readyMs, answers, advice: advice ?? [] };
}
