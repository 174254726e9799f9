import { asVivaceError, isPartialFailure, valuesUnless, type FailedKey } from '../kernel/errors.js';
import type { OperationSpec } from '../ports/port.js';

type Operation = (...args: unknown[]) => unknown;

/**
 * The operation for batches of any size: an empty batch is answered at once, one above `maxBatch` in several calls. Where every call
 * answers at once, so does the whole.
 */
export function inBatches(
  operation: Operation,
  { maxBatch, merge }: { readonly maxBatch: number } & Pick<OperationSpec, 'merge'>,
): Operation {
  const answerOf = (values: readonly unknown[]): unknown => (merge === 'none' ? undefined : values);
  return (batch, ...rest) => {
    const items = batch as readonly unknown[];
    if (items.length === 0) return answerOf([]);
    if (items.length <= maxBatch) return operation(items, ...rest);
    const starts = Array.from({ length: Math.ceil(items.length / maxBatch) }, (_, i) => i * maxBatch);
    const answers = starts.map((from) =>
      settle(() => operation(items.slice(from, from + maxBatch), ...rest)),
    );
    const sizes = starts.map((from) => Math.min(maxBatch, items.length - from));
    return answers.some((answer) => answer instanceof Promise)
      ? Promise.all(answers.map(async (answer) => answer)).then((all) => answerOf(concat(all, sizes)))
      : answerOf(concat(answers as readonly Settled[], sizes));
  };
}

/** The values of several calls, end to end; the indexes of failures become indexes into the whole batch. */
function concat(settled: readonly Settled[], sizes: readonly number[]): readonly unknown[] {
  const values: unknown[] = [];
  const failures: FailedKey[] = [];
  let from = 0;
  settled.forEach((outcome, i) => {
    const size = sizes[i] as number;
    const { value, error } = outcome;
    const answered = (isPartialFailure(error) ? error.values : value) as readonly unknown[] | undefined;
    for (let k = 0; k < size; k++) values.push(answered?.[k]);
    if (isPartialFailure(error)) {
      for (const failure of error.failures)
        failures.push({ index: from + failure.index, error: failure.error });
    } else if (!('value' in outcome)) {
      const failed = asVivaceError(error);
      for (let k = 0; k < size; k++) failures.push({ index: from + k, error: failed });
    }
    from += size;
  });
  return valuesUnless(failures, values);
}

interface Settled {
  readonly value?: unknown;
  readonly error?: unknown;
}

/** Runs `call`; its answer or error as data, at once where it answers at once. */
function settle(call: () => unknown): Settled | Promise<Settled> {
  try {
    const value = call();
    if (!(value instanceof Promise)) return { value };
    return value.then(
      (answer: unknown) => ({ value: answer }),
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}
