import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { load, type LoadSample } from '../load.js';
import { interleave } from '../measure.js';
import { rankRequests } from '../rank-requests.js';

const rounds = 7;

/** (a) Ranking over HTTP against the least work by hand that gives the same answer. */
export const benchCase: BenchCase = {
  title: 'rank 100 and 1,000 objects out of 1,000,000 rows over HTTP',
  async run(bench) {
    const served = { store: await bench.flightStore(), models: await bench.models(), pipeline: 'rank' };
    const vivace = await Child.start<string>('./children/serve.js', served);
    const floor = await Child.start<string>('./children/rank-floor.js', served);
    const figures: Figure[] = [];
    for (const objects of [100, 1000]) {
      const requests = rankRequests(objects);
      const measure = async (clients: number): Promise<Record<'vivace' | 'floor', LoadSample>> => {
        const options = { clients, count: clients === 1 ? 30_000 / objects + 20 : 150_000 / objects };
        return interleave(
          {
            vivace: async () => load({ child: vivace.child, url: vivace.ready, requests }, options),
            floor: async () => load({ child: floor.child, url: floor.ready, requests }, options),
          },
          { rounds, warmUp: 2 },
        );
      };
      figures.push(
        ...latencyFigures(objects, await measure(1)),
        ...throughputFigures(objects, await measure(8)),
      );
    }
    await vivace.child.stop();
    await floor.child.stop();
    return figures;
  },
};

function latencyFigures(
  objects: number,
  { vivace, floor }: Record<'vivace' | 'floor', LoadSample>,
): Figure[] {
  const ratio = vivace.latencyMs / floor.latencyMs;
  const target =
    objects === 100
      ? { target: '< 5 ms', reached: vivace.latencyMs < 5 }
      : { target: 'ratio ≤ 1.5', reached: ratio <= 1.5 };
  return [
    {
      what: `${objects} objects, 1 client: p50`,
      vivace: figure(vivace.latencyMs, 'ms'),
      floor: figure(floor.latencyMs, 'ms'),
      ratio,
      ...target,
    },
    cpuFigure(`${objects} objects, 1 client: CPU per request`, vivace, floor),
  ];
}

function throughputFigures(
  objects: number,
  { vivace, floor }: Record<'vivace' | 'floor', LoadSample>,
): Figure[] {
  const ratio = vivace.perSecond / floor.perSecond;
  return [
    {
      what: `${objects} objects, 8 clients`,
      vivace: figure(vivace.perSecond, 'requests/s'),
      floor: figure(floor.perSecond, 'requests/s'),
      ratio,
      ...(objects === 1000 ? { target: 'ratio ≥ 0.6', reached: ratio >= 0.6 } : {}),
    },
    cpuFigure(`${objects} objects, 8 clients: CPU per request`, vivace, floor),
  ];
}

function cpuFigure(what: string, vivace: LoadSample, floor: LoadSample): Figure {
  return {
    what,
    vivace: figure(vivace.cpuMicros, 'µs'),
    floor: figure(floor.cpuMicros, 'µs'),
    ratio: vivace.cpuMicros / floor.cpuMicros,
  };
}
