import { expect } from 'chai';
import { callContext } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { dataAsItIs } from '../support/data-as-it-is.js';

describe('Data comes in as it is', () => {
  const data = dataAsItIs();
  const { file, read, logged } = data;

  describe('static views', () => {
    it('say how many rows have no key, and how many keys stand in several', async () => {
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

    it('say nothing where nothing is left out', async () => {
      const table = file('clean.csv', 'k,v\na,1\nb,2\n');
      const of = view({ entity: { k: 'string' }, source: { table }, features: { v: { type: 'int32' } } });
      expect(await data.store.checkView(of, callContext())).to.deep.equal({ mistakes: [], notes: [] });
    });
  });
});
