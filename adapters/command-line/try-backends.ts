import {
  type ErrorCode,
  isVivaceError,
  messageOf,
  type Binding,
  type CallContext,
  type Port,
  type Server,
} from 'vivace';
import { withServer } from './configuration.js';
import type { Branch } from './tree.js';

/** Calls of a backend that has started; the median of their times is shown. */
const calls = 5;

export interface Tried {
  readonly lines: Branch;
  readonly failed: boolean;
}

/**
 * Starts every adapter that has a backend by itself, and asks it something that changes nothing. One that fails keeps no other from
 * being tried.
 *
 * @param load Makes the server anew: one starts once.
 */
export async function tryBackends(
  server: Server,
  load: () => Promise<Server>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<Tried> {
  const lines: Branch[] = [];
  let failed = false;
  for (const binding of server.bindings) {
    const ports = binding.definition.provides.filter((port) => port.probe !== undefined);
    if (ports.length === 0) continue;
    const head = `${binding.name}: ${binding.use}`;
    try {
      lines.push({ text: `${head}  ${await tryOne(binding, ports, await load(), { timeoutMs, signal })}` });
    } catch (error) {
      if (signal.aborted) throw error;
      failed = true;
      lines.push({ text: `${head}  failed: ${codeOf(error)} ${messageOf(error)}` });
    }
  }
  return { lines: { text: 'backends', branches: lines }, failed };
}

async function tryOne(
  { name }: Binding,
  ports: readonly Port[],
  server: Server,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<string> {
  return withServer(server, async () => {
    const from = performance.now();
    await server.startOnly([name], { timeoutMs });
    const startedMs = performance.now() - from;
    const answers: string[] = [];
    for (const port of ports) {
      const part = server.part(port, name);
      const times: number[] = [];
      for (let call = 0; call < calls; call++) {
        const begun = performance.now();
        await port.probe!(part, contextOf(timeoutMs, signal));
        times.push(performance.now() - begun);
      }
      times.sort((a, b) => a - b);
      answers.push(`${port.name} answers in ${milliseconds(times[times.length >> 1] as number)}`);
    }
    return `ready in ${milliseconds(startedMs)}, ${answers.join(', ')}`;
  });
}

function contextOf(timeoutMs: number, signal: AbortSignal): CallContext {
  return {
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    deadline: performance.now() + timeoutMs,
  };
}

function codeOf(error: unknown): ErrorCode {
  return isVivaceError(error) ? error.code : 'INTERNAL';
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}
