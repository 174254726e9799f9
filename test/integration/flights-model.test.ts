import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTrainingSet, trainingParts, type BundleManifest, type Server } from 'vivace';
import { evaluate, type Evaluation } from '../../examples/flights/evaluate.js';
import { createFlights } from '../../examples/flights/flights.js';
import { directory, spine } from '../../examples/flights/spine.js';

const manifest = JSON.parse(
  readFileSync(`${directory}models/flight-delays/1/model.json`, 'utf8'),
) as BundleManifest;
const committed = manifest.info as { readonly trainingSet: string; readonly evaluation: Evaluation };

describe('flights: the model', function () {
  this.timeout(300_000);
  let server: Server;
  let workspace: string;
  const never = { signal: new AbortController().signal };

  before(async () => {
    workspace = mkdtempSync(join(tmpdir(), 'vivace-flights-'));
    server = await createFlights({
      hot: { use: 'memory' },
      disk: { use: 'filesystem', path: join(workspace, 'models') },
    });
    await server.startOnly(trainingParts(server, { pipeline: 'rank-flights', predict: true }));
  });
  after(async () => {
    await server.stop();
    rmSync(workspace, { recursive: true });
  });

  it('was trained on the training set that Vivace builds', async () => {
    const options = { pipeline: 'rank-flights', spine: spine('train-spine.yaml') };
    const built = await buildTrainingSet(server, join(workspace, 'train.parquet'), options, never);
    expect(built.id).to.equal(committed.trainingSet);
    expect(built.features).to.deep.equal(manifest.featuresLock);
  });

  it('is small enough to commit', () => {
    expect(manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)).to.be.below(5_000_000);
  });

  it('scores all later flights as committed, and better than the route’s mean', async () => {
    const { rows, pairs, model, routeMean } = await evaluate(server, never);
    expect({ rows, pairs }).to.deep.equal({
      rows: committed.evaluation.rows,
      pairs: committed.evaluation.pairs,
    });
    expect(model.rmse).to.be.closeTo(committed.evaluation.model.rmse, 0.001);
    expect(model.pairsInOrder).to.be.closeTo(committed.evaluation.model.pairsInOrder, 0.0001);
    expect(model.rmse).to.be.below(routeMean.rmse);
    expect(model.pairsInOrder).to.be.above(routeMean.pairsInOrder);
  });
});
