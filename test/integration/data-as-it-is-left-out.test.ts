import { expect } from 'chai';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, read, logged } = data;

  describe('what is left out of a view', () => {
    it('is counted and said once for events, without a key or without a time', async () => {
      const table = file(
        'events.csv',
        'k,at,known,v\na,2024-01-05,2024-01-06,1\n,2024-01-05,2024-01-06,2\nb,,2024-01-06,3\nb,,2024-01-06,4\nc,2024-01-05,,5\n',
      );
      const notes = [
        'events.csv: 1 of 5 rows has no key, and is left out',
        'events.csv: 2 of 5 rows have no event time ("at"), and are left out',
        'events.csv: 1 of 5 rows has no available time ("known"), and is left out',
      ];
      const source = { table, eventTime: 'at', availableTime: 'known' };
      for (const features of [
        { v: { type: 'int32' } },
        { sum: { aggregate: 'sum', of: 'v', windowDays: 1 } },
      ]) {
        const of = view({ entity: { k: 'string' }, source, features });
        const warned = notes.map((note) => `view "v": ${note}`);
        expect(await data.store.checkView(of, callContext())).to.deep.equal({ mistakes: [], notes });
        logged.splice(0);
        await using _ = await data.store.openAsOf([of], callContext());
        expect(logged.map(({ message }) => message)).to.deep.equal(warned);
        logged.splice(0);
        await data.store.materialize(of, { untilMs: 0 }, callContext());
        expect(logged.map(({ message }) => message)).to.deep.equal(warned);
      }
    });

    it('is counted in a Parquet file, whose times are known to be storable', async () => {
      const table = await data.parquet(
        'events.parquet',
        `SELECT 'a' AS k, NULL::TIMESTAMP AS "at", 1 AS v UNION ALL SELECT NULL, TIMESTAMP '2024-01-05', 2 UNION ALL SELECT 'b', TIMESTAMP '2024-01-05', 2`,
      );
      const of = view({
        entity: { k: 'string' },
        source: { table, eventTime: 'at' },
        features: { v: { type: 'int32' } },
      });
      expect(await data.store.checkView(of, callContext())).to.deep.equal({
        mistakes: [],
        notes: [
          'events.parquet: 1 of 3 rows has no key, and is left out',
          'events.parquet: 1 of 3 rows has no event time ("at"), and is left out',
        ],
      });
    });

    it('is counted for a spine, whose rows without a time are no requests', async () => {
      const table = file('requests.csv', 'at,n\n2024-01-05,1\n,2\n');
      const note = 'requests.csv: 1 of 2 rows has no request time ("at"), and is left out';
      const columns = { n: { column: 'n' } };
      expect(await data.store.checkSpine({ table, time: 'at', columns }, callContext())).to.deep.equal({
        mistakes: [],
        notes: [note],
      });
      logged.splice(0);
      expect(await data.spine(table, columns)).to.have.length(1);
      expect(logged.map(({ message }) => message)).to.deep.equal([`spine: ${note}`]);
    });

    it('is said of static views, and how many keys stand in several rows', async () => {
      const table = file('static.csv', 'k,v\na,1\na,2\nb,1\n,5\nc,1\nc,1\nc,1\n');
      const of = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
      const notes = [
        'static.csv: 1 of 7 rows has no key, and is left out',
        'static.csv: 2 keys stand in several rows, of which one counts: the one whose bytes are the greatest',
      ];
      expect((await data.store.checkView(of, callContext())).notes).to.deep.equal(notes);
      expect(await read(of, ['a', 'c'])).to.deep.equal([[2], [1]]);
      expect(logged.map(({ message }) => message)).to.deep.equal(notes.map((note) => `view "v": ${note}`));
      logged.splice(0);
      await data.store.materialize(of, { untilMs: 0 }, callContext());
      expect(logged.map(({ message }) => message)).to.deep.equal(notes.map((note) => `view "v": ${note}`));
    });

    it('is nothing where every row has a key', async () => {
      const table = file('clean.csv', 'k,v\na,1\nb,2\n');
      const of = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
      expect(await data.store.checkView(of, callContext())).to.deep.equal({ mistakes: [], notes: [] });
    });
  });
});
