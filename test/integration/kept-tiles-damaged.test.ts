import { expect } from 'chai';
import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { failureOf } from '../support/failure.js';
import { dayText, knownBy, shop, sums, tileRuns, type Run } from '../support/tile-runs.js';

/** What happens to a file. */
const damages: Readonly<Record<string, (path: string) => void>> = {
  'is gone': (path) => rmSync(path),
  'is cut': (path) => truncateSync(path, readFileSync(path).length >> 1),
  'is empty': (path) => truncateSync(path, 0),
  'is that of other days': (path) => {
    const directory = join(path, '..');
    const other = readdirSync(directory).sort().at(-2)!;
    writeFileSync(path, readFileSync(join(directory, other)));
  },
  'has another bit': (path) => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(path, bytes);
  },
};

describe('Materialization over kept tiles that are damaged', function () {
  this.timeout(60_000);
  const fixture = tileRuns();
  const { start, write } = fixture;
  let bare: Run;
  const events = knownBy(shop(), dayText(80));
  /** The files of each set, in the order of their days: blocks of 32 days, then single ones. */
  const sets = (): string[][] =>
    readdirSync(fixture.tiles).map((set) =>
      readdirSync(join(fixture.tiles, set))
        .sort()
        .map((file) => join(fixture.tiles, set, file)),
    );
  const expectRows = ({ hot }: Run): void =>
    expect([...hot.rows()]).to.deep.equal([...bare.hot.rows()]) as never;

  beforeEach(async () => {
    write(events);
    bare = await start({});
    await bare.copy(sums, dayText(80));
    await (await start({ tiles: fixture.tiles })).copy(sums, dayText(80));
    for (const files of sets()) expect(files.length).to.be.within(4, 40);
  });

  for (const [i, [what, damage]] of Object.entries(damages).entries()) {
    it(`folds days anew whose file ${what}`, async () => {
      // A block of many days, one between others, the last one; with the comparison of days and without it.
      damage(sets()[i % sets().length]!.at([0, 4, -1][i % 3]!)!);
      const trustClosed = i % 2 === 1;
      const run = await start({ tiles: fixture.tiles });
      const { read } = await run.copy(sums, dayText(80), { trustClosed });
      expectRows(run);
      expect(read.rows).to.be.within(20, events.length / 2);
      const next = await start({ tiles: fixture.tiles });
      expect((await next.copy(sums, dayText(80), { trustClosed })).read.rows).to.equal(0);
      expectRows(next);
    });
  }

  it('notices without comparing that days are missing before others', async () => {
    for (const place of [0, 3]) {
      rmSync(sets()[1]!.at(place)!);
      const run = await start({ tiles: fixture.tiles });
      const { read } = await run.copy(sums, dayText(80), { trustClosed: true });
      expectRows(run);
      expect(read.rows, `file ${place}`).to.be.within(20, events.length / 2);
    }
  });

  it('goes on behind the days that are there where a run was killed between two files', async () => {
    // The files of a set are written in the order of their days.
    for (const file of sets()[0]!.slice(2)) rmSync(file);
    const run = await start({ tiles: fixture.tiles });
    const { read } = await run.copy(sums, dayText(80), { trustClosed: true });
    expect(read.rows).to.be.within(100, events.length - 100);
    expectRows(run);
  });

  it('notices that a day is missing which came between others later', async () => {
    // Nothing is known of that day at first.
    const date = dayText(76).slice(0, 10);
    const without = events.filter(([, at, known]) => !at.startsWith(date) && !known.startsWith(date));
    rmSync(fixture.tiles, { recursive: true });
    for (const known of [without, events]) {
      write(known);
      await (await start({ tiles: fixture.tiles })).copy(sums, dayText(80));
    }
    rmSync(sets()[1]!.find((file) => file.includes(`/${date}.`))!);
    const run = await start({ tiles: fixture.tiles });
    await run.copy(sums, dayText(80), { trustClosed: true });
    expectRows(run);
  });

  it('says which tiles cannot be read, and makes them anew once they are removed', async () => {
    const [path] = sets()[0]!;
    const text = 'not Parquet, though its checksum is right';
    rmSync(path!);
    const checksum = crc32(text).toString(16).padStart(8, '0');
    writeFileSync(path!.replace(/[0-9a-f]{8}(?=\.parquet$)/, checksum), text);
    const run = await start({ tiles: fixture.tiles });
    const failure = await failureOf(run.copy(sums, dayText(80)));
    expect(failure).to.match(/^DATA_LOSS .*view "v": tiles that were kept cannot be read: remove them/);
    const [set] = readdirSync(fixture.tiles);
    expect(failure).to.include(set);
    renameSync(join(fixture.tiles, set!), join(fixture.directory, 'removed'));
    await run.copy(sums, dayText(80));
    expectRows(run);
  });
});
