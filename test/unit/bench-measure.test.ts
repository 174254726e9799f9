import { expect } from 'chai';
import { interleave } from '../bench/measure.js';

describe('interleave', () => {
  it('runs subjects in turn, each second round the other way, and counts no warm-up', async () => {
    const order: string[] = [];
    const subject = (name: string, figures: number[]) => () => {
      order.push(name);
      return { ms: figures.shift()! };
    };
    const measured = await interleave(
      { a: subject('a', [99, 3, 1, 2]), b: subject('b', [99, 6, 4, 5]) },
      { rounds: 3 },
    );
    expect(order.join('')).to.equal('baabbaab');
    expect(measured).to.deep.equal({ a: { ms: 2 }, b: { ms: 5 } });
  });
});
