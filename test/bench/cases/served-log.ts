import { join } from 'node:path';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child, type Usage } from '../child.js';
import { rowsOf } from '../logged-rows.js';
import { interleave, percentile, type Sample } from '../measure.js';
import { OpenClients } from '../open-clients.js';
import { rankRequests } from '../rank-requests.js';

const perSecond = 200;
const objects = 100;
/** Seconds of a turn of one server: `SERVED_LOG_SECONDS=5` tries whether the case runs; figures are those of 60. */
const turnSeconds = Number(process.env['SERVED_LOG_SECONDS'] ?? 60);
const rounds = 2;
/** Seconds of load before anything is measured. */
const warmUpSeconds = 3;

/** How much of 100 objects is kept. */
const kept = { part: { top: 20, sample: 20 }, all: undefined } as const;

interface Turn extends Sample {
  /** Milliseconds; infinite for a request that was refused. */
  readonly p50: number;
  readonly p99: number;
  /** CPU of the server's process per request. */
  readonly cpuMicros: number;
}

/** Ranking 100 objects of 48 features with a log of all requests, beside the same without one. */
export const benchCase: BenchCase = {
  title: `a log of all requests that rank 100 objects, ${perSecond} a second`,
  async run(bench) {
    const requests = rankRequests(objects);
    const served = { store: await bench.flightStore(), models: await bench.models(), pipeline: 'rank' };
    const servers = {
      without: await start(served),
      part: await start({ ...served, log: { path: join(bench.directory, 'log-part'), objects: kept.part } }),
      all: await start({ ...served, log: { path: join(bench.directory, 'log-all') } }),
    };
    const answers = { without: 0, part: 0, all: 0 };
    const turn = (name: keyof typeof servers) => async (): Promise<Turn> => {
      const { child, clients } = servers[name];
      const before = await child.usage();
      const outcomes = await clients.send(requests, perSecond, turnSeconds);
      const after = await child.usage();
      const answered = outcomes.filter(({ status }) => status === 200).length;
      answers[name] += answered;
      const took = outcomes.map(({ tookMs, status }) => (status === 200 ? tookMs : Infinity));
      return {
        p50: percentile(took, 0.5),
        p99: percentile(took, 0.99),
        cpuMicros: (after.cpuMicros - before.cpuMicros) / answered,
      };
    };
    for (const name of ['without', 'part', 'all'] as const) {
      const outcomes = await servers[name].clients.send(requests, perSecond, warmUpSeconds);
      answers[name] += outcomes.filter(({ status }) => status === 200).length;
    }
    const measured = await interleave(
      { without: turn('without'), part: turn('part'), all: turn('all') },
      { rounds, warmUp: 0 },
    );
    const usage: Record<keyof typeof servers, Usage> = {
      without: await servers.without.child.usage(),
      part: await servers.part.child.usage(),
      all: await servers.all.child.usage(),
    };
    for (const { child, clients } of Object.values(servers)) {
      clients.close();
      await child.stop();
    }
    const figures: Figure[] = [];
    for (const [name, what, rowsOfRequest, bounds] of [
      ['part', 'top 20 + sample 20', 40, { cpu: 1.25, p99: 1.5 }],
      ['all', 'all 100', objects, undefined],
    ] as const) {
      const { without, [name]: with_ } = measured;
      for (const [figureName, key, unit, bound] of [
        ['CPU per request', 'cpuMicros', 'µs', bounds?.cpu],
        ['p50', 'p50', 'ms', undefined],
        ['p99', 'p99', 'ms', bounds?.p99],
      ] as const) {
        const ratio = with_[key] / without[key];
        figures.push({
          what: `${what}: ${figureName}`,
          vivace: figure(with_[key], unit),
          floor: figure(without[key], unit),
          ratio,
          ...(bound === undefined ? {} : { target: `ratio ≤ ${bound}`, reached: ratio <= bound }),
        });
      }
      const rows = await rowsOf(join(bench.directory, `log-${name}`), 'rank');
      const offered = answers[name] * rowsOfRequest;
      figures.push({
        what: `${what}: rows in files of ${offered} offered`,
        vivace: figure(rows, 'rows'),
        target: 'all of them',
        reached: rows === offered,
      });
      figures.push({
        what: `${what}: peak memory`,
        vivace: figure(usage[name].maxRssBytes / 1e6, 'MB'),
        floor: figure(usage.without.maxRssBytes / 1e6, 'MB'),
      });
    }
    return figures;
  },
};

async function start(served: object): Promise<{ readonly child: Child; readonly clients: OpenClients }> {
  const { child, ready } = await Child.start<string>('./children/serve.js', served);
  return { child, clients: new OpenClients(ready) };
}
