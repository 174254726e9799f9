import { isValid, type Column } from '../data/column.js';
import type { PlanColumn } from '../pipeline/plan.js';
import type { RowBatch } from '../ports/warehouse.js';
import type { AsOfBlock } from './as-of-run.js';
import { RowsDigest } from './digest.js';
import type { TrainingColumns } from './training-rows.js';

/** What is counted of the rows of a training set while they pass. */
export class TrainingCounts {
  readonly #columns: TrainingColumns;
  readonly #digest: RowsDigest;
  /** By alias, how many rows a marked step could not read. */
  readonly #failed: Map<string, number>;
  /** How many values each column does not have. */
  readonly nulls: Float64Array;
  /** How many values of each column come from a log. */
  readonly logged: Float64Array;
  #rows = 0;

  constructor(columns: TrainingColumns) {
    const { fields, marked } = columns;
    this.#columns = columns;
    this.#digest = new RowsDigest(fields);
    // Keys: aliases of steps.
    this.#failed = new Map(marked.map((node) => [node.alias, 0]));
    this.nulls = new Float64Array(fields.length);
    this.logged = new Float64Array(fields.length);
  }

  /** @param batch The rows of `block`. */
  add(block: AsOfBlock, batch: RowBatch): void {
    const { columns, marked } = this.#columns;
    marked.forEach(({ alias }, i) => {
      const flags = batch.columns[1 + columns.length + i]!.values as Uint8Array;
      this.#failed.set(alias, this.#failed.get(alias)! + countOnes(flags));
    });
    this.#digest.add(batch.columns);
    batch.columns.forEach((column, i) => (this.nulls[i] = this.nulls[i]! + countNulls(column)));
    columns.forEach(
      (column, i) => (this.logged[i + 1]! += countLogged(block, column, batch.columns[i + 1]!)),
    );
    this.#rows += batch.rows;
  }

  get rows(): number {
    return this.#rows;
  }

  get failed(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#failed);
  }

  /** How many cells the marked steps could not read. */
  get failedCells(): number {
    const { marked } = this.#columns;
    return marked.reduce((sum, node) => sum + this.#failed.get(node.alias)! * node.writes.length, 0);
  }

  /** The digest of all rows; nothing is added after it. */
  digest(): string {
    return this.#digest.finish();
  }
}

function countOnes(flags: Uint8Array): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}

/** How many values of a column come from the log. */
function countLogged({ frame, logged }: AsOfBlock, { name, scope }: PlanColumn, column: Column): number {
  const flags = logged.get(name.split('.')[0]!);
  if (flags === undefined) return 0;
  let count = 0;
  for (let row = 0; row < column.rows; row++) {
    const at = scope === 'object' || frame.objects === 0 ? row : frame.requestOf[row]!;
    if (flags[at] === 1 && isValid(column, row)) count++;
  }
  return count;
}

function countNulls(column: Column): number {
  if (column.valid === undefined) return 0;
  let nulls = 0;
  for (let row = 0; row < column.rows; row++) if (!isValid(column, row)) nulls++;
  return nulls;
}
