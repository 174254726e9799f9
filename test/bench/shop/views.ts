/** The views of a shop, as a configuration declares them. */
export type ShopViews = Readonly<Record<'customer' | 'product' | 'pair' | 'last_line', never>>;

/** Fourteen features over 1, 7 and 28 days. */
const sold = {
  lines: { aggregate: 'count', windowDays: [1, 7, 28] },
  revenue: { aggregate: 'sum', of: 'revenue', windowDays: [1, 7, 28] },
  price: { aggregate: 'mean', of: 'price', windowDays: [7, 28] },
  price_spread: { aggregate: 'stddev', of: 'price', windowDays: 28 },
  bulk: { aggregate: 'share', of: 'quantity', above: 5, windowDays: [7, 28] },
  cheapest: { aggregate: 'min', of: 'price', windowDays: 28 },
  most: { aggregate: 'max', of: 'quantity', windowDays: [7, 28] },
};

/**
 * Customers, products, both together over 90 days, and the last line that each customer bought.
 *
 * @param table The lines: a file, or a pattern.
 * @param refresh How the views are kept up; absent: they hold each row at once.
 */
export function shopViews(table: string, refresh?: object): ShopViews {
  const common = {
    store: 'online',
    source: { table, eventTime: 'sold_at', availableTime: 'known_at' },
    ...(refresh === undefined ? {} : { refresh }),
  };
  return {
    customer: { ...common, entity: { customer: 'string' }, features: sold },
    product: { ...common, entity: { product: 'string' }, features: sold },
    pair: {
      ...common,
      entity: { customer: 'string', product: 'string' },
      features: {
        lines: { aggregate: 'count', windowDays: [30, 90] },
        revenue: { aggregate: 'sum', of: 'revenue', windowDays: 90 },
        quantity: { aggregate: 'mean', of: 'quantity', windowDays: 90 },
      },
    },
    last_line: {
      ...common,
      entity: { customer: 'string' },
      features: {
        product: { type: 'string' },
        quantity: { type: 'int32' },
        price: { type: 'float64' },
        country: { type: 'string' },
      },
    },
  } as unknown as ShopViews;
}

/** What copies the lines of a shop to a store. */
export function shopParts(hot: object): Record<string, never> {
  return {
    hot,
    lake: { use: 'duckdb' },
    online: { use: 'online-store', store: 'hot' },
    history: { use: 'offline-store', warehouse: 'lake', online: 'online' },
  } as unknown as Record<string, never>;
}
