import { clearBit, createBitmap, isSet } from '../../data/bitmap.js';
import type { ColumnWriter } from '../../data/column.js';
import type { FeatureRows } from '../../data/feature-rows.js';
import type { FetchedRows, FrameColumn } from '../../data/frame.js';
import { status } from '../../data/status.js';
import { VivaceError } from '../../kernel/errors.js';
import type { FetchNode } from './node.js';
import type { Policy } from './schema.js';

/** The rows of a fetch after its policies were applied. */
export interface ResolvedRows {
  readonly rows: FetchedRows;
  /** One per feature of the node. */
  readonly columns: readonly FrameColumn[];
  /** 1 for each row that its policy leaves out. */
  readonly skip?: Uint8Array;
  readonly error?: VivaceError;
}

/** What decides the status of values: that of a fetch, or of a read without a pipeline. */
export type RowPolicy = Pick<
  FetchNode,
  'alias' | 'step' | 'features' | 'isStatic' | 'maxAgeMs' | 'onMissing' | 'onFailure'
>;

interface FetchCounts {
  missing: number;
  stale: number;
  failed: number;
}

/**
 * Applies max age, defaults and the policies of a fetch. Only this function decides what a value's status is. Both executors call it, so
 * online and as-of rows agree.
 *
 * @param time Request time in microseconds, one for all rows or one per row.
 * @throws {VivaceError} `FEATURE_MISSING` or the outage's code where the policy is `fail`.
 */
export function resolveRows(node: RowPolicy, rows: FeatureRows, time: number | Float64Array): ResolvedRows {
  const counts: FetchCounts = { missing: 0, stale: 0, failed: 0 };
  const anyAbsent = judgeRows(node, rows, { time, counts });
  const fetched: FetchedRows = {
    status: rows.status,
    eventTime: rows.eventTime,
    availableTime: rows.availableTime,
  };
  if (anyAbsent) failIfAsked(node, rows, counts);
  const columns = rows.columns.map((writer, i) =>
    resolveColumn(node, rows, { writer, feature: i, anyAbsent }),
  );
  const skip = anyAbsent ? skippedRows(node, rows.status) : undefined;
  return {
    rows: fetched,
    columns,
    ...(skip === undefined ? {} : { skip }),
    ...(rows.error === undefined ? {} : { error: rows.error }),
  };
}

/** Marks stale rows and counts; true where any row has no value to use. */
function judgeRows(
  node: RowPolicy,
  rows: FeatureRows,
  { time, counts }: { time: number | Float64Array; counts: FetchCounts },
): boolean {
  const maxAge = node.isStatic || node.maxAgeMs === undefined ? Infinity : node.maxAgeMs * 1000;
  const { status: statuses, eventTime } = rows;
  for (let row = 0; row < rows.rows; row++) {
    switch (statuses[row]) {
      case status.PRESENT: {
        if (node.isStatic) break;
        const age = (typeof time === 'number' ? time : (time[row] as number)) - (eventTime[row] as number);
        if (age > maxAge) {
          statuses[row] = status.STALE;
          counts.stale++;
        }
        break;
      }
      case status.MISSING:
        counts.missing++;
        break;
      default:
        counts.failed++;
    }
  }
  return counts.missing + counts.stale + counts.failed > 0;
}

function failIfAsked(node: RowPolicy, rows: FeatureRows, counts: FetchCounts): void {
  if (node.onFailure === 'fail' && counts.failed > 0) {
    const cause = rows.error;
    throw new VivaceError(
      cause?.code ?? 'UNAVAILABLE',
      `${node.alias}: ${cause?.message ?? 'rows could not be read'}`,
      {
        path: `steps[${node.step}]`,
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }
  if (node.onMissing === 'fail' && counts.missing + counts.stale > 0) {
    const what = counts.missing > 0 ? `${counts.missing} missing` : `${counts.stale} stale`;
    throw new VivaceError(
      'FEATURE_MISSING',
      `${node.alias}: ${what} of ${rows.rows} rows, which the pipeline requires (\`onMissing: fail\`)`,
      {
        path: `steps[${node.step}]`,
      },
    );
  }
}

function policyOf(node: RowPolicy, code: number): Policy {
  return code === status.FAILED ? node.onFailure : node.onMissing;
}

function skippedRows(node: RowPolicy, statuses: Uint8Array): Uint8Array | undefined {
  if (node.onMissing !== 'skip' && node.onFailure !== 'skip') return undefined;
  return statuses.map((code) => (code !== status.PRESENT && policyOf(node, code) === 'skip' ? 1 : 0));
}

function resolveColumn(
  node: RowPolicy,
  rows: FeatureRows,
  { writer, feature, anyAbsent }: { writer: ColumnWriter; feature: number; anyAbsent: boolean },
): FrameColumn {
  const column = writer.finish();
  if (!anyAbsent && column.valid === undefined) return column;
  const fallback = node.features[feature]!.default;
  const statuses = new Uint8Array(rows.rows);
  const valid = createBitmap(rows.rows, true);
  let anyNull = false;
  for (let row = 0; row < rows.rows; row++) {
    const rowStatus = rows.status[row] as number;
    const present = rowStatus === status.PRESENT;
    if (present && (column.valid === undefined || isSet(column.valid, row))) continue;
    const policy = policyOf(node, rowStatus);
    if (fallback !== undefined && policy !== 'null' && (present || policy !== 'skip')) {
      writer.set(row, fallback);
      statuses[row] = status.DEFAULTED;
      continue;
    }
    // What a source has left out is null already.
    if (column.valid === undefined || isSet(column.valid, row)) writer.setNull(row);
    clearBit(valid, row);
    anyNull = true;
    statuses[row] = present ? status.NULL : policy === 'skip' ? status.SKIPPED : rowStatus;
  }
  const { type, values, offsets } = writer.finish();
  return {
    type,
    rows: rows.rows,
    values,
    ...(offsets === undefined ? {} : { offsets }),
    ...(anyNull ? { valid } : {}),
    status: statuses,
  };
}
