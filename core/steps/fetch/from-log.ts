import { concat, gather } from '../../data/column-appender.js';
import { cellAt, isValid, type Column } from '../../data/column.js';
import { FeatureRows } from '../../data/feature-rows.js';
import type { Frame, FrameColumn } from '../../data/frame.js';
import { status } from '../../data/status.js';
import type { LoggedCells } from '../../pipeline/step-definition.js';
import type { FetchNode } from './node.js';
import { resolveRows, type ResolvedRows } from './policy.js';

/**
 * Puts rows of a log in their places: what the source had given is put together again, and resolved as every other row is. So defaults, policies and
 * left-out objects are those of the pipeline, and a row with the same contract becomes what it was.
 */
export function fromLog(node: FetchNode, frame: Frame, logged: LoggedCells): void {
  const resolved = resolveRows(node, sourceRows(node, logged), timesOf(node, frame, logged.rows));
  markStale(resolved, logged);
  const total = frame.rows(node.scope);
  const base = frame.columns[node.writes[0]?.place ?? -1] === undefined ? nothing(node, total) : undefined;
  const at = placesOf(logged.rows, total);
  const fetched = frame.fetched[node.index] ?? {
    status: new Uint8Array(total).fill(status.MISSING),
    eventTime: new Float64Array(total),
    availableTime: new Float64Array(total),
  };
  logged.rows.forEach((row, i) => {
    fetched.status[row] = resolved.rows.status[i]!;
    fetched.eventTime[row] = resolved.rows.eventTime[i]!;
    fetched.availableTime[row] = resolved.rows.availableTime[i]!;
  });
  frame.fetched[node.index] = fetched;
  node.writes.forEach(({ place }, i) => {
    frame.columns[place] = laid(base?.[i] ?? frame.column(place), resolved.columns[i]!, at);
  });
  if (node.skips !== undefined) skip(node, frame, { resolved, rows: logged.rows });
}

/** The rows as the source had given them: without the defaults. */
function sourceRows(node: FetchNode, { rows, ...logged }: LoggedCells): FeatureRows {
  const given = new FeatureRows(node.features, rows.length);
  const cells = logged.columns.map((column) => gather(column, rows));
  cells.forEach((column, i) => given.columns[i]!.copy(column));
  rows.forEach((row, i) => {
    if (cellAt(logged.status, row) !== 'PRESENT') return given.setMissing(i);
    given.setPresent(i);
    given.eventTime[i] = isValid(logged.eventTime, row) ? (logged.eventTime.values[row] as number) : 0;
    given.availableTime[i] = isValid(logged.availableTime, row)
      ? (logged.availableTime.values[row] as number)
      : 0;
    const defaulted = cellAt(logged.defaulted, row);
    if (typeof defaulted !== 'string') return;
    const names = defaulted.split(',');
    node.features.forEach(({ name }, feature) => {
      if (names.includes(name)) given.columns[feature]!.setNull(i);
    });
  });
  return given;
}

/** A row that was too old has no values in the log, and becomes what one that is missing becomes; its status says why. */
function markStale({ rows }: ResolvedRows, logged: LoggedCells): void {
  logged.rows.forEach((row, i) => {
    if (cellAt(logged.status, row) !== 'STALE') return;
    rows.status[i] = status.STALE;
    rows.eventTime[i] = Number(cellAt(logged.eventTime, row) ?? 0);
    rows.availableTime[i] = Number(cellAt(logged.availableTime, row) ?? 0);
  });
}

function timesOf(node: FetchNode, frame: Frame, rows: Uint32Array): Float64Array {
  const requestOf = node.scope === 'object' ? frame.requestOf : undefined;
  return Float64Array.from(rows, (row) => frame.time[requestOf === undefined ? row : requestOf[row]!]!);
}

/** Columns without any value. */
function nothing(node: FetchNode, total: number): FrameColumn[] {
  const rows = new FeatureRows(node.features, total);
  for (let row = 0; row < total; row++) rows.setMissing(row);
  return rows.columns.map((writer) => ({
    ...writer.finish(),
    status: new Uint8Array(total).fill(status.MISSING),
  }));
}

/** For each of `total` rows, its place behind a base of as many: itself, or its row of what is laid over it. */
function placesOf(rows: Uint32Array, total: number): Uint32Array {
  const at = Uint32Array.from({ length: total }, (_, row) => row);
  rows.forEach((row, i) => (at[row] = total + i));
  return at;
}

function laid(base: FrameColumn, over: FrameColumn, at: Uint32Array): FrameColumn {
  const column: Column = gather(concat([base, over]), at);
  if (base.status === undefined && over.status === undefined) return column;
  const statuses = Uint8Array.from(at, (place) =>
    place < base.rows ? (base.status?.[place] ?? status.PRESENT) : (over.status?.[place - base.rows] ?? 0),
  );
  return { ...column, status: statuses };
}

/** Flags the objects that rows of the log leave out, beside those that computed rows do. */
function skip(
  node: FetchNode,
  frame: Frame,
  { resolved, rows }: { resolved: ResolvedRows; rows: Uint32Array },
): void {
  const flags = new Uint8Array(frame.rows(node.scope));
  const before = frame.skippedBy(node.skips!);
  const objects = before?.slice() ?? new Uint8Array(frame.objects);
  rows.forEach((row, i) => (flags[row] = resolved.skip?.[i] ?? 0));
  if (node.scope === 'object') rows.forEach((row) => (objects[row] = flags[row]!));
  else {
    const taken = new Uint8Array(frame.requests);
    for (const row of rows) taken[row] = 1;
    frame.requestOf.forEach((request, row) => {
      if (taken[request] === 1) objects[row] = flags[request]!;
    });
  }
  frame.skip(node.skips!, objects);
}
