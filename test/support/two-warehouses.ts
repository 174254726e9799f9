import { fieldsOf, type Cell } from 'vivace';
import { batchOf } from '../../core/testing/cells-of.js';
import type { createTables } from './offline-store-over.js';

type Tables = Parameters<typeof createTables>[1];

const day = 86_400_000_000;
const base = Date.UTC(2001, 0, 1) * 1000;

/** Whole numbers from 0 to `below`, the same in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function table(declared: Record<string, string>, rows: readonly (readonly Cell[])[]): Tables[string] {
  const fields = fieldsOf(declared);
  return { fields, batches: [batchOf(fields, rows)] };
}

/**
 * What real tables hold: nulls in keys, times and values, duplicates, equal times with different values, late rows, several keys, days
 * before 1970 and far apart, not-a-number, whole and fractional numbers, arrays.
 */
export function shopTables(): Tables {
  const next = random(7);
  const orNull = (cell: Cell): Cell => (next(13) === 0 ? null : cell);
  const events: Cell[][] = [];
  for (let i = 0; i < 1500; i++) {
    const at = base + next(90) * day + next(24) * 3_600_000_000 + next(1000);
    const known = next(4) === 0 ? at + next(20) * day : at;
    const row = [
      orNull(`shop${next(7)}`),
      next(3),
      orNull(at),
      orNull(known),
      orNull(BigInt(next(2000) - 500)),
      orNull(next(1_000_000) / 64 - 3000),
      orNull(next(2) === 0),
      orNull(next(100_000) / 7),
      orNull(['', 'a', 'Ż', 'zażółć 🦆', "it's", 'new\nline'][next(6)] as string),
      [next(9) / 3, -next(9), 0.1],
    ];
    events.push(row);
    if (next(20) === 0) events.push(row);
    // Of equal key and times, but other values.
    if (next(10) === 0) events.push([...row.slice(0, 4), 5n, 0.5, true, next(9) / 3, 'tied', [1, 2, 3]]);
  }
  events.push(['shop0', 1, -3.5 * day, -3.5 * day, 1n, 1, true, 1, 'old', [1, 2, 3]]);
  const visits = Array.from({ length: 2500 }, (_, i): Cell[] => [
    `shop${next(8)}`,
    next(4),
    base + (next(110) - 5) * day + next(86_400) * 1_000_000,
    i / 4,
    BigInt(i) * 3_000_000_000n,
  ]);
  const names = Array.from({ length: 7 }, (_, i): Cell[] => [`shop${i}`, i, i % 3 === 0 ? null : i / 3]);
  return {
    events: table(
      {
        shop: 'string',
        kind: 'int32',
        moment: 'timestamp',
        known: 'timestamp',
        amount: 'int64',
        weight: 'float64',
        paid: 'bool',
        ratio: 'float64',
        note: 'string',
        place: 'list<float64>',
      },
      events,
    ),
    visits: table(
      { shop: 'string', kind: 'int64', moment: 'timestamp', label: 'float64', id: 'int64' },
      visits,
    ),
    shops: table({ shop: 'string', size: 'int64', area: 'float64' }, names),
  };
}

const key = { shop: 'string', kind: 'int32' };
const timed = { table: 'events', eventTime: 'moment', availableTime: 'known' };
const windowDays = [1, 3, 28];

/** Views of each sort over them. */
export const shopViews = {
  latest: {
    store: 'online',
    entity: key,
    source: timed,
    features: {
      amount: { type: 'int32' },
      ratio: { type: 'float32' },
      weight: { type: 'float64' },
      paid: { type: 'bool' },
      note: { type: 'string' },
      place: { type: 'float32[3]' },
    },
  },
  sums: {
    store: 'online',
    entity: { shop: 'string' },
    source: timed,
    features: {
      n: { aggregate: 'count', windowDays },
      total: { aggregate: 'sum', of: 'amount', type: 'int64', windowDays },
      mean: { aggregate: 'mean', of: 'amount', type: 'float64', windowDays },
      rounded: { aggregate: 'mean', of: 'amount', type: 'int32', windowDays: 3 },
      deviation: { aggregate: 'stddev', of: 'amount', windowDays },
      above: { aggregate: 'share', of: 'amount', above: 99.5, windowDays },
      least: { aggregate: 'min', of: 'amount', type: 'int64', windowDays },
      most: { aggregate: 'max', of: 'amount', windowDays },
      paid: { aggregate: 'mean', of: 'paid', windowDays },
    },
  },
  weights: {
    store: 'online',
    entity: key,
    source: { ...timed, where: { amount: { min: -100, max: 1200 } } },
    features: {
      total: { aggregate: 'sum', of: 'weight', type: 'float64', windowDays },
      mean: { aggregate: 'mean', of: 'weight', type: 'float64', windowDays },
      deviation: { aggregate: 'stddev', of: 'weight', type: 'float64', windowDays },
      heavy: { aggregate: 'share', of: 'weight', above: 4000, windowDays },
      least: { aggregate: 'min', of: 'weight', type: 'float64', windowDays },
      whole: { aggregate: 'max', of: 'weight', type: 'int32', windowDays },
    },
  },
  values: {
    store: 'online',
    entity: { shop: 'string' },
    source: timed,
    features: {
      first: { aggregate: 'first', of: 'note', type: 'string', windowDays },
      note: { aggregate: 'last', of: 'note', type: 'string', windowDays },
      notes: { aggregate: 'count_distinct', of: 'note', windowDays },
      amount: { aggregate: 'last', of: 'amount', type: 'float32', windowDays: 3 },
      amounts: { aggregate: 'count_distinct', of: 'amount', upTo: 20, windowDays },
      ratio: { aggregate: 'first', of: 'ratio', type: 'int64', windowDays: 3 },
      ratios: { aggregate: 'count_distinct', of: 'ratio', windowDays },
      paid: { aggregate: 'last', of: 'paid', type: 'bool', windowDays: 3 },
      known: { aggregate: 'last', of: 'known', type: 'timestamp', windowDays: 3 },
      kinds: { aggregate: 'count_distinct', of: 'kind', windowDays },
    },
  },
  hours: {
    store: 'online',
    entity: { shop: 'string' },
    source: timed,
    features: {
      n: { aggregate: 'count', windowHours: [6, 48] },
      total: { aggregate: 'sum', of: 'amount', type: 'int64', windowHours: [1, 480] },
      note: { aggregate: 'last', of: 'note', type: 'string', windowHours: 48 },
    },
  },
  distinct: {
    store: 'online',
    entity: { shop: 'string' },
    source: { query: 'SELECT shop, moment, amount FROM events', eventTime: 'moment', distinct: true },
    features: { n: { aggregate: 'count', windowDays } },
  },
  shop: {
    store: 'online',
    entity: { shop: 'string' },
    source: { table: 'shops' },
    features: { size: { type: 'int32' }, area: { type: 'float32' } },
  },
};
