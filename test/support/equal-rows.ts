import { expect } from 'chai';
import { cellAt, columnOf, FeatureRows, type Cell, type FeatureView, type OnlineStore } from 'vivace';
import { callContext } from 'vivace/testing';

const context = () => callContext(120_000);

/** The rows of a view of shops and kinds in an online store. */
export async function onlineRows(view: FeatureView, online: OnlineStore): Promise<FeatureRows> {
  const keys = Array.from({ length: 40 }, (_, i): Cell[] => [`shop${i % 8}`, Math.floor(i / 8)]);
  const columns = view.entity.map(({ name, type }) =>
    columnOf(type, keys.map(([shop, kind]) => (name === 'shop' ? shop : kind) as Cell)),
  ); // prettier-ignore
  const out = new FeatureRows(view.features, keys.length);
  const column = (name: string) => columns[view.entity.findIndex((key) => key.name === name)]!;
  await online.open(view).read({ rows: keys.length, time: 0, column }, out, context());
  return out;
}

/** Fails where the rows of a view differ by a bit; only what is computed from sums of fractions may differ in its last digits. */
export function expectEqual(view: FeatureView, one: FeatureRows, other: FeatureRows): void {
  expect([...other.status]).to.deep.equal([...one.status]);
  expect([...other.eventTime]).to.deep.equal([...one.eventTime]);
  if (!view.isStatic) expect([...other.availableTime]).to.deep.equal([...one.availableTime]);
  view.features.forEach(({ name, origin, type }, i) => {
    const [expected, found] = [one, other].map(({ columns }) => columns[i]!.finish());
    const summed =
      origin.kind === 'aggregate' &&
      ['sum', 'mean', 'stddev'].includes(origin.aggregate) &&
      type.element.startsWith('float') &&
      !(origin.of === 'amount' && origin.aggregate !== 'stddev');
    for (let row = 0; row < one.rows; row++) {
      const [a, b] = [cellAt(expected!, row), cellAt(found!, row)];
      if (summed && typeof a === 'number' && typeof b === 'number')
        expect(Math.abs(a - b), `${name} ${a} ${b}`).to.be.at.most(1e-6 * Math.max(1, Math.abs(a)));
      else expect(b, name).to.deep.equal(a);
    }
  });
}
