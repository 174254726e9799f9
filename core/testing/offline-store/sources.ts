import assert from 'node:assert/strict';
import { parseType } from '../../data/types.js';
import { isVivaceError } from '../../kernel/errors.js';
import { microsPerDay as day } from '../../kernel/time.js';
import type { SourceReport } from '../../ports/offline-store.js';
import { callContext as context } from '../start-part.js';
import { view } from '../view.js';
import type { OfflineStoreFixture } from './fixture.js';
import { asOf } from './rows.js';
import { plain } from './tables.js';
import { countedView, plainSpec, plainView, staticView } from './views.js';

/** Sources of views and spines, compared with what is declared of them. */
export function sources({ runner, open, part }: OfflineStoreFixture): void {
  const { describe, it } = runner;
  describe('a source', () => {
    const messages = (report: SourceReport): string[] =>
      report.mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`);

    it('that fits its view has no mistakes, whatever the case of names', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const shouted = view({
        ...plainSpec,
        source: { ...plainSpec.source, eventTime: 'EVENT', where: { VALUE: { min: 0 } } },
        features: { x: { type: 'float32', of: 'Value' } },
      });
      for (const of of [plainView, staticView, countedView, shouted])
        assert.deepEqual(messages(await store.checkView(of, context())), []);
      assert.deepEqual((await asOf(store, shouted, [['a', 20]]))[0]!.cells, [1]);
    });

    it('that lacks columns, or has others, is described with all its mistakes at once', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const wrong = view({
        entity: { key: 'string', shop: 'string' },
        source: {
          table: 't',
          key: { shop: 'vallue' },
          eventTime: 'value',
          availableTime: 'avaliable',
          where: { kay: { equals: 'a' } },
        },
        features: { x: { type: 'float32' }, when: { type: 'float64', of: 'event' } },
      });
      const found = messages(await store.checkView(wrong, context()));
      const expected = [
        /^source\.key\.shop: t has no column "vallue"; did you mean "value"\?$/,
        /^source\.eventTime: column "value" of t is .*, but the event time is a time$/,
        /^source\.availableTime: t has no column "avaliable"; did you mean "available"\?$/,
        /^features\.x: t has no column "x"; there are key, event, available, value$/,
        /^features\.when: column "event" of t is .*, but feature "when" is a float64$/,
        /^source\.where\.kay: t has no column "kay"; did you mean "key"\?$/,
      ];
      assert.equal(found.length, expected.length, found.join('\n'));
      expected.forEach((pattern, i) => assert.match(found[i]!, pattern));
      for (const failing of [
        () => store.openAsOf([wrong], context()),
        () => store.materialize(wrong, { untilMs: 0 }, context()),
      ])
        await assert.rejects(
          failing,
          (error) =>
            isVivaceError(error) &&
            error.code === 'INVALID_ARGUMENT' &&
            error.message.includes('view "v"') &&
            error.message.includes('did you mean "available"?') &&
            !error.message.includes('SELECT'),
        );
    });

    it('that is not there is a mistake of the view', async () => {
      const store = await open({ t: plain([]) });
      const gone = view({ ...plainSpec, source: { table: 'no_such_table', eventTime: 'event' } });
      const [mistake, ...others] = (await store.checkView(gone, context())).mistakes;
      assert.deepEqual([mistake!.path, others], [['source', 'table'], []]);
      assert.match(mistake!.message, /no_such_table/);
    });

    it('with a query is described as one with a table is', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const query = 'SELECT 1 AS other';
      const of = view({ ...plainSpec, source: { query, key: { key: 'other' } } });
      assert.deepEqual(messages(await store.checkView(of, context())), [
        'features.x: the query has no column "value"; there are other',
      ]);
    });

    it('never rounds a key: what is not whole fails', async () => {
      const spec = { entity: { key: 'int64' }, features: { at: { type: 'timestamp', of: 'event' } } };
      const byValue = view({ ...spec, source: { table: 't', key: { key: 'value' }, eventTime: 'event' } });
      const whole = await open({ t: plain([['a', 10, 10, 7]]) });
      assert.deepEqual((await asOf(whole, byValue, [[7n, 20]]))[0]!.cells, [10 * day]);
      await part().stop();
      const broken = await open({ t: plain([['a', 10, 10, 7.5]]) });
      await assert.rejects(
        asOf(broken, byValue, [[8n, 20]]),
        (error) =>
          isVivaceError(error) &&
          error.code === 'INVALID_ARGUMENT' &&
          error.message.includes('view "v"') &&
          error.message.includes('"value"'),
      );
    });

    it('of a spine is compared with the fields and labels that it declares', async () => {
      const store = await open({ t: plain([['a', 10, 10, 1]]) });
      const columns = {
        who: { column: 'key', type: parseType('string'), path: ['request', 'who'] },
        count: { column: 'key', type: parseType('bool') },
        label: { column: 'labell', path: ['labels', 'label'] },
      };
      const good = { table: 't', columns: { who: columns.who }, time: 'event' };
      assert.deepEqual(messages(await store.checkSpine(good, context())), []);
      const wrong = {
        table: 't',
        columns: { ...columns, at: { column: 'value', type: parseType('timestamp') } },
        time: 'evnt',
      };
      const found = messages(await store.checkSpine(wrong, context()));
      assert.deepEqual(
        found.filter((text) => text.includes('no column')).map((text) => text.split(':')[0]),
        ['labels.label', 'time'],
      );
      assert.match(found.join('\n'), /columns\.at: column "value" of t is .*, but "at" is a time/);
      await assert.rejects(
        async () => store.spine(wrong, context()),
        (error) =>
          isVivaceError(error) &&
          error.code === 'INVALID_ARGUMENT' &&
          error.message.includes('did you mean "event"?'),
      );
    });
  });
}
