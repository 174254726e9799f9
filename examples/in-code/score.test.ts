import { strict as assert } from 'node:assert';
import { startScoring } from './score.js';

describe('example in-code', () => {
  it('answers in process, without HTTP', async () => {
    const server = await startScoring();
    const answer = await server.predict('assess', { request: { height_m: 2, weight_kg: 100 } });
    assert.deepEqual(answer.outputs, { index: 25 });
    await server.stop();
  });
});
