import { expect } from 'chai';
import { definePipeline, type TypeName } from 'vivace';
import { thrownBy, withServer } from '../support/scripted.js';

/** What a pipeline says of a value that JSON wrote for a field. */
async function saidOf(type: TypeName, json: string): Promise<string> {
  const p = definePipeline({ request: { x: type }, response: { outputs: { x: 'request.x' } }, steps: [] });
  const request = JSON.parse(`{"request":{"x":${json}}}`) as never;
  return (
    await thrownBy(withServer({ parts: {}, pipelines: { p } }, (server) => server.predict('p', request)))
  ).message;
}

describe('A value of a request that does not fit', () => {
  const infinity = 'write infinity as the string "Infinity"';
  for (const [type, json, said] of [
    ['float64', '1e400', `a number out of range is not a float64; ${infinity}`],
    ['float64', '-1e400', `a number out of range is not a float64; ${infinity}`],
    ['float32', '1e39', `1e+39 is not a float32: it is out of range; ${infinity}`],
    ['float32', '1e400', `a number out of range is not a float32; ${infinity}`],
    ['int32', '1e400', 'a number out of range is not an int32'],
    ['int64', '1e400', 'a number out of range is not an int64; beyond 2^53 write it as a string'],
    ['int64', '3.5', '3.5 is not an int64'],
    ['int64', '9007199254740993', '9007199254740992 is not an int64; beyond 2^53 write it as a string'],
    ['string', '1e400', 'a number out of range is not a string'],
    ['bool', '-1e400', 'a number out of range is not a bool'],
    ['float64[2]', '1e400', 'a number out of range is not a list'],
    ['list<int32>', '[1e400]', 'a number out of range is not an int32'],
    ['int32', '"Infinity"', '"Infinity" is not an int32'],
  ] as const) {
    it(`is called what it was written as, or out of range: ${json} for ${type}`, async () => {
      const path = json.startsWith('[') ? 'request.x[0]' : 'request.x';
      expect(await saidOf(type, json)).to.equal(`${path}: ${said}`);
    });
  }
});
