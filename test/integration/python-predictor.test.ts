import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeNeeding, pathOf } from '../servers/programs.js';
import { python as interpreter } from '../servers/python.js';
import { rank } from '../../examples/python-predictor/rank.js';

describeNeeding([interpreter], 'example python-predictor', function () {
  this.timeout(600_000);

  it('ranks with the model in Python as with the same model in ONNX', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vivace-python-predictor-'));
    try {
      const { onnx, python } = await rank({ python: pathOf(interpreter), work: join(folder, 'work') });
      const names = (ranked: typeof onnx): string[] => ranked.map(({ destination }) => destination);
      assert.equal(onnx.length, 12);
      assert.deepEqual(names(python), names(onnx));
      for (const [i, { delay }] of onnx.entries()) assert.ok(Math.abs(delay - python[i]!.delay) < 1e-3);
      assert.ok(onnx[0]!.delay < onnx.at(-1)!.delay);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
