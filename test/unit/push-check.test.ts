import { expect } from 'chai';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createServer,
  defineAdapter,
  listModels,
  predictorRuntime,
  pushModel,
  VivaceError,
  withServer,
  type Bundle,
  type CheckStep,
  type ModelCheck,
  type ModelCheckContext,
  type PushedModel,
  type PushModelOptions,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { z } from 'zod';
import { failureOf } from '../support/failure.js';

const passed: ModelCheck = {
  passed: true,
  loadMs: 12,
  selfTest: 'passed',
  timings: [{ rows: 1, calls: 200, p50Ms: 0.1, p99Ms: 0.2 }],
  warnings: ['requirements.txt: numpy==1, but 2 is installed'],
};

describe('Operations: the check before a push', () => {
  let directory: string;
  /** What the runtime answers, and who was asked with what. */
  let answer: (bundle: Bundle, context: ModelCheckContext) => Promise<ModelCheck> | ModelCheck;
  let start: () => void;
  const asked: string[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-push-check-'));
    mkdirSync(join(directory, 'model/data'), { recursive: true });
    const yaml =
      'runtime: own\nentry: model.bin\ncolumns: [a]\nselfTest: { inputs: { features: [1] }, outputs: { score: [2] } }';
    for (const [name, content] of [
      ['model.yaml', yaml],
      ['model.bin', 'x'],
      ['data/words.txt', 'words'],
      ['.env', 'SECRET'],
    ] as const)
      writeFileSync(join(directory, 'model', name), content);
    answer = () => passed;
    start = () => undefined;
    asked.length = 0;
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** A runtime of models of the kind `own`, which may have a check. */
  const runtime = (name: string, checks: boolean) =>
    defineAdapter({
      provides: predictorRuntime,
      name,
      options: z.strictObject({}),
      create: () => ({
        hosts: ['own'],
        start: () => start(),
        load: () => Promise.reject(new Error('not here')),
        ...(checks
          ? {
              check: async (bundle: Bundle, context: ModelCheckContext) => {
                asked.push(name);
                return answer(bundle, context);
              },
            }
          : {}),
      }),
    });
  const serverWith = (parts: Record<string, object>) =>
    createServer({
      directory,
      parts: {
        blobs: { use: 'filesystem', path: 'bucket' },
        models: { use: 'model-repository', blobs: 'blobs', workspace: 'blobs' },
        ...(parts as Record<string, { use: string }>),
      },
      pipelines: {},
    });
  const one = { first: { use: runtime('first', true) } };
  const push = async (
    options: Partial<PushModelOptions> = {},
    parts: Record<string, object> = one,
  ): Promise<PushedModel> =>
    withServer(await serverWith(parts), (server) =>
      pushModel(server, { file: join(directory, 'model'), name: 'm', ...options }, callContext()),
    );
  const stored = async (): Promise<readonly unknown[]> =>
    withServer(await serverWith({}), async (server) => {
      await server.startOnly(['models']);
      return listModels(server, {}, callContext());
    });

  it('gives the runtime what a server would load, and says what was found', async () => {
    const steps: CheckStep[] = [];
    let place = '';
    answer = async (bundle, { onLine }) => {
      place = bundle.directory;
      const files = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter(
        (path) => path !== 'data',
      );
      expect(files.sort()).to.deep.equal([
        'data/words.txt',
        'model.bin',
        'model.json',
        'model.yaml',
        'training-set.json',
      ]);
      expect(readFileSync(join(place, 'data/words.txt'), 'utf8')).to.equal('words');
      expect(JSON.parse(readFileSync(join(place, 'training-set.json'), 'utf8'))).to.have.property(
        'id',
        'abc',
      );
      expect(JSON.parse(readFileSync(join(place, 'model.json'), 'utf8'))).to.deep.equal(bundle.manifest);
      expect(bundle.manifest).to.deep.include({ runtime: 'own', entry: 'model.bin', version: '1' });
      expect(bundle.manifest.selfTest?.outputs).to.deep.equal({ score: [2] });
      expect(await stored()).to.deep.equal([]);
      onLine?.('hello');
      return passed;
    };
    const { check } = await push({
      onCheck: (step) => steps.push(step),
      trainingSet: { id: 'abc', features: { v: { hash: 'aaaaaaaaaa', contract: 'cccccccccc' } } },
    });
    expect(check).to.deep.equal(passed);
    expect(steps).to.deep.equal([
      { kind: 'begun', entry: 'model.bin' },
      { kind: 'printed', line: 'hello' },
      { kind: 'ended', check: passed },
    ]);
    expect(existsSync(place)).to.equal(false);
    expect(await stored()).to.have.length(1);
  });

  it('pushes nothing of a model that fails', async () => {
    const steps: CheckStep[] = [];
    answer = () => ({ passed: false, reason: 'the self-test failed: "score"[0] is 3' });
    expect(await failureOf(push({ onCheck: (step) => steps.push(step) }))).to.equal(
      'INVALID_ARGUMENT file: model.bin failed its check and was not pushed: the self-test failed: "score"[0] is 3; mend it, or push it unchecked with --no-check',
    );
    expect(steps.map(({ kind }) => kind)).to.deep.equal(['begun', 'ended']);
    expect(await stored()).to.deep.equal([]);
    expect(await push({ check: false })).to.include({ check: undefined, alias: 'champion' });
    expect(asked).to.deep.equal(['first']);
  });

  it('says how to push a model that cannot be checked here', async () => {
    const said =
      'the model cannot be checked here and was not pushed: push it where it can be checked, or unchecked with --no-check';
    answer = () => {
      throw new VivaceError('FAILED_PRECONDITION', 'no interpreter');
    };
    expect(await failureOf(push())).to.equal(`FAILED_PRECONDITION first: no interpreter; ${said}`);
    start = () => {
      throw new VivaceError('FAILED_PRECONDITION', 'no numpy');
    };
    // The columns are said, but the file is asked for more.
    const more = `${said}, with --columns and --outputs`;
    expect(await failureOf(push()))
      .to.match(/^FAILED_PRECONDITION .*first.*: no numpy; /)
      .and.include(more);
    const signature = {
      inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 1], columns: ['a'] }],
      outputs: [{ name: 'score', datatype: 'FP32', shape: [-1] }],
    };
    const failed = await failureOf(push({ signature }));
    expect(failed).to.include(said).and.not.include('--columns');
    expect(await stored()).to.deep.equal([]);
    // Following the advice needs no runtime.
    await push({ signature, check: false });
    await push({ outputs: ['score'], check: false });
    expect(await stored()).to.have.length(2);
  });

  it('passes on what else ends a check', async () => {
    answer = () => {
      throw new Error('broken');
    };
    expect(await failureOf(push())).to.equal('INTERNAL first (first): broken');
    answer = () => passed;
    const onCheck = (): void => {
      throw new Error('the caller’s own');
    };
    expect(await failureOf(push({ onCheck }))).to.equal('Error: the caller’s own');
    expect(await stored()).to.deep.equal([]);
  });

  it('checks before anything else is written, but after what costs nothing', async () => {
    expect(await failureOf(push({ version: 'champion' }))).to.match(/^INVALID_ARGUMENT version/);
    expect(asked).to.deep.equal([]);
  });

  it('asks the runtime that serves the model, or another that hosts it and has a check', async () => {
    const serving = (part: string) => ({
      score: { use: 'model-predictor', model: 'm@champion', repository: 'models', runtime: part },
    });
    const both = { first: { use: runtime('first', true) }, second: { use: runtime('second', true) } };
    await push({ alias: false }, { ...both, ...serving('second') });
    await push({ alias: false }, { ...both, ...serving('first') });
    const silent = { silent: { use: runtime('silent', false) } };
    await push({ alias: false }, { ...silent, ...both, ...serving('silent') });
    expect(asked).to.deep.equal(['second', 'first', 'first']);
    expect(await push({ alias: false }, silent)).to.have.property('check', undefined);
    expect(await push({ alias: false }, {})).to.have.property('check', undefined);
  });
});
