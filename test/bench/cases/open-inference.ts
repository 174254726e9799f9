import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { irisFile } from '../iris.js';
import { checkAnswers, irisRequests } from '../iris-requests.js';
import { load, type LoadSample } from '../load.js';
import { interleave } from '../measure.js';
import { python, PythonService } from '../python-service.js';

const clients = 32;
const options = { clients, count: 20_000 };

/** One row of iris over Open Inference JSON, against bare node:http and, where Python is installed, a FastAPI handler. */
export const benchCase: BenchCase = {
  title: 'one row of iris over Open Inference JSON, against bare node:http and FastAPI with ONNX Runtime',
  async run(bench) {
    const vivace = await Child.start<string>('./children/serve-iris.js', { directory: bench.directory });
    const floor = await Child.start<string>('./children/iris-floor.js', {});
    const byHand =
      'missing' in python ? undefined : await PythonService.start('iris_service.py', { model: irisFile });
    const requests = irisRequests();
    const targets = {
      vivace: { child: vivace.child, url: vivace.ready, requests },
      floor: { child: floor.child, url: floor.ready, requests },
      ...(byHand === undefined ? {} : { fastapi: { child: byHand, url: byHand.url, requests } }),
    };
    await checkAnswers(Object.values(targets));
    const measured = await interleave(
      Object.fromEntries(
        Object.entries(targets).map(([name, target]) => [name, async () => load(target, options)]),
      ) as Readonly<Record<keyof typeof targets, () => Promise<LoadSample>>>,
      { rounds: 7, warmUp: 2 },
    );
    const figures = [
      ...against('bare node:http', measured.vivace, measured.floor, 0.5),
      ...(byHand === undefined ? [] : against('FastAPI', measured.vivace, measured.fastapi, 1.5)),
    ];
    await vivace.child.stop();
    await floor.child.stop();
    await byHand?.stop();
    return figures;
  },
};

function against(other: string, own: LoadSample, floor: LoadSample, least: number): Figure[] {
  const ratio = own.perSecond / floor.perSecond;
  const what = `iris, one row, ${clients} clients, ${other}`;
  return [
    {
      what,
      vivace: figure(own.perSecond, 'requests/s'),
      floor: figure(floor.perSecond, 'requests/s'),
      ratio,
      target: `ratio ≥ ${least}`,
      reached: ratio >= least,
    },
    {
      what: `${what}: CPU per request`,
      vivace: figure(own.cpuMicros, 'µs'),
      floor: figure(floor.cpuMicros, 'µs'),
      ratio: own.cpuMicros / floor.cpuMicros,
    },
  ];
}
