import { DuckDBInstance } from '@duckdb/node-api';
import { join } from 'node:path';

/** How large a shop is. */
export interface ShopSize {
  readonly lines: number;
  readonly invoices: number;
  readonly customers: number;
  readonly products: number;
  /** Days from the first invoice to the last. */
  readonly days: number;
}

/** A shop as the figures of docs/benchmarks.md have it. */
export const wholeShop: ShopSize = {
  lines: 400_000,
  invoices: 20_000,
  customers: 4400,
  products: 3700,
  days: 365,
};

/** How much of the whole shop the bench takes: `SHOP_SCALE=0.05` tries whether its cases run; figures are those of 1. */
export const benchScale = Number(process.env['SHOP_SCALE'] ?? 1);

/** The shop of the bench. */
export const benchShop: ShopSize = {
  lines: Math.ceil(wholeShop.lines * benchScale),
  invoices: Math.ceil(wholeShop.invoices * benchScale),
  customers: Math.ceil(wholeShop.customers * benchScale),
  products: Math.ceil(wholeShop.products * benchScale),
  days: wholeShop.days,
};

/** The same in small: some customers and products sell every day, others once. */
export const smallShop: ShopSize = { lines: 6000, invoices: 1500, customers: 140, products: 110, days: 100 };

const dayMs = 86_400_000;

/** The first day of every shop, epoch milliseconds. */
export const openedMs = Date.parse('2025-01-01T00:00:00Z');

/** When the nightly job of a day is due: 03:00 UTC. */
export function nightMs(day: number): number {
  return openedMs + day * dayMs + 3 * 3_600_000;
}

/** A number in [0, 1) for a row of a query: another one for each stream. */
function random(row: string, stream: number): string {
  return `(hash(${row} * 64 + ${stream}) / 18446744073709551616.0)`;
}

/** A number from 0 to `count` - 1, the smaller the more often; the first rows have each of them once. */
function zipf(row: string, stream: number, count: number): string {
  return `CASE WHEN ${row} < ${count} THEN ${row} ELSE LEAST(CAST(FLOOR(EXP(${random(row, stream)} * LN(${count + 1}.0))) AS BIGINT), ${count}) - 1 END`;
}

const openedSql = `TIMESTAMP '${new Date(openedMs).toISOString().slice(0, 19)}'`;

/**
 * The lines of a shop as a query, the same ones every time for a size. Invoices are spread over the days and lie at any second of them; of one
 * invoice in twenty nobody knows for an hour to 20 days. Customers and products are drawn by Zipf's law, each of them once at least.
 * Columns: `line`, `invoice`, `customer`, `product`, `country`, `sold_at`, `known_at`, `quantity`, `price`, `revenue`.
 */
function linesSql({ lines, invoices, customers, products, days }: ShopSize): string {
  const seconds = (of: string): string => `TO_SECONDS(CAST(FLOOR(${of}) AS BIGINT))`;
  return `WITH invoices AS (
  SELECT i AS invoice, ${zipf('i', 1, customers)} AS customer,
    ${openedSql} + ${seconds(`${random('i', 2)} * ${days * 86_400}`)} AS sold_at,
    CASE WHEN ${random('i', 3)} < 0.05 THEN 3600 + ${random('i', 4)} * ${20 * 86_400 - 3600} ELSE 0 END AS late
  FROM range(${invoices}) AS rows(i)
), priced AS (
  SELECT i AS line, CAST(FLOOR(${random('i', 5)} * ${invoices}) AS BIGINT) AS invoice, ${zipf('i', 6, products)} AS product,
    CAST(LEAST(FLOOR(1 / (1.0001 - ${random('i', 7)})), 240) AS INTEGER) AS quantity, ${random('i', 8)} AS haggled
  FROM range(${lines}) AS rows(i)
)
SELECT line, 'I' || lpad(CAST(invoice AS VARCHAR), 6, '0') AS invoice, 'C' || lpad(CAST(customer AS VARCHAR), 5, '0') AS customer,
  'P' || lpad(CAST(product AS VARCHAR), 5, '0') AS product,
  ['GB', 'DE', 'FR', 'IE', 'NL'][CAST(LEAST(FLOOR(EXP(${random('customer', 9)} * LN(6))), 5) AS BIGINT)] AS country,
  sold_at, sold_at + ${seconds('late')} AS known_at, quantity, price, quantity * price AS revenue
FROM (SELECT *, ROUND(0.4 + ${random('product', 10)} * 20, 2) * CASE WHEN haggled < 0.1 THEN 0.85 ELSE 1 END AS price FROM priced) AS p
JOIN invoices USING (invoice)`;
}

/** Writes the lines of a shop to a Parquet file, in the order in which they become known. */
export async function writeShop(file: string, size: ShopSize): Promise<void> {
  await inDuckdb([copyTo(file, `SELECT * FROM (${linesSql(size)}) AS lines ORDER BY known_at, line`)]);
}

/**
 * Writes the lines of a shop to a folder, one Parquet file for each night: those that became known since the night before.
 *
 * @param nights Numbers of days, in order.
 * @returns A file for each night.
 */
export async function writeArrivals(
  folder: string,
  size: ShopSize,
  nights: readonly number[],
): Promise<string[]> {
  const at = (night: number): string => `TIMESTAMP '${new Date(nightMs(night)).toISOString().slice(0, 19)}'`;
  const files = nights.map((night) => join(folder, `${String(night).padStart(4, '0')}.parquet`));
  await inDuckdb([
    `CREATE TABLE lines AS ${linesSql(size)}`,
    ...nights.map((night, i) => {
      const since = i === 0 ? '' : ` AND known_at > ${at(nights[i - 1]!)}`;
      return copyTo(
        files[i]!,
        `SELECT * FROM lines WHERE known_at <= ${at(night)}${since} ORDER BY known_at, line`,
      );
    }),
  ]);
  return files;
}

/** Runs statements in a database of their own, one after the other. */
export async function inDuckdb(statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const each of statements) await connection.run(each);
  connection.disconnectSync();
  instance.closeSync();
}

/** A statement that writes the rows of a query to a Parquet file. */
export function copyTo(file: string, sql: string): string {
  return `COPY (${sql}) TO '${file}' (FORMAT parquet)`;
}

/** Writes requests to a Parquet file: `customer`, `product` and `moment`, each drawn as the lines are, at any second of the days. */
export async function writeRequests(
  file: string,
  requests: number,
  { customers, products, days }: ShopSize,
): Promise<void> {
  await inDuckdb([
    copyTo(
      file,
      `SELECT 'C' || lpad(CAST(${zipf('i', 11, customers)} AS VARCHAR), 5, '0') AS customer,
  'P' || lpad(CAST(${zipf('i', 12, products)} AS VARCHAR), 5, '0') AS product,
  ${openedSql} + TO_SECONDS(CAST(FLOOR(${random('i', 13)} * ${days * 86_400}) AS BIGINT)) AS moment
FROM range(${requests}) AS rows(i)`,
    ),
  ]);
}
