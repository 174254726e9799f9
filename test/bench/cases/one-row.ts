import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { airportCode, departure, fullSize } from '../flight-store.js';
import { jsonRequest } from '../http-client.js';
import { load } from '../load.js';
import { interleave } from '../measure.js';
import { randomNumbers } from '../random.js';

/** (b) One row against a bare express handler. */
export const benchCase: BenchCase = {
  title: 'one row against express with its JSON parser, one lmdb read, session.run and res.json',
  async run(bench) {
    const served = { store: await bench.flightStore(), models: await bench.models(), pipeline: 'one-row' };
    const vivace = await Child.start<string>('./children/serve.js', served);
    const floor = await Child.start<string>('./children/one-row-floor.js', served);
    const figures: Figure[] = [];
    for (const clients of [1, 8]) {
      const options = { clients, count: 3000 };
      const measured = await interleave(
        {
          vivace: async () =>
            load(
              {
                child: vivace.child,
                url: vivace.ready,
                requests: oneRowRequests('/v1/pipelines/one-row/predict'),
              },
              options,
            ),
          floor: async () =>
            load({ child: floor.child, url: floor.ready, requests: oneRowRequests('/predict') }, options),
        },
        { rounds: 7, warmUp: 2 },
      );
      const ratio = measured.vivace.cpuMicros / measured.floor.cpuMicros;
      figures.push({
        what: `one row, ${clients} client${clients === 1 ? '' : 's'}: CPU per request`,
        vivace: figure(measured.vivace.cpuMicros, 'µs'),
        floor: figure(measured.floor.cpuMicros, 'µs'),
        ratio,
        target: 'ratio ≤ 2',
        reached: ratio <= 2,
      });
    }
    await vivace.child.stop();
    await floor.child.stop();
    return figures;
  },
};

function oneRowRequests(path: string): Buffer[] {
  const random = randomNumbers(1);
  return Array.from({ length: 512 }, () =>
    jsonRequest(path, {
      request: { origin: airportCode(Math.floor(random() * fullSize.airports)), departure },
    }),
  );
}
