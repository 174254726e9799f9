import { expect } from 'chai';
import { isKept, keptObjects, objectHash, seedOf } from '../../core/steps/record/sampling.js';

const users = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);

describe('The share of requests that a log keeps', () => {
  it('is about what it says, and the same requests each time', () => {
    for (const share of [0.01, 0.2, 0.5]) {
      const kept = users.filter((user) => isKept(user, share));
      expect(kept.length / users.length).to.be.closeTo(share, 0.012);
      expect(users.filter((user) => isKept(user, share))).to.deep.equal(kept);
    }
    expect(users.every((user) => isKept(user, 1))).to.equal(true);
  });

  it('holds those of a smaller share too', () => {
    expect(users.filter((user) => isKept(user, 0.05) && !isKept(user, 0.1))).to.deep.equal([]);
  });

  it('is as documented: 48 bits of SHA-256', () => {
    // int(hashlib.sha256(b"ada").hexdigest()[:12], 16) / 2**48
    expect([isKept('ada', 0.9919), isKept('ada', 0.992)]).to.deep.equal([false, true]);
  });
});

describe('The objects that a log keeps', () => {
  const order = Uint32Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
  const given = { top: 20, sample: 20, requestId: 'a' };

  it('are the first of the answer and so many of the others, which weigh what they stand for', () => {
    const { rows, weights } = keptObjects(100, order, given);
    expect(rows).to.have.lengthOf(40);
    expect([...rows]).to.deep.equal([...rows].sort((a, b) => a - b));
    const top = new Set(order.subarray(0, 20));
    rows.forEach((row, i) => expect(weights[i], String(row)).to.equal(top.has(row) ? 1 : 4));
    expect(weights.reduce((sum, weight) => sum + weight, 0)).to.equal(100);
  });

  it('are others for another request, and the same for the same', () => {
    const rows = (requestId: string): string => keptObjects(100, order, { ...given, requestId }).rows.join();
    expect(rows('a')).to.equal(rows('a'));
    expect(rows('a')).to.not.equal(rows('b'));
  });

  it('are drawn evenly', () => {
    const counts = new Array<number>(100).fill(0);
    for (let i = 0; i < 4000; i++)
      for (const row of keptObjects(100, new Uint32Array(0), { top: 0, sample: 10, requestId: `r${i}` }).rows)
        counts[row]!++;
    // 400 each, with a deviation of 19.
    expect(Math.min(...counts)).to.be.above(300);
    expect(Math.max(...counts)).to.be.below(500);
    expect(objectHash(seedOf('r'), 1)).to.equal(objectHash(seedOf('r'), 1));
  });

  it('are all of them where there are few, also where the answer leaves some out', () => {
    expect([...keptObjects(3, Uint32Array.of(2), given).rows]).to.deep.equal([0, 1, 2]);
    expect([...keptObjects(3, Uint32Array.of(2), { ...given, sample: 0 }).rows]).to.deep.equal([2]);
    expect([...keptObjects(0, new Uint32Array(0), given).rows]).to.deep.equal([]);
  });
});
