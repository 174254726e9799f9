import { gather } from '../data/column-appender.js';
import { cellAt, isValid, type Column } from '../data/column.js';
import type { ColumnType } from '../data/types.js';
import { logColumns } from '../pipeline/log-columns.js';
import type { ChangedPeriod } from '../ports/offline-store.js';
import type { RowBatch } from '../ports/warehouse.js';
import type { Ledger } from '../views/ledger.js';
import { knowledgeTime } from '../views/refresh.js';
import { columnOfBatch, groupsOf } from './blocks.js';
import type { DaySpan } from '../views/run-periods.js';
import { copiedUntil, daysBehind, pastOf } from './copied-until.js';
import { contractOf } from './logged-cells.js';
import type { ComputedNode, Recomputation, RecomputedRows } from './recompute.js';
import { relativeError } from './relative-error.js';
import { isRewritten, restatedAround, restatedDays, type RestatedDays } from './restated-days.js';
import { identitiesOf, recomputedIdentities, withoutTimes } from './row-identities.js';
import { causeOf, isThere, orderOf, sinceOf, type RowIdentity, type SkewFacts } from './skew-cause.js';

/** What is known of the store of a view and of its source, besides the rows themselves. */
export interface ViewEvidence {
  /** Empty where the store was not asked. */
  readonly ledger: Pick<Ledger, 'runs' | 'closed' | 'restatements'>;
  /** How the source of the view has changed since it was copied; absent where nothing tells. */
  readonly changed?: readonly ChangedPeriod[] | undefined;
  /** How long the store keeps a row, microseconds. */
  readonly expiresAfter?: number | undefined;
}

/** A row that a fetch was served, and that differs from what is computed anew. */
export interface SkewedRow {
  readonly requestId: string;
  /** Place of the object in its request. */
  readonly index: number;
  /** The request time, microseconds. */
  readonly time: number;
  readonly cause: ReturnType<typeof causeOf>;
  readonly served: RowIdentity;
  readonly recomputed: RowIdentity;
  /** Per feature that differs: its place, both values, the relative error, and why. */
  readonly values: readonly {
    readonly feature: number;
    readonly served: unknown;
    readonly recomputed: unknown;
    readonly error: number;
    readonly cause: ReturnType<typeof causeOf>;
  }[];
}

/** How many rows of a node a block has, and which of them differ. */
export interface ComparedRows {
  readonly rows: number;
  readonly skewed: readonly SkewedRow[];
}

/** The rows of a node in a block as they were served. */
interface ServedFetch {
  /** Rows of the block, one for each row of the node. */
  readonly rows: Uint32Array;
  readonly time: Float64Array;
  readonly answered: Float64Array;
  readonly identities: readonly RowIdentity[];
  readonly contract: Column;
  readonly cachedMs: Column;
  readonly columns: readonly Column[];
}

type Difference = Pick<SkewFacts, 'served' | 'recomputed'> & {
  /** Row of the node. */
  readonly row: number;
  /** Per feature. */
  readonly errors: readonly number[];
};

/** Compares what a fetch was served with what is computed anew, block by block. */
export class FetchComparison {
  readonly #computed: ComputedNode;
  readonly #recomputation: Recomputation;
  readonly #evidence: ViewEvidence;
  readonly #contract: string | undefined;
  readonly #restated: readonly RestatedDays[];

  constructor(computed: ComputedNode, recomputation: Recomputation, evidence: ViewEvidence) {
    this.#computed = computed;
    this.#recomputation = recomputation;
    this.#evidence = evidence;
    this.#contract = contractOf(computed.node);
    this.#restated = restatedDays(evidence.ledger);
  }

  /** Rows that the fetch was not asked for, such as those of objects that were left out before, are not compared. */
  async compare(block: RowBatch): Promise<ComparedRows> {
    const served = this.#served(block);
    const { rows, time } = served;
    if (rows.length === 0) return { rows: 0, skewed: [] };
    const recomputed = await this.#recomputation.served(this.#computed.node.id, block, rows, time);
    const differences = this.#differences(served, recomputed);
    const facts = await this.#facts(block, served, differences);
    return {
      rows: rows.length,
      skewed: differences.map((difference, i) =>
        this.#skewed({ block, served, recomputed }, difference, facts[i]!),
      ),
    };
  }

  #served(block: RowBatch): ServedFetch {
    const { alias, scope, writes } = this.#computed.node;
    const statuses = columnOfBatch(block, logColumns.status(alias))!;
    const all =
      scope === 'object'
        ? Uint32Array.from({ length: block.rows }, (_, row) => row)
        : groupsOf(block).slice(0, -1);
    const rows = all.filter((row) => isFetched(cellAt(statuses, row)));
    const column = (name: string): Column => gather(columnOfBatch(block, name)!, rows);
    const identities = identitiesOf(
      Array.from(rows, (row) => cellAt(statuses, row) as RowIdentity['status']),
      {
        eventTime: column(logColumns.eventTime(alias)).values as Float64Array,
        availableTime: column(logColumns.availableTime(alias)).values as Float64Array,
      },
    );
    return {
      rows,
      time: column('time').values as Float64Array,
      answered: column(logColumns.answered).values as Float64Array,
      identities: this.#computed.view.isStatic ? identities.map(withoutTimes) : identities,
      contract: column(logColumns.contract(alias)),
      cachedMs: column(logColumns.cachedMs(alias)),
      columns: writes.map(({ name }) => column(name)),
    };
  }

  #differences({ identities, columns }: ServedFetch, recomputed: RecomputedRows): readonly Difference[] {
    const found = recomputedIdentities(recomputed);
    const differences: Difference[] = [];
    for (let row = 0; row < identities.length; row++) {
      const [before, now] = [identities[row]!, found[row]!];
      const errors = columns.map((column, i) =>
        relativeError(cellAt(column, row), cellAt(recomputed.columns[i]!, row)),
      );
      const isSame = before.status === now.status && orderOf(before, now) === 0;
      if (isSame && errors.every((error) => error === 0)) continue;
      differences.push({ row, served: before, recomputed: now, errors });
    }
    return differences;
  }

  async #facts(
    block: RowBatch,
    served: ServedFetch,
    differences: readonly Difference[],
  ): Promise<readonly Omit<SkewFacts, 'error' | 'tolerance'>[]> {
    const { view } = this.#computed;
    const earlier = await this.#earlier(block, served, differences);
    const cached = await this.#cached(block, served, differences);
    return differences.map((difference) => {
      const { row, served: before, recomputed: now } = difference;
      const days = [before, now]
        .filter((each) => isThere(each) && !view.isStatic)
        .map(({ eventTime }) => daysBehind(view, eventTime));
      return {
        sameContract: cellAt(served.contract, row) === this.#contract,
        served: before,
        recomputed: now,
        isStatic: view.isStatic,
        knownUntil: knowledgeTime(view.refresh, served.time[row]!),
        answeredAt: served.answered[row]!,
        copiedUntil: copiedUntil(this.#evidence.ledger, served.answered[row]!),
        expiresAfter: this.#evidence.expiresAfter,
        hadEarlier: earlier.get(row),
        cachedFrom: cached.get(row),
        isRewritten: isThere(before) && !view.isStatic && isRewritten(this.#restated, before),
        restated: restatedAround(this.#restated, {
          days,
          served: before,
          readAt: served.answered[row]! - cachedFor(served, row),
        }),
        past: this.#past(difference, days),
        waits: (view.source?.overlapMs ?? 0) > 0,
      };
    });
  }

  /** The fingerprints of a ledger say nothing of rows that became known after it was written. */
  #past({ served, recomputed }: Difference, days: readonly DaySpan[]): SkewFacts['past'] {
    const { changed, ledger } = this.#evidence;
    const past = pastOf(changed, days);
    const since = Math.max(
      ...[served, recomputed].map((each) => (isThere(each) ? sinceOf(each) : -Infinity)),
    );
    return past === 'same' && since > (ledger.closed?.until ?? -Infinity) ? undefined : past;
  }

  /** Of rows that were not there: whether their keys had earlier ones. */
  async #earlier(
    block: RowBatch,
    served: ServedFetch,
    differences: readonly Difference[],
  ): Promise<ReadonlyMap<number, boolean>> {
    const absent = differences.filter(
      (each) => each.served.status === 'MISSING' && isThere(each.recomputed) && !this.#computed.view.isStatic,
    );
    // Keys: rows, which are numbers.
    if (absent.length === 0) return new Map();
    const rows = Uint32Array.from(absent, ({ row }) => served.rows[row]!);
    const before = Float64Array.from(absent, ({ recomputed }) => sinceOf(recomputed) - 1);
    const found = await this.#recomputation.known(this.#computed.node.id, block, rows, before);
    const identities = recomputedIdentities(found);
    // Keys: rows, which are numbers.
    return new Map(absent.map(({ row }, i) => [row, isThere(identities[i]!)]));
  }

  /** Of rows that a cache may have kept: those as of the earliest moment from which on it did. */
  async #cached(
    block: RowBatch,
    served: ServedFetch,
    differences: readonly Difference[],
  ): Promise<ReadonlyMap<number, RowIdentity>> {
    const cached = differences.filter(({ row }) => isValid(served.cachedMs, row));
    // Keys: rows, which are numbers.
    if (cached.length === 0) return new Map();
    const rows = Uint32Array.from(cached, ({ row }) => served.rows[row]!);
    const times = Float64Array.from(cached, ({ row }) => served.time[row]! - cachedFor(served, row));
    const found = await this.#recomputation.served(this.#computed.node.id, block, rows, times);
    const identities = recomputedIdentities(found);
    // Keys: rows, which are numbers.
    return new Map(cached.map(({ row }, i) => [row, identities[i]!]));
  }

  #skewed(
    of: { readonly block: RowBatch; readonly served: ServedFetch; readonly recomputed: RecomputedRows },
    { row, served, recomputed, errors }: Difference,
    facts: Omit<SkewFacts, 'error' | 'tolerance'>,
  ): SkewedRow {
    const { writes } = this.#computed.node;
    const tolerances = writes.map(({ type }) => toleranceOf(type));
    const causes = errors.map((error, i) => causeOf({ ...facts, error, tolerance: tolerances[i]! }));
    const values = errors.flatMap((error, feature) =>
      error === 0
        ? []
        : [
            {
              feature,
              served: cellAt(of.served.columns[feature]!, row),
              recomputed: cellAt(of.recomputed.columns[feature]!, row),
              error,
              cause: causes[feature]!,
            },
          ],
    );
    const worst = values.reduce<(typeof values)[number] | undefined>(
      (found, each) => (found === undefined || isWorse(each, found, tolerances) ? each : found),
      undefined,
    );
    const at = of.served.rows[row]!;
    return {
      requestId: String(cellAt(columnOfBatch(of.block, logColumns.requestId)!, at)),
      index: Number(cellAt(columnOfBatch(of.block, logColumns.index)!, at)),
      time: of.served.time[row]!,
      cause: worst?.cause ?? causeOf({ ...facts, error: 0, tolerance: 0 }),
      served,
      recomputed,
      values,
    };
  }
}

/** How long a cache may have kept a row, microseconds. */
function cachedFor({ cachedMs }: ServedFetch, row: number): number {
  return Math.round(Number(cellAt(cachedMs, row)) * 1000);
}

/** Sums of an engine in another order, and what a float32 keeps of a number; everything else is exact. */
function toleranceOf({ element }: ColumnType): number {
  return element === 'float64' ? 1e-9 : element === 'float32' ? 1e-6 : 0;
}

/** Whether a value is further from its tolerance than another. */
function isWorse(
  a: { readonly feature: number; readonly error: number },
  b: { readonly feature: number; readonly error: number },
  tolerances: readonly number[],
): boolean {
  return a.error - tolerances[a.feature]! > b.error - tolerances[b.feature]!;
}

function isFetched(cell: unknown): boolean {
  return cell === 'PRESENT' || cell === 'STALE' || cell === 'MISSING' || cell === 'FAILED';
}
