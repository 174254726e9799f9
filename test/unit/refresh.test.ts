import { expect } from 'chai';
import { isVivaceError } from 'vivace';
import { knowledgeTime, lastBoundary, type Refresh } from '../../core/views/refresh.js';
import { viewSchema, type ViewInput } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';

const micros = (text: string): number => Date.parse(text) * 1000;
const text = (time: number): string => new Date(time / 1000).toISOString();
const nightly: Refresh = { everyMs: 86_400_000, offsetMs: 10_800_000, delayMs: 600_000 };

describe('The knowledge time of a view', () => {
  for (const [asked, known] of [
    ['2026-03-02T03:09:59.999Z', '2026-03-01T03:00:00.000Z'],
    ['2026-03-02T03:10:00.000Z', '2026-03-02T03:00:00.000Z'],
    ['2026-03-03T03:09:00.000Z', '2026-03-02T03:00:00.000Z'],
    ['1969-12-31T03:10:00.000Z', '1969-12-31T03:00:00.000Z'],
    ['1969-12-31T03:00:00.000Z', '1969-12-30T03:00:00.000Z'],
  ] as const)
    it(`of a nightly run at 03:00 that takes ten minutes, asked at ${asked}, is ${known}`, () => {
      expect(text(knowledgeTime(nightly, micros(asked)))).to.equal(known);
    });

  it('is the request time less the delay where rows arrive all the time', () => {
    const late = { offsetMs: 0, delayMs: 90_000 };
    expect(knowledgeTime(late, micros('2026-03-02T00:01:00Z'))).to.equal(micros('2026-03-01T23:59:30Z'));
  });

  it('is the request time of a view without refresh', () => {
    expect(knowledgeTime(undefined, 1.5e15)).to.equal(1.5e15);
  });

  it('is exact to the microsecond, whatever the interval', () => {
    for (const everyMs of [1, 7, 1000, 86_400_000]) {
      const refresh = { everyMs, offsetMs: 0, delayMs: 0 };
      const boundary = everyMs * 1000 * Math.floor(1.7e15 / (everyMs * 1000));
      expect(knowledgeTime(refresh, boundary)).to.equal(boundary);
      expect(knowledgeTime(refresh, boundary - 1)).to.equal(boundary - everyMs * 1000);
      expect(lastBoundary(refresh, boundary + 1)).to.equal(boundary);
    }
  });
});

describe('refresh of a view', () => {
  const view: ViewInput = {
    store: 'online',
    entity: { key: 'string' },
    source: { table: 't', eventTime: 'event' },
    features: { x: { type: 'float32' } },
  };
  const compiled = (change: Partial<ViewInput>): ReturnType<typeof compileView> =>
    compileView('v', viewSchema.parse({ ...view, ...change }));
  const mistake = (change: Partial<ViewInput>): string => {
    try {
      compiled(change);
    } catch (error) {
      return isVivaceError(error) ? `${error.path}: ${error.message}` : String(error);
    }
    return 'none';
  };

  it('is not part of the hash', () => {
    expect(compiled({ refresh: { everyMs: 1000 } }).hash).to.equal(compiled({}).hash);
  });

  it('is refused where rows have no time, or come by themselves', () => {
    const refresh = { everyMs: 1000 };
    expect(mistake({ refresh, source: { table: 't' } })).to.match(/^refresh: goes with an event time/);
    const { source: _, ...pushed } = view;
    expect(() => compileView('v', viewSchema.parse({ ...pushed, refresh }))).to.throw(/rows that are pushed/);
  });

  it('is refused where it says nothing, or has an offset beyond its interval', () => {
    expect(mistake({ refresh: {} })).to.match(/^refresh.delayMs: says nothing/);
    expect(mistake({ refresh: { offsetMs: 5, delayMs: 1 } })).to.match(/^refresh.offsetMs: goes with/);
    expect(mistake({ refresh: { everyMs: 1000, offsetMs: 1000 } })).to.match(
      /^refresh.offsetMs: must be less/,
    );
  });
});
