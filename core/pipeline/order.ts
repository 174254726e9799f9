import { isValid } from '../data/column.js';
import type { Frame } from '../data/frame.js';
import { columnAt } from './inputs.js';
import type { Plan } from './plan.js';

/**
 * The object rows of an answer, in its order: skipped ones are left out; ties keep the order of the request; nulls come last. The frame of an answer has one, which
 * is found once.
 */
export function orderOf(plan: Plan, frame: Frame): Uint32Array {
  return (frame.answerOrder ??= sorted(plan, frame));
}

function sorted(plan: Plan, frame: Frame): Uint32Array {
  const kept = frame.kept(plan.answerMask);
  const rows = kept === undefined ? new Uint32Array(frame.objects) : kept.rows.slice();
  if (kept === undefined) for (let row = 0; row < rows.length; row++) rows[row] = row;
  const { orderBy, descending, limit } = plan.response;
  if (orderBy !== undefined) {
    const column = columnAt(frame, orderBy, 'object');
    const values = column.values as readonly (number | string)[] | Float64Array;
    const sign = descending ? -1 : 1;
    const last = (row: number): boolean => !isValid(column, row) || Number.isNaN(values[row]);
    rows.sort((a, b) => {
      const [aLast, bLast] = [last(a), last(b)];
      if (aLast || bLast) return Number(aLast) - Number(bLast) || a - b;
      const [x, y] = [values[a]!, values[b]!];
      return x < y ? -sign : x > y ? sign : a - b;
    });
  }
  return limit === undefined ? rows : rows.subarray(0, limit);
}
