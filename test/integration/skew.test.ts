import { expect } from 'chai';
import {
  askFor,
  causesOf,
  copySales,
  dayMs,
  marchMs,
  minuteMs,
  skewOf,
  SkewShop,
  type Sale,
} from '../support/skew-fixture.js';
import { randomNumbers } from '../bench/random.js';

/** A job at 03:00 that takes ten minutes. */
const nightly = { everyMs: dayMs, offsetMs: 180 * minuteMs, delayMs: 10 * minuteMs };
const shops = Array.from({ length: 12 }, (_, i) => `s${i}`);

/** Two weeks of sales, of which some become known up to three days late. */
function randomSales(lateShare: number): Sale[] {
  const random = randomNumbers(5);
  return Array.from({ length: 600 }, () => {
    const at = marchMs + Math.floor(random() * 14 * dayMs);
    const late = random() < lateShare ? Math.floor(random() * 3 * dayMs) : 0;
    return {
      shop: shops[Math.floor(random() * shops.length)]!,
      at,
      known: at + late,
      amount: random() * 100,
    };
  });
}

describe('Skew', function () {
  this.timeout(60_000);
  let shop: SkewShop;
  beforeEach(() => (shop = new SkewShop()));
  afterEach(() => shop.dispose());

  it('of a stream that is copied before every request is none', async () => {
    shop.sell(randomSales(0.05));
    await shop.within(async (server) => {
      for (let i = 0; i < 4; i++) {
        const at = marchMs + (8 + i) * dayMs + i * 311 * minuteMs;
        await copySales(server, at);
        await askFor(server, [...shops, 'nobody'], at);
      }
      const report = await skewOf(server);
      expect(report).to.deep.include({ rows: 52, compared: 104, mismatches: 0, unexplained: 0 });
      expect(report.from).to.equal('2026-03-09T00:00:00Z');
    });
  });

  it('of a job at 03:00 is that the store is behind, unless the views say so', async () => {
    shop.sell(randomSales(0.05));
    await shop.within(async (server) => {
      for (let night = 7; night < 12; night++) {
        const due = marchMs + night * dayMs + 180 * minuteMs;
        await copySales(server, due);
        for (const after of [10, 500, 1449]) await askFor(server, shops, due + after * minuteMs);
      }
    });
    await shop.within(async (server) => {
      const { mismatches, fetches, unexplained } = await skewOf(server);
      expect(unexplained).to.equal(0);
      for (const { causes, rows, mismatches: differ } of fetches) {
        expect(rows).to.equal(180);
        expect(causes).to.deep.equal({ behind: differ });
        expect(differ).to.be.above(10);
      }
      expect(mismatches).to.equal(fetches[0]!.mismatches + fetches[1]!.mismatches);
    });
    await shop.within(
      async (server) => {
        const report = await skewOf(server);
        expect(report.mismatches).to.equal(0);
      },
      { refresh: nightly },
    );
  });

  it('counts each row that came later than it says, for columns and for aggregates', async () => {
    const on = (day: number): number => marchMs + day * dayMs;
    const sales = shops.map((name): Sale => ({ shop: name, at: on(0), known: on(0), amount: 1 }));
    shop.sell(sales);
    await shop.within(async (server) => {
      for (const day of [4, 5]) {
        await copySales(server, on(day));
        await askFor(server, shops, on(day));
      }
      const late = shops
        .slice(0, 5)
        .map((name): Sale => ({ shop: name, at: on(3), known: on(3), amount: 2 }));
      shop.sell([...sales, ...late]);
      const report = await skewOf(server);
      expect(causesOf(report, 'last')).to.deep.equal({ causes: { late: 10 }, feature: { late: 10 } });
      expect(causesOf(report, 'week')).to.deep.equal({ causes: { late: 10 }, feature: { late: 10 } });
      const { error } = report.fetches.find(({ fetch }) => fetch === 'week')!.features[0]!;
      expect(error).to.deep.equal({ p50: 2 / 3, p99: 2 / 3 });
      expect(report.unexplained).to.equal(0);
    });
  });
});
