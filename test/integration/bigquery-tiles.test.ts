import { expect } from 'chai';
import { bigquery } from 'vivace/adapters/bigquery';
import { callContext, startPart } from 'vivace/testing';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';
import {
  bigqueryServer,
  startBigquery,
  statementsSeen,
  type BigqueryServer,
} from '../servers/bigquery-server.js';
import { googlesqlParser, parseStatementsSeen } from '../servers/googlesql.js';
import { describeNeeding } from '../servers/programs.js';
import { expectEqual, onlineRows } from '../support/equal-rows.js';
import { createTables, storesOver, type Stores } from '../support/offline-store-over.js';
import { pendingBecause } from '../support/pending.js';
import { shopTables, shopViews } from '../support/two-warehouses.js';

const day = 86_400_000;
const base = Date.UTC(2001, 0, 1);
const context = () => callContext(600_000);

describeNeeding([bigqueryServer, googlesqlParser], 'bigquery with kept tiles', () => {
  let server: BigqueryServer;
  let bare: Stores;
  let kept: Stores;
  const stops: (() => Promise<void>)[] = [];
  before(async () => {
    server = await startBigquery();
    const side = async (options: object): Promise<Stores> => {
      const lake = await startPart(bigquery, options);
      await createTables(lake, shopTables());
      return storesOver(lake, stops);
    };
    const { tiles: _, ...without } = server.options as { tiles?: string };
    bare = await side(without);
    kept = await side({ tiles: 'vivace_tiles', ...server.options });
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
    await server.stop();
  });

  const some = {
    store: 'online',
    entity: { shop: 'string' },
    source: { table: 'events', eventTime: 'moment', availableTime: 'known' },
    features: {
      n: { aggregate: 'count', windowDays: [1, 28] },
      deviation: { aggregate: 'stddev', of: 'amount', windowDays: 28 },
      note: { aggregate: 'last', of: 'note', type: 'string', windowDays: 3 },
      notes: { aggregate: 'count_distinct', of: 'note', upTo: 3, windowDays: 3 },
    },
  };
  /** Statements that were sent before the last run. */
  let seenBefore = 0;
  /** The first days of the events that a view's tiles were folded of, as the statements say them. */
  const firstDays = (): number[] =>
    (server.proxy === undefined ? [] : statementsSeen(server.proxy).slice(seenBefore)).flatMap((sql) => {
      if (!sql.startsWith('CREATE TABLE ') || !sql.includes('vivace_dated')) return [];
      const [, date] = / AND CAST\(`moment` AS TIMESTAMP\) >= CAST\('([^']*)' AS TIMESTAMP\)/.exec(sql) ?? [];
      return date === undefined ? [] : [(Date.parse(date) - base) / day];
    });
  const { sums, weights, values, hours, distinct } = shopViews;
  // The emulator takes half a minute for each of these.
  const all = process.env['TILES'] === 'all' ? { sums, weights, values, hours, distinct } : {};
  for (const [name, spec] of Object.entries({ some, ...all })) {
    const view = compileView(name, viewSchema.parse(spec));

    it(`materializes "${name}", run after run, with the rows of runs without them`, async () => {
      const read: number[] = [];
      for (const days of [40, 41]) {
        if (server.proxy !== undefined) seenBefore = statementsSeen(server.proxy).length;
        const untilMs = base + days * day;
        await bare.store.materialize(view, { untilMs }, context());
        read.push((await kept.store.materialize(view, { untilMs }, context())).read.rows!);
        const [one, other] = [await onlineRows(view, bare.online), await onlineRows(view, kept.online)];
        expectEqual(view, one, other);
        expect([...one.status].filter((status) => status === 0).length).to.be.greaterThan(3);
      }
      expect(read[0]).to.be.greaterThan(300);
      expect(read[1]).to.be.within(1, read[0]! / 10);
      // Rows come up to 20 days late: no partition before that is read for whole rows.
      for (const first of firstDays()) expect(first).to.be.within(20, 41);
      if (server.proxy !== undefined) expect(firstDays()).to.not.deep.equal([]);
    });
  }

  it('sent only statements that the GoogleSQL parser accepts', function () {
    if (server.proxy === undefined) pendingBecause(this, 'against the service itself, requests are not seen');
    const { parsed, refused } = parseStatementsSeen(server.proxy);
    expect(parsed).to.be.greaterThan(30);
    expect(refused).to.deep.equal([]);
  });
});
