import { modelPredictor } from 'vivace/plugins/model-predictor';
import type { BundleManifest, Clock, LogRecord, ModelRepository } from 'vivace';
import { callContext, makePart, startPart } from 'vivace/testing';
import { predictorRuntime } from 'vivace';
import { startRepository, type RepositoryFixture } from './model-fixture.js';
import { StagedRuntime } from './staged-runtime.js';

type Part = ReturnType<typeof makePart>;

/** A model-predictor over a repository in memory and a staged runtime. */
export interface PredictorFixture {
  readonly staged: StagedRuntime;
  readonly models: RepositoryFixture;
  readonly part: Part;
  readonly logs: LogRecord[];
  /** Resolves when something was logged that matches. */
  logged(message: RegExp): Promise<LogRecord>;
  close(): Promise<void>;
}

export interface PredictorSetup {
  readonly options?: object;
  /** More of version 1's manifest. */
  readonly more?: Partial<BundleManifest>;
  readonly staged?: StagedRuntime;
  readonly clock?: Clock;
  /** What the part gets in the place of the repository. */
  readonly over?: (own: ModelRepository) => ModelRepository;
  /** False leaves the part to be started by the test. */
  readonly start?: boolean;
}

/** Starts a `PredictorFixture`: version 1 of the affine model is champion; the alias is not polled unless options say so. */
export async function startPredictor(setup: PredictorSetup = {}): Promise<PredictorFixture> {
  const staged = setup.staged ?? new StagedRuntime();
  const models = await startRepository();
  await models.add('1', 'model.bin', { version: '1', alias: 'champion', ...setup.more });
  const runtime = await startPart(staged.definition);
  const logs: LogRecord[] = [];
  let wake: () => void = () => undefined;
  const part = makePart(
    modelPredictor,
    { model: 'affine', refreshMs: 0, ...setup.options },
    {
      uses: {
        repository: setup.over?.(models.repository) ?? models.repository,
        runtime: runtime.face(predictorRuntime),
      },
      ...(setup.clock === undefined ? {} : { clock: setup.clock }),
      onLog: (record) => {
        logs.push(record);
        wake();
      },
    },
  );
  const fixture: PredictorFixture = {
    staged,
    models,
    part,
    logs,
    async logged(message) {
      for (;;) {
        const found = logs.find((record) => message.test(record.message));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async close() {
      staged.hold = false;
      for (const held of staged.held) held.go();
      await part.stop();
      await runtime.stop();
      await models.close();
    },
  };
  if (setup.start !== false) await part.start(callContext());
  return fixture;
}
