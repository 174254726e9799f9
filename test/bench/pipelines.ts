import { bundleManifest, definePipeline, type BundleManifest, type Signature } from 'vivace';
import { createHash } from 'node:crypto';
import { treeModel } from './tree-model.js';
import { wideFeatures } from './wide-table.js';

const windows = [1, 7, 28];
const delays = ['departures', 'delay_mean', 'delay_stddev', 'over_15', 'over_60'].flatMap((name) =>
  windows.map((days) => `${name}_${days}d`),
);

/** The columns of the ranking model: 48 features. */
export const rankingColumns = [
  ...delays.map((name) => `here.${name}`),
  ...delays.map((name) => `there.${name}`),
  ...[...delays, 'distance'].map((name) => `route.${name}`),
  'calendar.hour',
  'calendar.weekday',
];

/** The columns of the model for one row: 15 features. */
export const oneRowColumns = delays.map((name) => `here.${name}`);

/** The columns of the model over wide rows: 50 features, in the order in which a row's cells are stored. */
export const wideColumns = wideFeatures.map((name) => `wide.${name}`).toSorted();

const forest = { trees: 200, depth: 6 };

/** A model of 200 trees over the given columns: its file and its manifest. */
export function delayModel(
  name: string,
  columns: readonly string[],
): { readonly file: Uint8Array; readonly manifest: BundleManifest } {
  const file = treeModel({ features: columns.length, ...forest });
  const signature: Signature = {
    inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, columns.length], columns: [...columns] }],
    outputs: [{ name: 'delay', datatype: 'FP32', shape: [-1, 1] }],
    over: 'row',
  };
  const sha256 = createHash('sha256').update(file).digest('hex');
  const manifest = bundleManifest.parse({
    format: 1,
    name,
    version: '1',
    runtime: 'onnx',
    entry: 'model.onnx',
    files: [{ path: 'model.onnx', sizeBytes: file.length, sha256 }],
    signature,
  });
  return { file, manifest };
}

/** The ranking of the flights example on the features of its three fetches, without caches. */
export const ranking = definePipeline({
  request: { origin: 'string', departure: 'timestamp' },
  time: 'request.departure',
  objects: { fields: { destination: 'string' }, max: 2000 },
  steps: [
    { fetch: 'airport_delay', as: 'here', key: { airport: 'request.origin' } },
    { fetch: 'airport_delay', as: 'there', key: { airport: 'object.destination' } },
    {
      fetch: 'route_delay',
      as: 'route',
      key: { origin: 'request.origin', destination: 'object.destination' },
    },
    { transform: 'calendar' },
    { predict: 'delays' },
  ],
  response: { outputs: { delay: 'delays.delay' }, orderBy: 'delay' },
});

/** One feature row, one prediction. */
export const oneRow = definePipeline({
  request: { origin: 'string', departure: 'timestamp' },
  time: 'request.departure',
  steps: [{ fetch: 'airport_delay', as: 'here', key: { airport: 'request.origin' } }, { predict: 'delays' }],
  response: { outputs: { delay: 'delays.delay' } },
});

/** A ranking by one row of 50 features per object. */
export const wideRanking = definePipeline({
  objects: { fields: { id: 'string' }, max: 2000 },
  steps: [{ fetch: 'wide', key: { id: 'object.id' } }, { predict: 'delays' }],
  response: { outputs: { delay: 'delays.delay' }, orderBy: 'delay' },
});
