import { join } from 'node:path';
import { predictor, type Tensor } from 'vivace';
import { figure, type BenchCase, type Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { checkAnswers, irisRequests } from '../iris-requests.js';
import { load, type LoadSample } from '../load.js';
import { interleave, median } from '../measure.js';
import { cpuWithChildren } from '../process-usage.js';
import { PythonLoop, type LoopSample } from '../python-loop.js';
import { doubleColumns, servePython, writePythonModels } from '../python-models.js';
import { python, PythonService } from '../python-service.js';
import { randomNumbers } from '../random.js';

const rounds = { rounds: 7, warmUp: 2 };
const rows = 1_000;
/** About as long as the model waits between two requests of one client. */
const pauseMs = 0.3;

/** A scikit-learn model and a matrix, to a process of Python and back. */
export const benchCase: BenchCase = {
  title:
    'one row of a scikit-learn model over HTTP, against a loop in Python and FastAPI; 1,000 rows × 50 to numpy and back',
  async run(bench) {
    if ('missing' in python) throw new Error(`${python.missing}: see test/bench/python/requirements.txt`);
    const { path: interpreter } = python;
    const models = join(bench.directory, 'python-models');
    const iris = await writePythonModels(interpreter, models);
    const served = { interpreter, models };
    return [...(await oneRow(served, iris)), ...(await matrix(served))];
  },
};

interface Served {
  readonly interpreter: string;
  readonly models: string;
}

async function oneRow(served: Served, model: string): Promise<Figure[]> {
  const vivace = await Child.start<string>('./children/serve-python.js', { ...served, model: 'iris' });
  const byHand = await PythonService.start('sklearn_service.py', { model });
  const piped = await Child.start<string>('./children/python-floor.js', {
    interpreter: served.interpreter,
    model,
  });
  const loop = new PythonLoop(served.interpreter, { kind: 'iris', model });
  const requests = irisRequests();
  const own = { child: vivace.child, url: vivace.ready, requests };
  const fastapi = { child: byHand, url: byHand.url, requests };
  const byPipe = { child: piped.child, url: piped.ready, requests };
  await checkAnswers([own, fastapi, byPipe]);
  const alone = await interleave<'vivace' | 'loop' | 'paused' | 'piped', LoadSample | LoopSample>(
    {
      vivace: async () => load(own, { clients: 1, count: 2_000 }),
      loop: async () => loop.measure(2_000),
      paused: async () => loop.measure(2_000, pauseMs),
      piped: async () => load(byPipe, { clients: 1, count: 2_000 }),
    },
    rounds,
  );
  const together = await interleave(
    {
      vivace: async () => load(own, { clients: 32, count: 8_000 }),
      fastapi: async () => load(fastapi, { clients: 32, count: 8_000 }),
    },
    rounds,
  );
  await vivace.child.stop();
  await byHand.stop();
  await piped.child.stop();
  await loop.stop();
  const [one, called] = [alone.vivace as LoadSample, alone.loop as LoopSample];
  const [pausing, hand] = [alone.paused as LoopSample, alone.piped as LoadSample];
  const addedMs = one.latencyMs - called.wallMicros / 1_000;
  const ratio = together.vivace.perSecond / together.fastapi.perSecond;
  return [
    {
      what: 'iris of scikit-learn, one row, 1 client: beyond the model in a loop of Python',
      vivace: figure(addedMs, 'ms'),
      floor: figure(called.wallMicros / 1_000, 'ms'),
      target: '≤ 0.35 ms',
      reached: addedMs <= 0.35,
    },
    {
      what: `iris of scikit-learn, one row, 1 client: beyond a loop that pauses for ${pauseMs} ms`,
      vivace: figure(one.latencyMs - pausing.wallMicros / 1_000, 'ms'),
      floor: figure(pausing.wallMicros / 1_000, 'ms'),
    },
    {
      what: 'iris of scikit-learn, one row, 1 client, node:http and a Python process by hand: p50',
      vivace: figure(one.latencyMs, 'ms'),
      floor: figure(hand.latencyMs, 'ms'),
      ratio: one.latencyMs / hand.latencyMs,
    },
    {
      what: 'iris of scikit-learn, 1 client, by hand: CPU per request',
      vivace: figure(one.cpuMicros, 'µs'),
      floor: figure(hand.cpuMicros, 'µs'),
      ratio: one.cpuMicros / hand.cpuMicros,
    },
    {
      what: 'iris of scikit-learn, 1 client: CPU per request',
      vivace: figure(one.cpuMicros, 'µs'),
      floor: figure(called.cpuMicros, 'µs'),
      ratio: one.cpuMicros / called.cpuMicros,
    },
    {
      what: 'iris of scikit-learn, one row, 32 clients, FastAPI',
      vivace: figure(together.vivace.perSecond, 'requests/s'),
      floor: figure(together.fastapi.perSecond, 'requests/s'),
      ratio,
      target: 'ratio ≥ 2',
      reached: ratio >= 2,
    },
    {
      what: 'iris of scikit-learn, 32 clients, FastAPI: CPU per request',
      vivace: figure(together.vivace.cpuMicros, 'µs'),
      floor: figure(together.fastapi.cpuMicros, 'µs'),
      ratio: together.vivace.cpuMicros / together.fastapi.cpuMicros,
    },
  ];
}

/** In process, without HTTP: the way to Python and back alone. */
async function matrix(served: Served): Promise<Figure[]> {
  const server = await servePython({ ...served, model: 'double' });
  const loop = new PythonLoop(served.interpreter, { kind: 'double', rows, columns: doubleColumns });
  const model = server.part(predictor, 'double');
  const random = randomNumbers(3);
  const data = Float32Array.from({ length: rows * doubleColumns }, () => random());
  const inputs: Tensor[] = [{ name: 'x', datatype: 'FP32', shape: [rows, doubleColumns], data }];
  const { signal } = new AbortController();
  const call = async (): Promise<void> => {
    const { outputs } = await model.predict(inputs, { rows, signal });
    if (outputs[0]!.data[7] !== data[7]! * 2) throw new Error('the answer is not the double of the request');
  };
  const calls = async (count: number): Promise<LoopSample> => {
    const times: number[] = [];
    const before = await cpuWithChildren();
    for (let i = 0; i < count; i++) {
      const since = performance.now();
      await call();
      times.push((performance.now() - since) * 1_000);
    }
    return { wallMicros: median(times), cpuMicros: ((await cpuWithChildren()) - before) / count };
  };
  const measured = await interleave(
    { vivace: async () => calls(1_500), loop: async () => loop.measure(1_500) },
    rounds,
  );
  await loop.stop();
  await server.stop();
  const addedMs = (measured.vivace.wallMicros - measured.loop.wallMicros) / 1_000;
  const what = `${rows.toLocaleString('en-US')} rows × ${doubleColumns} float32 to Python and back`;
  return [
    {
      what: `${what}: beyond the model`,
      vivace: figure(addedMs, 'ms'),
      floor: figure(measured.loop.wallMicros / 1_000, 'ms'),
      target: '≤ 0.6 ms',
      reached: addedMs <= 0.6,
    },
    {
      what: `${what}: CPU per call`,
      vivace: figure(measured.vivace.cpuMicros, 'µs'),
      floor: figure(measured.loop.cpuMicros, 'µs'),
    },
  ];
}
