import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { predictorRuntime, type PredictorRuntime } from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { python } from 'vivace/adapters/python';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { failureOf } from '../support/failure.js';

/** Trains a model of two columns with each library, and writes it as that library does. */
const train = `
import joblib, lightgbm, numpy, pandas, sys, vivace_wrapper, xgboost
from sklearn.linear_model import LogisticRegression

folder = sys.argv[1]
X = pandas.DataFrame(numpy.random.default_rng(1).normal(size=(60, 2)), columns=["delay mean", "on"])
y = (X["on"] > 0).astype(int)
joblib.dump(LogisticRegression().fit(X, y), f"{folder}/iris.joblib")
data = lightgbm.Dataset(X.to_numpy(), y, feature_name=["a", "b"])
lightgbm.train({"verbose": -1, "num_threads": 1}, data, 1).save_model(f"{folder}/booster.txt")
xgboost.train({"nthread": 1}, xgboost.DMatrix(X.to_numpy(), y), 1).save_model(f"{folder}/booster.ubj")
vivace_wrapper.save(f"{folder}/saved", LogisticRegression().fit(X, y), columns=X.columns, example=X[:2])
`;

describeNeeding([interpreter], 'A model file of Python', function () {
  this.timeout(300_000);
  let folder: string;
  let runtime: PredictorRuntime;
  let stop: () => Promise<void>;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vivace-inspect-'));
    const env = {
      ...process.env,
      PYTHONPATH: resolve('adapters/python/wrapper'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    execFileSync(pathOf(interpreter), ['-c', train, folder], { env });
    const part = await startPart(python, { interpreter: pathOf(interpreter) });
    runtime = part.face(predictorRuntime);
    stop = part.stop.bind(part);
  });
  after(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  const inspect = async (file: string): Promise<unknown> =>
    runtime.inspect!(join(folder, file), callContext(240_000));

  it('of scikit-learn says its columns, its label and its probabilities', async () => {
    expect(await inspect('iris.joblib')).to.deep.equal({
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 2], columns: ['delay mean', 'on'] }],
      outputs: [
        { name: 'label', datatype: 'INT64', shape: [-1] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
      ],
    });
  });

  it('of LightGBM and XGBoost says its columns where it remembers them', async () => {
    const outputs = [{ name: 'score', datatype: 'FP32', shape: [-1] }];
    const input = { name: 'features', datatype: 'FP32', shape: [-1, 2] };
    expect(await inspect('booster.txt')).to.deep.equal({
      inputs: [{ ...input, columns: ['a', 'b'] }],
      outputs,
    });
    expect(await inspect('booster.ubj')).to.deep.equal({ inputs: [input], outputs });
  });

  it('that does not load fails with the reason', async () => {
    writeFileSync(join(folder, 'broken.txt'), 'print me');
    expect(await failureOf(inspect('broken.txt'))).to.match(
      /^FAILED_PRECONDITION python: broken\.txt does not load as lightgbm: LightGBMError/,
    );
  });

  it('of somebody’s own does not say it', async () => {
    expect(await inspect('predictor.py')).to.equal(undefined);
  });

  it('that was saved has a model.yaml that YAML 1.1 and 1.2 read alike', () => {
    const text = readFileSync(join(folder, 'saved/model.yaml'), 'utf8');
    const read = parse(text) as Record<string, unknown>;
    expect(parse(text, { version: '1.1' })).to.deep.equal(read);
    expect(read).to.include({ runtime: 'sklearn', entry: 'model.joblib', over: 'row' });
    expect(read['columns']).to.deep.equal(['delay mean', 'on']);
    expect(JSON.parse(readFileSync(join(folder, 'saved/signature.json'), 'utf8'))).to.deep.equal({
      inputs: [{ name: 'features', datatype: 'FP64', shape: [-1, 2], columns: read['columns'] }],
      outputs: read['outputs'],
      over: 'row',
    });
    const { inputs } = read['selfTest'] as { readonly inputs: { readonly features: readonly number[] } };
    expect(inputs.features).to.have.length(4);
  });
});
