/**
 * Trains the delay model anew: training set by Vivace, gradient boosting by train.py, judged by the later flights.
 *
 *     node dist/examples/flights/train-model.js [--python python3] [--check]
 *
 * With --check nothing is committed to the repository: the figures are compared with those of the model that is there.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  pushModel,
  buildTrainingSet,
  loadServer,
  trainingParts,
  withServer,
  type BundleManifest,
  type PartDeclaration,
  type Server,
  type TrainingSetManifest,
  type TrainingSetProgress,
} from 'vivace';
import { evaluate, type Evaluation } from './evaluate.js';
import { configuration, directory, spine } from './spine.js';

const pipeline = 'rank-flights';
const model = { name: 'flight-delays', version: '1' };
/** How far a model trained on another machine may be from the committed one: minutes, and part of the pairs. */
const tolerance = { rmse: 0.1, pairsInOrder: 0.005 };

const never = new AbortController().signal;
const work = `${directory}data/training/`;

const { values: options } = parseArgs({
  options: { python: { type: 'string', default: 'python3' }, check: { type: 'boolean', default: false } },
});
await mkdir(work, { recursive: true });
const trainingSet = await writeTrainingSet();
await runPython(options.python, [
  `${directory}train.py`,
  `${work}train.parquet`,
  `${work}model.onnx`,
  `${work}columns.json`,
]);
const evaluation = await judge();
process.stdout.write(`${JSON.stringify(evaluation, undefined, 2)}\n`);
if (options.check) await compare(evaluation);
else {
  await rm(`${directory}models/${model.name}`, { recursive: true, force: true });
  await add(await loadServer(configuration), { evaluation });
  process.stdout.write(`added ${model.name}/${model.version}\n`);
}

async function writeTrainingSet(): Promise<TrainingSetManifest> {
  return withServer(await loadServer(configuration), async (server) => {
    await server.startOnly(trainingParts(server, { pipeline }));
    const onProgress = ({ phase, rows }: TrainingSetProgress): void =>
      void process.stdout.write(`${phase}: ${rows} training rows\n`);
    const settings = { pipeline, spine: spine('train-spine.yaml'), onProgress };
    return buildTrainingSet(server, `${work}train.parquet`, settings, { signal: never });
  });
}

/** Judges the new model from a repository of its own, so that the example's stays as it is. */
async function judge(): Promise<Evaluation> {
  await rm(`${work}models`, { recursive: true, force: true });
  await rm(`${work}workspace`, { recursive: true, force: true });
  const override: Record<string, PartDeclaration> = {
    bucket: { use: 'filesystem', path: `${work}models` },
    disk: { use: 'filesystem', path: `${work}workspace` },
  };
  await add(await loadServer(configuration, { override }));
  return withServer(await loadServer(configuration, { override }), async (server) => {
    await server.startOnly(trainingParts(server, { pipeline, predict: true }));
    return evaluate(server, { signal: never });
  });
}

/** Adds what train.py has left. */
async function add(server: Server, info: object = {}): Promise<void> {
  const columns = JSON.parse(await readFile(`${work}columns.json`, 'utf8')) as string[];
  const added = { ...model, file: `${work}model.onnx`, columns, trainingSet, info };
  await withServer(server, () => pushModel(server, added, { signal: never }));
}

async function compare(evaluation: Evaluation): Promise<void> {
  const manifest = JSON.parse(
    await readFile(`${directory}models/${model.name}/${model.version}/model.json`, 'utf8'),
  ) as BundleManifest;
  const committed = (manifest.info as { evaluation: Evaluation }).evaluation.model;
  const rmse = Math.abs(evaluation.model.rmse - committed.rmse);
  const pairsInOrder = Math.abs(evaluation.model.pairsInOrder - committed.pairsInOrder);
  const within = rmse <= tolerance.rmse && pairsInOrder <= tolerance.pairsInOrder;
  process.stdout.write(
    `committed ${JSON.stringify(committed)}: ${within ? 'within' : 'NOT within'} ${JSON.stringify(tolerance)}\n`,
  );
  if (!within) process.exitCode = 1;
}

async function runPython(python: string, args: string[]): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    spawn(python, args, { stdio: 'inherit' }).on('error', reject).on('close', resolve);
  });
  if (code !== 0)
    throw new Error(
      `${python} ended with ${code}; does it have the packages of examples/flights/requirements.txt?`,
    );
}
