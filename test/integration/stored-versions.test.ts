import { expect } from 'chai';
import { columnOf, emptyLedger, FeatureRows, onlineStore as port, parseType, type OnlineStore } from 'vivace';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext, startPart } from 'vivace/testing';
import { view } from '../../core/testing/view.js';
import { LooseStore } from '../support/loose-store.js';

describe('Versions of views in an online store', () => {
  const entity = { k: 'string' } as const;
  const features = { v: { type: 'float64' } } as const;
  const context = callContext();
  const timed = view({ entity, features, source: { table: 't', eventTime: 'at' } }, 'timed');
  const timeless = view({ entity, features, source: { table: 't' } }, 'timeless');
  let hot: LooseStore;
  let store: OnlineStore;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    hot = new LooseStore();
    const part = await startPart(onlineStore, {}, { uses: { store: hot } });
    store = part.face(port);
    stop = () => part.stop();
    for (const each of [timed, timeless]) await store.open(each).writeLedger(emptyLedger(each.name), context);
  });
  afterEach(() => stop());

  const keys = {
    rows: 1,
    time: 0,
    column: () => columnOf(parseType('string'), ['a']),
  };
  /** Writes a row. @returns What becomes of the key. */
  const statusAfter = async (of: typeof timed, eventTime: number, availableTime: number): Promise<number> => {
    const rows = new FeatureRows(of.features, 1);
    rows.eventTime[0] = eventTime;
    rows.availableTime[0] = availableTime;
    rows.columns[0]!.set(0, 1);
    const online = store.open(of);
    await online.write(keys, rows, context);
    const found = new FeatureRows(of.features, 1);
    await online.read(keys, found, context);
    return found.status[0]!;
  };

  it('removes a key of rows without times until a later run writes it, whether it had a row or not', async () => {
    const version = { hash: timeless.hash, entity: [{ name: 'k', type: 'string' as const }] };
    const present = await statusAfter(timeless, 0, 10);
    expect(await store.remove(version, { keys, time: 20 }, context)).to.deep.equal([true]);
    const missing = await statusAfter(timeless, 0, 15);
    expect(missing).to.not.equal(present);
    expect(await statusAfter(timeless, 0, 21)).to.equal(present);
  });

  it('removes a key of rows with times until one with a later event time comes', async () => {
    const version = { hash: timed.hash, entity: [{ name: 'k', type: 'string' as const }] };
    const present = await statusAfter(timed, 10, 10);
    await store.remove(version, { keys, time: 20 }, context);
    expect(await statusAfter(timed, 19, 30)).to.not.equal(present);
    expect(await statusAfter(timed, 21, 21)).to.equal(present);
  });

  it('lists the others where the ledger of one cannot be read, and does not know when that one ran', async () => {
    const run = { startedAt: 5, endedAt: 6, after: null, until: 4, rows: 0, written: 0 };
    for (const each of [timed, timeless])
      await store.open(each).writeLedger({ ...emptyLedger(each.name), runs: [run] }, context);
    const key = `${timed.hash}:#ledger`;
    hot.entries.set(key, hot.entries.get(key)!.slice(0, 20));
    const listed = (await store.versions(context)).map(({ view: name, lastRunAt }) => [name, lastRunAt]);
    expect(listed).to.have.deep.members([
      ['timed', undefined],
      ['timeless', 5],
    ]);
  });

  it('has the begin of a run that has not ended', async () => {
    const open = { startedAt: 7, after: null, until: 6, position: ['a'] };
    await store.open(timed).writeLedger({ ...emptyLedger('timed'), open }, context);
    const found = (await store.versions(context)).find(({ hash }) => hash === timed.hash);
    expect(found!.lastRunAt).to.equal(7);
  });
});
