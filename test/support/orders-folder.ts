import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Requests for items at moments. */
const orders = `item,moment
a,2001-01-02 00:00:00
b,2001-01-03 00:00:00
c,2001-01-04 00:00:00
`;

/** The spine of `orders.csv`. */
export const spine = { table: 'orders.csv', time: 'moment' };

/** Declares that the tests of a `describe` share a folder with `orders.csv` and other files, and gives its path. */
export function ordersFolder(others: Readonly<Record<string, string>> = {}): () => string {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-orders-'));
    for (const [name, text] of Object.entries({ 'orders.csv': orders, ...others }))
      writeFileSync(join(directory, name), text);
  });
  after(() => rmSync(directory, { recursive: true, force: true }));
  return () => directory;
}
