import { expect } from 'chai';
import { definePlugin, featureSource, status, type FeatureRows, type FeatureSource, type Keys } from 'vivace';
import { featureSourceContract } from 'vivace/testing';
import { z } from 'zod';
import { contractFailures } from '../support/contract-failures.js';
import { ForeignPromise } from '../support/foreign-promise.js';

const features = { words: 'int32', first: 'string', sizes: 'list<int32>' } as const;
type TextKeys = Keys<{ text: 'string' }>;
type Rows = FeatureRows<typeof features>;
type Read = FeatureSource<{ keys: { text: 'string' }; features: typeof features; offline: 'pure' }>['read'];

/** A source that counts words, and reads as it is told. */
const sourceOf = (
  create: (clock: { now(): number; monotonic(): number }) => Read,
  offline: 'pure' | 'log-only' = 'pure',
) =>
  definePlugin({
    provides: featureSource,
    name: 'words',
    options: z.strictObject({ shout: z.boolean().default(false) }),
    describe: () => ({ keys: { text: 'string' }, features, offline }),
    create: (_options, _uses, { clock }) => ({ read: create(clock) }),
  });

function failuresOf(definition: ReturnType<typeof sourceOf>): Promise<string[]> {
  return contractFailures((runner) =>
    featureSourceContract({
      runner,
      definition,
      rows: [
        { key: { text: 'a room' }, expect: { words: 2, first: 'a', sizes: [1, 4] } },
        { key: { text: 'with a view' }, expect: { words: 3, first: 'with', sizes: [4, 1, 4] } },
        { key: { text: '' }, expect: 'MISSING' },
      ],
    }),
  );
}

/** What a right source does for a row. */
function fill(keys: TextKeys, out: Rows, row: number): void {
  const text = keys.column('text').values[row]!;
  if (text === '') return out.setMissing(row);
  const words = text.split(' ');
  out.column('words').set(row, words.length);
  out.column('first').set(row, words[0]!);
  out.column('sizes').set(
    row,
    words.map((word) => word.length),
  );
}

const fillAll: Read = (keys, out) => {
  for (let row = 0; row < keys.rows; row++) fill(keys, out, row);
};

const values = 'gives the values that are expected';
const filled = 'fills every row: it sets its cells, or says that it is present, missing or failed';
const written = 'writes every cell of a row that it says is present';
const intact = 'leaves its keys as they are';
const timeless = 'gives the same at another time, and with other random numbers';
const untimed = 'does not ask for the request time, which what is pure does not depend on';
const kept = 'gives rows that stay what they are, whatever is read next';

describe('The FeatureSource contract', () => {
  it('passes a right source, and one that answers by a promise of any kind', async () => {
    expect(await failuresOf(sourceOf(() => fillAll))).to.deep.equal([]);
    const later = async (...args: Parameters<Read>): Promise<void> => {
      await Promise.resolve();
      await fillAll(...args);
    };
    expect(await failuresOf(sourceOf(() => later))).to.deep.equal([]);
    const foreign: Read = (...args) => new ForeignPromise(later(...args)) as unknown as Promise<void>;
    expect(await failuresOf(sourceOf(() => foreign))).to.deep.equal([]);
  });

  it('fails one that writes nothing', async () => {
    expect(await failuresOf(sourceOf(() => () => undefined))).to.include.members([values, filled]);
  });

  it('fails one that writes nothing and says that every row is present', async () => {
    const failed = await failuresOf(sourceOf(() => (_keys, out) => out.setAllPresent()));
    expect(failed).to.include.members([values, written]);
  });

  it('fails one that leaves a cell as it was, though what is expected stands there by chance', async () => {
    const failed = await contractFailures((runner) =>
      featureSourceContract({
        runner,
        definition: definePlugin({
          provides: featureSource,
          name: 'zeros',
          options: z.strictObject({}),
          describe: () => ({
            keys: { n: 'int32' },
            features: { n: 'int32', zero: 'float64' },
            offline: 'pure',
          }),
          create: () => ({
            read(keys, out) {
              keys.column('n').values.forEach((n, row) => out.column('n').set(row, n));
            },
          }),
        }),
        rows: [
          { key: { n: 1 }, expect: { n: 1, zero: 0 } },
          { key: { n: 2 }, expect: { n: 2, zero: 0 } },
        ],
      }),
    );
    expect(failed).to.deep.equal([written]);
  });

  it('fails one that does not wait for what it began', async () => {
    const failed = await failuresOf(
      sourceOf(
        () => (keys, out) => {
          void Promise.resolve().then(() => fillAll(keys, out, undefined as never));
        },
        'log-only',
      ),
    );
    expect(failed).to.include(filled);
  });

  it('fails one that forgets the last row', async () => {
    const failed = await failuresOf(
      sourceOf(() => (keys, out) => {
        for (let row = 0; row + 1 < keys.rows; row++) fill(keys, out, row);
      }),
    );
    expect(failed).to.include.members([values, filled]);
  });

  it('fails one that answers an outage where it holds no row', async () => {
    const failed = await failuresOf(
      sourceOf(() => (keys, out, context) => {
        void fillAll(keys, out, context);
        out.status.forEach((code, row) => {
          if (code === status.MISSING) out.status[row] = status.FAILED;
        });
      }),
    );
    expect(failed).to.include(values);
  });

  it('fails one that writes to its keys', async () => {
    const failed = await failuresOf(
      sourceOf(() => (keys, out, context) => {
        void fillAll(keys, out, context);
        keys.column('text').values.sort();
      }),
    );
    expect(failed).to.deep.equal([intact]);
  });

  for (const [what, read] of Object.entries<(clock: { now(): number }) => number>({
    'Date.now()': () => new Date(Date.now()).getUTCFullYear(),
    'new Date()': () => new Date().getUTCFullYear(),
    'Date()': () => Number(/ (\d{4}) /.exec(Date())![1]),
    'performance.now()': () => Math.floor(performance.now() / 86_400_000),
    'process.hrtime.bigint()': () => Number(process.hrtime.bigint() / 86_400_000_000_000n),
    'the clock of its context': (clock) => new Date(clock.now()).getUTCFullYear(),
    'Math.random()': () => Math.floor(Math.random() * 2),
  })) {
    it(`fails a pure one that uses ${what}, in read or once when it starts`, async () => {
      const wrong = (add: () => number): Read => {
        return (keys, out, context) => {
          void fillAll(keys, out, context);
          out.column('words').values.forEach((count, row) => {
            // Right today.
            if (out.status[row] === status.PRESENT) out.column('words').values[row] = count + add();
          });
        };
      };
      const today = (clock: { now(): number }): (() => number) => {
        const first = read(clock);
        return () => read(clock) - first;
      };
      expect(await failuresOf(sourceOf((clock) => wrong(today(clock))))).to.include(timeless);
      expect(
        await failuresOf(
          sourceOf((clock) => {
            const made = read(clock);
            return wrong(() => made);
          }),
        ),
      ).to.include(timeless);
    });
  }

  it('fails a pure one that kept a clock from before', async () => {
    const now = Date.now.bind(Date);
    const failed = await failuresOf(
      sourceOf(() => (keys, out, context) => {
        void fillAll(keys, out, context);
        for (let row = 0; row < keys.rows; row++)
          if (out.status[row] === status.PRESENT) out.column('first').set(row, String(now()));
      }),
    );
    expect(failed).to.include(timeless);
  });

  it('leaves the clocks as they were', async () => {
    const clocks = (): unknown[] =>
      [Date, performance, Math, process.hrtime].map((one) => Object.getOwnPropertyDescriptors(one));
    const before = [Date, ...clocks()];
    await failuresOf(
      sourceOf(() => () => {
        throw new Error('it fails, at another time too');
      }),
    );
    expect([Date, ...clocks()]).to.deep.equal(before);
    expect(Math.abs(Date.now() - new Date().getTime())).to.be.lessThan(60_000);
    expect(new Date().getUTCFullYear()).to.be.lessThan(2038);
  });

  it('fails a pure one that asks for the request time, and one that hides it', async () => {
    const asks: Read = (keys, out, context) => {
      void keys.time;
      return fillAll(keys, out, context);
    };
    expect(await failuresOf(sourceOf(() => asks))).to.include.members([untimed, values]);
    const hides: Read = (keys, out, context) => {
      try {
        void keys.time;
      } catch {
        // Goes on as if nothing had happened.
      }
      return fillAll(keys, out, context);
    };
    expect(await failuresOf(sourceOf(() => hides))).to.deep.equal([untimed]);
  });

  it('passes one that fills one array with every call, because its values are copied', async () => {
    const buffer = new Int32Array(3);
    const failed = await failuresOf(
      sourceOf(() => (keys, out, context) => {
        void fillAll(keys, out, context);
        if (keys.rows !== buffer.length) return;
        buffer.set(out.column('words').values);
        out.column('words').values = buffer;
      }),
    );
    expect(failed).to.deep.equal([]);
  });

  it('fails one that fills one byte string with every call', async () => {
    const buffer = new Uint8Array(1);
    const definition = definePlugin({
      provides: featureSource,
      name: 'bytes',
      options: z.strictObject({}),
      describe: () => ({ keys: { id: 'int32' }, features: { b: 'bytes' }, offline: 'pure' }),
      create: () => ({
        read(keys, out) {
          keys.column('id').values.forEach((id, row) => {
            buffer[0] = id;
            out.column('b').set(row, buffer);
          });
        },
      }),
    });
    const failed = await contractFailures((runner) =>
      featureSourceContract({
        runner,
        definition,
        rows: [
          { key: { id: 1 }, expect: { b: Uint8Array.of(1) } },
          { key: { id: 2 }, expect: { b: Uint8Array.of(2) } },
        ],
      }),
    );
    expect(failed).to.include(kept);
  });

  it('fails one that answers by the place of a key', async () => {
    const failed = await failuresOf(
      sourceOf(() => (keys, out, context) => {
        void fillAll(keys, out, context);
        const last = keys.rows - 1;
        if (out.status[last] === status.PRESENT) out.column('words').set(last, 3);
      }),
    );
    expect(failed).to.include('answers in the order of the keys');
  });

  it('says which setup proves nothing', async () => {
    const failed = await contractFailures((runner) =>
      featureSourceContract({
        runner,
        definition: sourceOf(() => fillAll),
        rows: [{ key: { text: '' }, expect: 'MISSING' }],
      }),
    );
    expect(failed).to.include('is given at least two rows that it holds and that differ');
  });
});
