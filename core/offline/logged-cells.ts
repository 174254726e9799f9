import { gather } from '../data/column-appender.js';
import { cellAt, columnOf, isValid, type Column } from '../data/column.js';
import type { Field } from '../data/feature-rows.js';
import type { Frame } from '../data/frame.js';
import { parseType } from '../data/types.js';
import { VivaceError } from '../kernel/errors.js';
import { logColumns, rowFields } from '../pipeline/log-columns.js';
import type { Plan, PlanNode } from '../pipeline/plan.js';
import type { LoggedCells } from '../pipeline/step-definition.js';
import type { RowBatch } from '../ports/warehouse.js';
import { columnOfBatch } from './blocks.js';
import { isVector, vectorsOf } from './list-columns.js';

/** What a run takes from the log: for each node, in which rows, by alias. */
export type FromLog = ReadonlyMap<string, Uint8Array>;

const text = parseType('string');
const int32 = parseType('int32');

/** The columns of a log that a run of a plan reads besides the fields of requests. */
export function cellsOf(plan: Plan): readonly Field[] {
  return [
    { name: logColumns.index, type: int32 },
    { name: logColumns.objects, type: int32 },
    ...plan.nodes
      .filter(isLogged)
      .flatMap(({ alias, writes }) => [
        ...rowFields(alias),
        { name: logColumns.defaulted(alias), type: text },
        { name: logColumns.contract(alias), type: text },
        ...writes.map(({ name, type }) => ({ name, type })),
      ]),
  ];
}

/** Whether a log tells rows of a node: those of sources with a history of their own. */
export function isLogged(node: PlanNode): boolean {
  return node.definition.fromLog !== undefined && contractOf(node) !== undefined;
}

/** The hash of how rows of a node are read; `undefined` where they are a function of their keys. */
export function contractOf(node: PlanNode): string | undefined {
  const offline = node.definition.offline(node);
  return offline.how === 'as-of' ? offline.contract : offline.how === 'refuse' ? offline.logged : undefined;
}

/** Whether rows of a node can be computed as of a past time: pushed rows, and sources that answer online only, are in logs alone. */
export function isComputable(node: PlanNode): boolean {
  const offline = node.definition.offline(node);
  if (offline.how === 'refuse') return false;
  return offline.how !== 'as-of' || offline.view.source !== undefined;
}

/**
 * What the log says of a node's rows in a block of a spine, and which of them are to be taken from it: those that were read under today's contract, or
 * all where nothing else knows them. A read that failed has no value.
 */
export function loggedCells(
  node: PlanNode,
  frame: Frame,
  { block, contract: own }: { block: RowBatch; contract: string | undefined },
): LoggedCells {
  const { alias, scope, writes } = node;
  const firsts = firstRows(frame);
  const column = (name: string): Column => {
    const found = columnOfBatch(block, name)!;
    return scope === 'object' || frame.objects === 0 ? found : gather(found, firsts);
  };
  const status = column(logColumns.status(alias));
  const contract = column(logColumns.contract(alias));
  const today = isComputable(node) ? own : undefined;
  const rows: number[] = [];
  for (let row = 0; row < status.rows; row++) {
    const known = cellAt(status, row);
    if (known !== 'PRESENT' && known !== 'MISSING' && known !== 'STALE') continue;
    if (today === undefined || cellAt(contract, row) === today) rows.push(row);
  }
  return {
    rows: Uint32Array.from(rows),
    status,
    eventTime: column(logColumns.eventTime(alias)),
    availableTime: column(logColumns.availableTime(alias)),
    defaulted: column(logColumns.defaulted(alias)),
    columns: writes.map(({ name, type }) => ofType(column(name), type)),
  };
}

/** The first row of each request among the objects of a block. */
function firstRows({ offsets, requests }: Frame): Uint32Array {
  return offsets.subarray(0, requests);
}

/** A spine gives the types that were declared; an engine without one of them gives the next wider. */
function ofType(column: Column, type: Column['type']): Column {
  if (column.type.name === type.name) return column;
  throw new VivaceError(
    'INTERNAL',
    `the log gives ${column.type.name} where ${type.name} is expected: read it with \`compute: true\``,
  );
}

/**
 * Refuses requests of which the log has kept only some objects, for nodes that look at all of them together.
 *
 * @throws {VivaceError} `FAILED_PRECONDITION`
 */
export function checkWhole(nodes: readonly PlanNode[], frame: Frame, block: RowBatch): void {
  const node = nodes.find(({ over, scope }) => over === 'request' && scope === 'object');
  if (node === undefined) return;
  const objects = columnOfBatch(block, logColumns.objects)!;
  for (let request = 0; request < frame.requests; request++) {
    const [from, to] = [frame.offsets[request]!, frame.offsets[request + 1]!];
    const had = isValid(objects, from) ? Number(objects.values[from]) : to - from;
    if (had === to - from) continue;
    throw new VivaceError(
      'FAILED_PRECONDITION',
      `${node.verb} "${node.alias}" looks at all objects of a request together, and the log has kept ${to - from} of ${had} of one: log all of them, or build the set from a pipeline without this step`,
    );
  }
}

/** Flags of rows. */
export function flagsOf(rows: Uint32Array, total: number): Uint8Array {
  const flags = new Uint8Array(total);
  for (const row of rows) flags[row] = 1;
  return flags;
}

/** A column of a file of the log in the type that is wanted; null in every row where it cannot be. */
export function fitted(column: Column | undefined, { type }: Field, rows: number): Column {
  if (column?.type.name === type.name) return column;
  const cells = Array.from({ length: rows }, (_, row) => (column === undefined ? null : cellAt(column, row)));
  // Lists of names, and the lists that vectors are in files.
  if (column?.type.name === 'list<string>' && type.name === 'string')
    return columnOf(
      type,
      cells.map((cell) => (cell === null ? null : (cell as readonly string[]).join(','))),
    );
  if (column !== undefined && isVector(column, type)) return vectorsOf(column, type);
  return columnOf(type, new Array<null>(rows).fill(null));
}
