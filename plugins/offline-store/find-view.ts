import type { FeatureView } from 'vivace';
import { isDerived, operandsOf, withDerived } from './derived.js';
import { findSource, sourceOf, usesOfView, type FoundSource, type Looking } from './source.js';

/** Looks up the source of a view, with its derived columns. */
export async function findView(view: FeatureView, looking: Looking): Promise<FoundSource> {
  const source = sourceOf(view);
  const uses = [...usesOfView(view), ...operandsOf(source)];
  if (source.columns === undefined) return findSource(source, uses, looking);
  const stored = uses.filter(({ column }) => !isDerived(source, column));
  const found = await findSource(source, stored, looking);
  return withDerived({ ...found, uses }, source.columns, looking.warehouse.dialect);
}
