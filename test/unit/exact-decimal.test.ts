import { expect } from 'chai';
import { exactFloat64 } from 'vivace/kit';

describe('exactFloat64', () => {
  for (const [text, number] of [
    ['0', 0],
    ['1.10', 1.1],
    ['-0.30000000000000000', -0.3],
    ['0.30000000000000004', 0.1 + 0.2],
    ['9007199254740992.000000000', 2 ** 53],
    ['12345678901234567000', 12_345_678_901_234_567_000],
    ['0.0000000000000000000000123', 1.23e-23],
    ['+1.5000000000000000e3', 1500],
    ['000000000000000000.5', 0.5],
    ['0.000000000000000000', 0],
  ] as const) {
    it(`takes ${text}`, () => expect(exactFloat64(text)).to.equal(number));
  }

  for (const text of [
    '9007199254740993',
    '12345678901234567.25',
    '0.1000000000000000055',
    '-12345678901234567890',
  ]) {
    it(`refuses ${text}, whose digits would be lost`, () => expect(exactFloat64(text)).to.equal(undefined));
  }
});
