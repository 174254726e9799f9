import { predictorRuntime, type Definition } from 'vivace';
import { javascript } from 'vivace/adapters/javascript';
import { onnxruntime } from 'vivace/adapters/onnxruntime';
import { modelPredictor } from 'vivace/plugins/model-predictor';
import { makePart, predictorContract, startPart } from 'vivace/testing';
import { readFileSync } from 'node:fs';
import { fixtureBundle } from '../fixtures/bundles.js';
import { startRepository } from '../support/model-fixture.js';

const runtimes: readonly (readonly [string, Definition, string])[] = [
  ['onnxruntime', onnxruntime, 'affine.onnx'],
  ['javascript', javascript, 'affine.mjs'],
];

for (const [name, definition, file] of runtimes) {
  describe(`model-predictor over ${name}`, () => {
    const stops: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
    });

    predictorContract({
      runner: { describe, it, beforeEach, afterEach },
      async make() {
        const models = await startRepository();
        const bundle = fixtureBundle(file);
        const { runtime: kind, entry } = bundle.manifest;
        const content = readFileSync(`${bundle.directory}/${entry}`);
        await models.add(content, entry, { runtime: kind, alias: 'champion' });
        const runtime = await startPart(definition);
        stops.push(
          () => runtime.stop(),
          () => models.close(),
        );
        const uses = { repository: models.repository, runtime: runtime.face(predictorRuntime) };
        return makePart(modelPredictor, { model: 'affine', refreshMs: 0 }, { uses });
      },
    });
  });
}
