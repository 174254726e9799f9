import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  buildTrainingSet,
  materializeViews,
  pushModel,
  trainingParts,
  withServer,
  type PartDeclaration,
  type Signature,
  type TrainingSetManifest,
} from 'vivace';
import { createFlights } from '../flights/flights.js';
import { spine } from '../flights/spine.js';

/** The folder of the example in the source tree: its Python files are there, not beside the compiled program. */
const directory = fileURLToPath(new URL('../../../examples/python-predictor/', import.meta.url));
const wrapper = fileURLToPath(new URL('../../../adapters/python/wrapper/', import.meta.url));

const pipeline = 'rank-flights';
const never = { signal: new AbortController().signal };
/** Two models of the same training: as ONNX, and as a class in Python. */
const kinds = ['onnx', 'python'] as const;

export interface Destination {
  readonly destination: string;
  /** Expected, minutes. */
  readonly delay: number;
}

/** Where things are, and who trains and predicts. */
export interface RankOptions {
  /** A Python that has the packages of requirements.txt. */
  readonly python: string;
  /** A folder that is emptied, and in which everything is written. */
  readonly work: string;
  readonly onStep?: (step: string) => void;
}

/**
 * Builds a training set of the flights example, trains one model on it in Python, pushes it as ONNX and as a predictor in Python, and lets both rank
 * destinations.
 *
 * @returns The destinations from O'Hare on the evening of 2001-06-15, best first, as each of the two ranks them.
 */
export async function rank({
  python,
  work,
  onStep = () => undefined,
}: RankOptions): Promise<Record<(typeof kinds)[number], readonly Destination[]>> {
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const parts = (kind: (typeof kinds)[number]): Record<string, PartDeclaration> => ({
    hot: { use: 'lmdb', path: `${work}/online` },
    bucket: { use: 'filesystem', path: `${work}/models` },
    disk: { use: 'filesystem', path: `${work}/workspace` },
    // The runtime of the flights, by its name there.
    onnx: kind === 'onnx' ? { use: 'onnxruntime' } : { use: 'python', interpreter: python },
    delays: {
      use: 'model-predictor',
      model: `delays-${kind}@champion`,
      repository: 'models',
      runtime: 'onnx',
    },
  });

  onStep('building the training set');
  const trainingSet = await withServer(await createFlights(parts('onnx')), async (server) => {
    await server.startOnly(trainingParts(server, { pipeline }));
    const settings = { pipeline, spine: { ...spine('train-spine.yaml'), sample: { of: 100 } } };
    return buildTrainingSet(server, `${work}/train.csv`, settings, never);
  });

  onStep('training');
  const args = [`${directory}train.py`, `${work}/train.csv`, `${work}/python`, `${work}/model.onnx`];
  const env = { ...process.env, PYTHONPATH: wrapper, PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' };
  const { stdout } = await promisify(execFile)(python, args, { env });
  onStep(stdout.trim());

  onStep('materializing the features');
  await withServer(await createFlights(parts('onnx')), (server) =>
    materializeViews(server, { untilMs: Date.parse('2001-06-15') }, never),
  );

  const ranked = { onnx: [] as readonly Destination[], python: [] as readonly Destination[] };
  for (const kind of kinds)
    ranked[kind] = await pushAndRank(kind, parts(kind), { work, trainingSet, onStep });
  return ranked;
}

async function pushAndRank(
  kind: (typeof kinds)[number],
  parts: Record<string, PartDeclaration>,
  {
    work,
    trainingSet,
    onStep,
  }: { work: string; trainingSet: TrainingSetManifest; onStep: (s: string) => void },
): Promise<readonly Destination[]> {
  onStep(`pushing and serving delays-${kind}`);
  // The folder says what its columns are; an ONNX file does not.
  const model =
    kind === 'onnx'
      ? { file: `${work}/model.onnx`, columns: await columnsOf(`${work}/python/signature.json`) }
      : { file: `${work}/python` };
  await withServer(await createFlights(parts), (server) =>
    pushModel(server, { ...model, name: `delays-${kind}`, trainingSet }, never),
  );
  return withServer(await createFlights(parts), async (server) => {
    await server.start();
    const answer = await server.predict(pipeline, {
      request: { origin: 'ORD', departure: '2001-06-15T17:30:00Z' },
      objects: ['LGA', 'MSP', 'LAX', 'PHX', 'BOS', 'DEN', 'ATL', 'SFO', 'DFW', 'SEA', 'MIA', 'IAH'].map(
        (destination) => ({ destination }),
      ),
    });
    return (answer as unknown as { readonly objects: readonly Destination[] }).objects;
  });
}

async function columnsOf(file: string): Promise<readonly string[]> {
  const { inputs } = JSON.parse(await readFile(file, 'utf8')) as Signature;
  return inputs[0]!.columns!;
}
