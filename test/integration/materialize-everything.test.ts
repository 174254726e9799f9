import { expect } from 'chai';
import { numbersFrom } from '../../core/testing/offline-store/histories.js';
import { failureOf } from '../support/failure.js';
import { materializeRuns, plain } from '../support/materialize-runs.js';
import { day, tileRuns, type Event } from '../support/tile-runs.js';

describe('Materialization that copies everything', () => {
  const fixture = tileRuns();
  const runs = materializeRuns(fixture);
  const { write } = fixture;
  const { ledger, run } = runs;

  it('copies everything where rows are gone, and says so', async () => {
    const events = Array.from({ length: 3000 }, (_, i): Event => [`k${i}`, '2024-01-01', '2024-01-01', i]);
    write(events);
    await run(plain, '2024-01-05');
    const all = runs.hot.rows();
    // One of a hundred, in 10 ways.
    let found = 0;
    for (let seed = 0; seed < 10; seed++) {
      const random = numbersFrom(seed * 7919 + 1);
      for (const key of all.keys()) if (random() < 0.01) runs.hot.entries.delete(key);
      const { why } = await run(plain, '2024-01-06');
      if (why === undefined) continue;
      found++;
      expect(why).to.match(/^the online store has lost rows: \d+ of 256 keys that were looked at are gone/);
      expect(runs.logged.at(-1)).to.equal(`view "v": everything is copied: ${why}`);
      expect([...runs.hot.rows()]).to.deep.equal([...all]);
    }
    expect(found).to.be.at.least(8);
    // The rows and their ledger.
    runs.hot.entries.clear();
    expect(await run(plain, '2024-01-05')).to.not.have.any.keys('why', 'afterMs');
    expect([...runs.hot.rows()]).to.deep.equal([...all]);
  });

  it('does not copy everything each time for a key that cannot be written', async () => {
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await run(plain, '2024-01-05');
    // A tombstone that is newer than the row.
    const [key] = runs.hot.rows().keys();
    const tombstone = Buffer.from(runs.hot.entries.get(key!)!.slice(0, 24));
    tombstone[0] = 0xff;
    tombstone[17] = 1;
    runs.hot.entries.set(key!, tombstone);
    expect((await run(plain, '2024-01-06')).why).to.match(/1 of 1 keys/);
    expect((await run(plain, '2024-01-07')).why).to.equal(undefined);
  });

  it('copies everything before rows expire', async () => {
    Object.assign(runs.hot.supports, { expiresAfterMs: 10 * day });
    const lasting = await fixture.start({}, undefined, runs.hot);
    const copy = (until: string) => lasting.copy(plain, until);
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await copy('2024-01-05');
    fixture.nowMs += 5 * day;
    expect(await copy('2024-01-06')).to.not.have.property('why');
    fixture.nowMs += 1;
    expect((await copy('2024-01-07')).why).to.match(/^rows expire 864000000 ms after they were written/);
    expect(await copy('2024-01-08')).to.not.have.property('why');
  });

  it('replaces a ledger that cannot be read by a full run, and says what to do otherwise', async () => {
    write([['a', '2024-01-01', '2024-01-01', 1]]);
    await run(plain, '2024-01-05');
    const key = `${plain.hash}:#ledger`;
    runs.hot.entries.set(key, Buffer.concat([Buffer.alloc(7), Buffer.from([9]), Buffer.from('{')]));
    expect(await failureOf(run(plain, '2024-01-06'))).to.match(
      /^DATA_LOSS .*its ledger cannot be read: .*--full/,
    );
    await run(plain, '2024-01-06', { full: true });
    expect((await ledger(plain)).covered).to.have.length(1);
  });
});
