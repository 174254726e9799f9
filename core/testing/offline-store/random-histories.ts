import assert from 'node:assert/strict';
import type { Cell } from '../../data/column.js';
import { status } from '../../data/status.js';
import { microsPerDay as day, microsPerHour } from '../../kernel/time.js';
import type { FeatureView } from '../../views/view.js';
import { callContext as context } from '../start-part.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import {
  definedRow,
  numbersFrom,
  randomHistory,
  valueColumns,
  type DefinedRow,
  type HistoryEvent,
} from './histories.js';
import { asOf, bytesOf, read, rowsOf, type Request, type Row } from './rows.js';
import { eventsOf } from './tables.js';

/** How much is tried of each view. */
interface Trials {
  readonly events: number;
  readonly keys: number;
  readonly moments: number;
  /** Times of materializations, in days. Some are skipped, and one is repeated. */
  readonly runs: readonly number[];
}

const long: Trials = { events: 300, keys: 8, moments: 40, runs: [3, 9.5, 9.5, 17.25, 18, 33, 39.9, 60] };
const short: Trials = { events: 40, keys: 2, moments: 4, runs: [17.25] };

/** Aggregates of random events, against what the definition says of them. */
export function randomHistories({ runner, setup, open, part, onlineRows }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  const trials = setup.slow === true ? short : long;
  const seeds = setup.slow === true ? [4] : [1, 2, 3];
  describe('aggregates of random histories', () => {
    for (const grain of [day, microsPerHour]) {
      const unit = grain === day ? 'days' : 'hours';

      it(`are what the definition says over ${unit}, in both executors`, () =>
        compared(numbersOver(grain), grain, (found, defined, what) => {
          found.cells.forEach((cell, i) => {
            const expected = defined.cells[i]!;
            if (cell === null || expected === null) return assert.equal(cell, expected, `${what}, cell ${i}`);
            // Some features are float32.
            const difference = Math.abs(Number(cell) - expected);
            assert.ok(
              difference <= Math.abs(expected) * 1e-6,
              `${what}, cell ${i}: ${String(cell)} and ${expected}`,
            );
          });
        }));

      it(`know the first, the last and the number of different values over ${unit}, whatever their type`, () =>
        compared(valuesOver(grain), grain, (found, defined, what) =>
          assert.deepEqual(found.cells, defined.values.map(asStored), what),
        ));
    }

    async function compared(
      of: FeatureView,
      grain: number,
      assertCells: (found: Row, defined: DefinedRow, what: string) => void,
    ): Promise<void> {
      for (const seed of seeds) {
        const days = grain / day;
        const history = randomHistory(seed, { ...trials, grain: days });
        const store = await open({ t: eventsOf(history) });
        const keys = Array.from({ length: trials.keys + 1 }, (_, i) => `k${i}`);
        const moments = momentsOf(history, seed, days);
        const requests = moments.flatMap((moment) => keys.map((key): Request => [key, moment]));
        const found = await asOf(store, of, requests);
        requests.forEach(([key, moment], i) => {
          const defined = definedRow(history, { key: key as string, moment, grain });
          const what = `seed ${seed}, ${String(key)} as of ${moment}`;
          const row = found[i]!;
          if (defined === undefined) return assert.equal(row.status, status.MISSING, what);
          assert.equal(row.status, status.PRESENT, what);
          assert.deepEqual([row.event, row.available], [defined.event, defined.available], what);
          assertCells(row, defined, what);
        });
        for (const until of trials.runs.map((run) => run * days)) {
          // A run ends at a whole millisecond.
          const untilMs = Math.round((until * day) / 1000);
          await store.materialize(of, { untilMs }, context());
          const stored = await onlineRows(
            of,
            keys.map((key) => [key]),
          );
          const asked = await read(
            store,
            of,
            keys.map((key): Request => [key, (untilMs * 1000) / day]),
          );
          assert.deepEqual(rowsOf(stored), rowsOf(asked), `seed ${seed}, until ${until}`);
          assert.deepEqual(bytesOf(of, stored), bytesOf(of, asked));
        }
        await part().stop();
      }
    }

    /** Of arrivals too, at which a row begins to be another. */
    function momentsOf(history: readonly HistoryEvent[], seed: number, days: number): number[] {
      const random = numbersFrom(seed + 100);
      const late = history.filter(({ event, available }) => available > event).slice(0, trials.moments);
      return [
        ...Array.from({ length: trials.moments }, () => random() * 50 * days),
        ...late.map(({ available }) => available),
      ];
    }
  });
}

function numbersOver(grain: number): FeatureView {
  const over = (length: number | number[]): object => windowOver(grain, length);
  return aggregatesOf({
    n: { aggregate: 'count', ...over([1, 3]) },
    total: { aggregate: 'sum', of: 'value', type: 'int64', ...over(3) },
    mean: { aggregate: 'mean', of: 'value', ...over(3) },
    deviation: { aggregate: 'stddev', of: 'value', type: 'float64', ...over(3) },
    high: { aggregate: 'share', of: 'value', above: 4, ...over(3) },
    least: { aggregate: 'min', of: 'value', ...over(3) },
    most: { aggregate: 'max', of: 'value', ...over(3) },
  });
}

const types = { value: 'int64', text: 'string', double: 'float64', flag: 'bool', moment: 'timestamp' };

function valuesOver(grain: number): FeatureView {
  const features = valueColumns.flatMap((of) =>
    [1, 3].flatMap((length) => {
      const rest = { of, ...windowOver(grain, length) };
      const named = (name: string): string => `${name}_${of}_${length}`;
      return [
        [named('first'), { aggregate: 'first', type: types[of], ...rest }],
        [named('last'), { aggregate: 'last', type: types[of], ...rest }],
        [named('different'), { aggregate: 'count_distinct', upTo: 4, ...rest }],
      ] as const;
    }),
  );
  return aggregatesOf(Object.fromEntries(features) as Record<string, object>);
}

/** A value of the definition, as a row has it: of `value`, the first column, first and last are int64. */
function asStored(cell: Cell, i: number): Cell {
  return i < 6 && i % 3 < 2 && cell !== null ? BigInt(cell as number) : cell;
}

function windowOver(grain: number, length: number | number[]): object {
  return grain === day ? { windowDays: length } : { windowHours: length };
}

function aggregatesOf(features: object): FeatureView {
  return view({
    entity: { key: 'string' },
    source: { table: 't', eventTime: 'event', availableTime: 'available' },
    features,
  });
}
