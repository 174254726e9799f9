import { gather } from '../data/column-appender.js';
import type { Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import { parseType } from '../data/types.js';
import type { CallContext } from '../kernel/call.js';
import { asVivaceError, VivaceError } from '../kernel/errors.js';
import type { PushInput } from '../ports/data-plane.js';
import type { LogSource, ServedLog } from '../ports/served-log.js';
import { pushedTimes } from '../views/pushed-rows.js';
import type { FeatureView } from '../views/view.js';

const timestamp = parseType('timestamp');

/** The log of what was pushed into a view. */
export function pushedSource({ name }: Pick<FeatureView, 'name'>): LogSource {
  return { kind: 'pushed', name };
}

/** The columns of the log of a view: its keys, the times of a row, its features. */
export function pushedFields({ entity, features }: FeatureView): readonly Field[] {
  return [
    ...entity.map(({ name, type }) => ({ name, type })),
    { name: pushedTimes.event, type: timestamp },
    { name: pushedTimes.available, type: timestamp },
    ...features.map(({ name, type }) => ({ name, type })),
  ];
}

interface RowsToKeep {
  readonly input: PushInput;
  /** Which of its rows. */
  readonly rows: Uint32Array;
  /** Per row of the input, microseconds. */
  readonly available: Float64Array;
  readonly log: ServedLog;
}

/**
 * Keeps rows in the log of a view: when it resolves, they are in a file.
 *
 * @throws {VivaceError} What kept them from it, naming the log; they may be there nevertheless.
 */
export async function appendPushed(
  view: FeatureView,
  { input, rows, available, log }: RowsToKeep,
  context: CallContext,
): Promise<void> {
  const columns: readonly Column[] = [
    ...input.keys.map((column) => gather(column, rows)),
    gather(input.eventTime, rows),
    {
      type: timestamp,
      rows: rows.length,
      values: Float64Array.from(rows, (row) => available[row] as number),
    },
    ...input.features.map((column) => gather(column, rows)),
  ];
  try {
    await log.append(pushedSource(view), { fields: pushedFields(view), columns, rows: rows.length }, context);
  } catch (thrown) {
    const error = asVivaceError(thrown);
    throw new VivaceError(
      error.code,
      `"${view.source?.log}", which keeps what is pushed, has not confirmed the rows, so none was written to the store: ${error.message}`,
      {
        cause: error,
        httpStatus: error.httpStatus,
        ...(error.part === undefined ? {} : { part: error.part }),
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      },
    );
  }
}
