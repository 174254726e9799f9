import { abortError, PartialFailure, VivaceError, type ErrorCode } from '../kernel/errors.js';
import type { CallContext } from '../kernel/call.js';
import { pause } from '../kernel/timer.js';

/** Faults to inject. All are read at each call, so a test may change them while it runs. */
export interface FaultPlan {
  /** Waits this long before each call, milliseconds; obeys the call's signal. */
  delayMs?: number;
  /** This many of the next calls fail; `Infinity` for an outage. */
  failures?: number;
  code?: ErrorCode;
  /** Keys of a batch read that fail while the others are answered. */
  failKeys?: (key: string) => boolean;
  /** Only these operations; default: all. */
  operations?: readonly string[];
}

/**
 * A part that behaves as `driver` does, with faults: a delay, failures that pass or stay, and batches of which some keys fail.
 *
 * Every operation becomes asynchronous. `calls` counts what reached it.
 */
export function faulty<T extends object>(
  driver: T,
  plan: FaultPlan,
): T & { readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  return new Proxy(driver, {
    get(target, name) {
      if (name === 'calls') return calls;
      const value: unknown = Reflect.get(target, name);
      if (name === 'supports' && typeof value === 'object') return { ...value, synchronous: false };
      if (
        typeof value !== 'function' ||
        typeof name !== 'string' ||
        plan.operations?.includes(name) === false
      )
        return value;
      return async (...args: unknown[]): Promise<unknown> => {
        calls[name] = (calls[name] ?? 0) + 1;
        const context = args.find(
          (arg): arg is CallContext => (arg as CallContext | undefined)?.signal instanceof AbortSignal,
        );
        if (plan.delayMs !== undefined) {
          const signal = context?.signal;
          await pause(plan.delayMs, { ref: true, ...(signal === undefined ? {} : { signal }) });
          if (signal?.aborted === true) throw abortError(signal);
        }
        if ((plan.failures ?? 0) > 0) {
          plan.failures = (plan.failures as number) - 1;
          throw new VivaceError(plan.code ?? 'UNAVAILABLE', `${name} fails, as the test asked`);
        }
        const answer: unknown = await (value as (...all: unknown[]) => unknown).apply(target, args);
        return plan.failKeys === undefined || !Array.isArray(answer)
          ? answer
          : withFailedKeys(answer, args[0], plan);
      };
    },
  }) as T & { calls: Record<string, number> };
}

function withFailedKeys(answer: readonly unknown[], batch: unknown, plan: FaultPlan): unknown {
  const keys = (batch as readonly (string | { key: string })[]).map((item) =>
    typeof item === 'string' ? item : item.key,
  );
  const failures = keys.flatMap((key, index) =>
    plan.failKeys!(key)
      ? [{ index, error: new VivaceError(plan.code ?? 'UNAVAILABLE', `${key} fails, as the test asked`) }]
      : [],
  );
  if (failures.length === 0) return answer;
  if (failures.length === keys.length) throw failures[0]!.error;
  const failed = new Set(failures.map((failure) => failure.index));
  throw new PartialFailure(
    answer.map((value, i) => (failed.has(i) ? undefined : value)),
    failures,
  );
}
