import { expect } from 'chai';
import { failureOf } from '../support/failure.js';
import { materializeRuns, plain, sums } from '../support/materialize-runs.js';
import { of, tileRuns, type Event, type Run } from '../support/tile-runs.js';

describe('Materialization of rows of the past', () => {
  const fixture = tileRuns();
  const { start, write } = fixture;
  const events: Event[] = [
    ['a', '2024-01-01', '2024-01-01', 1],
    ['b', '2024-01-03', '2024-01-03', 2],
  ];
  const valueOf = ({ hot }: Pick<Run, 'hot'>, key: string): number =>
    Buffer.from(hot.entries.get(`${plain.hash}:${key}`)!).readDoubleLE(32);

  for (const [what, more] of [
    ['', {}],
    [', of which rows may come late', { overlapMs: 3_600_000 }],
  ] as const)
    it(`is over once it was restated that the newest row of plain rows is gone${what}`, async () => {
      const view = of({ v: { type: 'float64' } }, more);
      const { copy } = await start({});
      write([...events, ['c', '2024-01-04', '2024-01-04', 3]]);
      await copy(view, '2024-01-05');
      write(events);
      await copy(view, '2024-01-06', { trustClosed: true });
      // What lies within the overlap of the newest row is not compared.
      write(events.slice(0, 1));
      expect(await failureOf(copy(view, '2024-01-06'))).to.match(/rows of 2024-01-03/);
      expect((await copy(view, '2024-01-06', { restate: true })).restated).to.include('2024-01-03');
      expect(await copy(view, '2024-01-07')).to.include({ rows: 0 });
    });

  it('lets each restatement win over the ones before, however many there were', async () => {
    const run = await start({});
    write(events);
    await run.copy(plain, '2024-01-05');
    for (let i = 0; i < 24; i++) {
      // By its bytes, 10 is less than 256.
      const value = i % 2 === 0 ? 256 : 10;
      write([['a', '2024-01-01', '2024-01-01', value], ...events.slice(1)]);
      fixture.nowMs += 1000;
      await run.copy(plain, '2024-01-05', { restate: true });
      expect(valueOf(run, 'a'), String(i)).to.equal(value);
    }
  });

  it('lets a restatement win over one that was killed', async () => {
    const run = await start({});
    write(events);
    await run.copy(plain, '2024-01-05');
    write([['a', '2024-01-01', '2024-01-01', 256], ...events.slice(1)]);
    run.hot.beforeWrite = ([key]) => {
      if (key!.includes('#') && valueOf(run, 'a') === 256) throw new Error('killed');
    };
    expect(await failureOf(run.copy(plain, '2024-01-05', { restate: true }))).to.match(/killed/);
    run.hot.beforeWrite = () => undefined;
    expect(valueOf(run, 'a')).to.equal(256);
    write([['a', '2024-01-01', '2024-01-01', 10], ...events.slice(1)]);
    await run.copy(plain, '2024-01-05', { restate: true });
    expect(valueOf(run, 'a')).to.equal(10);
  });

  it('has written what it had begun to write by the time that it fails', async () => {
    const writes: string[] = [];
    const run = await start({}, (lake) => ({
      ...lake,
      dialect: lake.dialect,
      async *query(statement, context) {
        for await (const batch of lake.query(statement, context)) {
          yield batch;
          if (statement.fields !== undefined) throw new Error('the query broke off');
        }
      },
    }));
    const put = run.hot.putNewest.bind(run.hot);
    run.hot.putNewest = (async (entries: Parameters<typeof put>[0]) => {
      writes.push('begun');
      await new Promise((resolve) => setTimeout(resolve, 20));
      writes.push('done');
      return put(entries);
    }) as never;
    write(events);
    expect(await failureOf(run.copy(plain, '2024-01-05'))).to.match(/the query broke off/);
    // The version is listed before its first row is written.
    expect(writes).to.deep.equal(['begun', 'done', 'begun', 'done']);
  });

  describe('that have changed', () => {
    const runs = materializeRuns(fixture);
    const { ledger, run } = runs;
    const events: Event[] = [
      ['a', '2024-01-01', '2024-01-01', 255],
      ['b', '2024-01-03', '2024-01-03', 2],
      ['c', '2023-06-01', '2023-06-01', 3],
    ];

    for (const [what, changed, days] of [
      ['a value', [['a', '2024-01-01', '2024-01-01', 256], ...events.slice(1)], '2024-01-01'],
      ['a row more', [...events, ['a', '2024-01-01', '2024-01-01T00:00:01Z', 10]], '2024-01-01'],
      ['a row less, of long ago', events.slice(0, 2), '2023-05-11/2023-06-11'],
    ] as const satisfies readonly (readonly [string, readonly Event[], string])[]) {
      it(`ends the run and names the days: ${what}`, async () => {
        for (const declared of [plain, sums]) {
          write(events);
          await run(declared, '2024-01-05');
          const before = runs.hot.rows();
          write(changed);
          expect(await failureOf(run(declared, '2024-01-06'))).to.equal(
            `FAILED_PRECONDITION offline-store: view "v": rows of ${days} were copied, and are others now: --restate writes them so that they win, --trust-closed leaves them (a row must be in the source at its available time)`,
          );
          expect([...runs.hot.rows()]).to.deep.equal([...before]);
          expect(await run(declared, '2024-01-06', { trustClosed: true })).to.not.have.property('restated');
        }
      });
    }

    it('writes those rows so that they win, whatever their bytes', async () => {
      for (const value of [256, 10, 254]) {
        write(events);
        runs.hot.entries.clear();
        await run(plain, '2024-01-05');
        write([['a', '2024-01-01', '2024-01-01', value], ...events.slice(1)]);
        expect(await run(plain, '2024-01-06', { restate: true })).to.deep.include({
          written: 1,
          restated: ['2024-01-01'],
        });
        expect(valueOf(runs, 'a')).to.equal(value);
        // And again, at the same time.
        write([['a', '2024-01-01', '2024-01-01', value + 1], ...events.slice(1)]);
        await run(plain, '2024-01-06', { restate: true });
        expect(valueOf(runs, 'a')).to.equal(value + 1);
        expect((await ledger(plain)).restatements!.at(-1)!.periods).to.deep.equal(['2024-01-01']);
        expect(await run(plain, '2024-01-07')).to.deep.include({ rows: 0 });
      }
    });

    it('lets what becomes known later win over what was written anew', async () => {
      write(events);
      await run(sums, '2024-01-04T12:00:00Z');
      const changed: Event[] = [['a', '2024-01-01', '2024-01-01', 1000], ...events.slice(1)];
      write(changed);
      await run(sums, '2024-01-04T12:00:00Z', { restate: true });
      write([...changed, ['a', '2024-01-03', '2024-01-04T13:00:00Z', 5]]);
      await run(sums, '2024-01-04T14:00:00Z');
      const stored = runs.hot.rows();
      runs.hot.entries.clear();
      await run(sums, '2024-01-04T14:00:00Z');
      const features = (hex: string): string => hex.slice(48);
      expect([...stored].map(([key, value]) => [key, features(value)])).to.deep.equal(
        [...runs.hot.rows()].map(([key, value]) => [key, features(value)]),
      );
    });
  });
});
