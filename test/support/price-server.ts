import {
  createServer,
  defineAdapter,
  keyValueStore,
  valuesUnless,
  VivaceError,
  type Clock,
  type Definition,
  type FailedKey,
  type KeyValueEntry,
  type Server,
  type ServerOf,
} from 'vivace';
import { z } from 'zod';

/** How a store of a test fails; read at each call. */
export interface StoreFaults {
  /** Reads, or writes, fail altogether. */
  reads?: boolean;
  writes?: boolean;
  /** Writes of these keys fail. */
  failing?: (key: string) => boolean;
  /** Called before each write. */
  onWrite?: (entries: readonly KeyValueEntry[]) => void | Promise<void>;
}

/** A key-value store in a Map, of small batches, that fails as it is told. */
export function faultyStore(faults: StoreFaults, stored = new Map<string, Uint8Array>()): Definition {
  const down = (): VivaceError => new VivaceError('UNAVAILABLE', 'the store is down');
  return defineAdapter({
    provides: keyValueStore,
    name: 'faulty',
    options: z.strictObject({}),
    create: () => ({
      supports: { maxBatch: 300 },
      async getMany(keys) {
        if (faults.reads === true) throw down();
        return keys.map((key) => stored.get(key));
      },
      async putNewest(entries) {
        await faults.onWrite?.(entries);
        if (faults.writes === true) throw down();
        const failures: FailedKey[] = [];
        const written = entries.map(({ key, value }, index) => {
          if (faults.failing?.(key) === true) {
            failures.push({ index, error: down() });
            return false;
          }
          const known = stored.get(key);
          if (known !== undefined && Buffer.compare(known, value) >= 0) return false;
          stored.set(key, value);
          return true;
        });
        return valuesUnless(failures, written);
      },
    }),
  });
}

/** The moment at which clocks of these tests stand. */
export const nowMs = Date.UTC(2026, 0, 1, 12);

/** The time so many milliseconds after it. */
export const at = (ms: number): string => new Date(nowMs + ms).toISOString();

/** A row of `price`, some milliseconds after `nowMs`. */
export const row = (
  sku: string,
  amount: number | null,
  ms = 0,
): { eventTime: string } & Record<string, unknown> => ({
  sku,
  amount,
  tags: ['new'],
  eventTime: at(ms),
});

/** A clock that a test moves. */
export function setClock(): Clock & { ms: number } {
  return {
    ms: nowMs,
    now() {
      return this.ms;
    },
    monotonic: () => performance.now(),
  };
}

/** The views of these tests, all but two without a source. */
export const priceViews = {
  price: {
    store: 'online',
    maxAgeMs: 3_600_000,
    entity: { sku: 'string' },
    features: {
      amount: { type: 'float64', default: 9, unit: 'EUR' },
      tags: { type: 'list<string>' },
    },
  },
  stock: {
    store: 'online',
    entity: { sku: 'string', shop: 'int64' },
    features: { pieces: { type: 'int32' } },
  },
  sourced: {
    store: 'online',
    entity: { sku: 'string' },
    source: { table: 't', eventTime: 'at' },
    features: { weight: { type: 'float32' } },
  },
  counted: {
    store: 'online',
    entity: { sku: 'string' },
    source: { table: 't', eventTime: 'at' },
    features: { orders: { aggregate: 'count', windowDays: 7 } },
  },
} as const;

/** A pipeline that answers with the price that it fetches. */
export const pricePipelines = {
  quote: {
    request: { sku: 'string' },
    steps: [{ fetch: 'price' }],
    response: { outputs: { amount: 'price.amount' } },
  },
} as const;

/** A server of prices. */
export async function priceServer({
  store = { use: faultyStore({}) },
  clock = setClock(),
  parts = {},
  serve = false,
}: {
  readonly store?: { readonly use: string | Definition } & Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
  readonly parts?: Readonly<Record<string, { readonly use: string } & Readonly<Record<string, unknown>>>>;
  readonly serve?: boolean;
} = {}): Promise<ServerOf<typeof pricePipelines>> {
  const server = await createServer({
    parts: { hot: store, online: { use: 'online-store', store: 'hot' }, ...parts },
    views: priceViews,
    pipelines: pricePipelines,
    clock,
  });
  return server.start({ serve });
}

/** The feature of one key. */
export async function valueOf(server: Server, sku: string): Promise<unknown> {
  const { features } = await server.features.read(['price.amount'], { sku: [sku] });
  return features['price.amount']?.[0];
}
